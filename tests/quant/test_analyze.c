/* SPDX-License-Identifier: Apache-2.0 */
/* Where accuracy is lost: figures against those computed by hand, layers in parts, culprits. */
#include "quant/accuracy.h"
#include "report/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 6, SIDE = 10 };

static void fill_sample(int index, float *data)
{
    unsigned seed = (unsigned)index * 2654435761U + 1;
    for (size_t i = 0; i < SIDE * SIDE * 3; i++) {
        seed = seed * 1103515245U + 12345U;
        data[i] = (float)(seed >> 16 & 1023) / 512 - 1;
    }
}

#include "place.h"

/* A stem whose channels differ in range by 600, a depthwise convolution and a head; the names would
   end a script on a page. */
static ork_graph *network(place *p)
{
    ork_str text = {0};
    ork_str_printf(&text, "graph \"n</script>\" canon { input %%0 \"x\" f32[1x3x10x10]\n"
                          "const %%1 \"w1\" f32[8x3x1x1] [");
    for (int i = 0; i < 24; i++)
        ork_str_printf(&text, "%g ",
                       (i / 3 % 2 ? 0.05 : 30.0) * (double)((i * 7 + 3) % 11 - 5) / 5);
    ork_str_printf(&text,
                   "]\n%%2 \"stem\" f32[1x8x10x10] = conv2d(%%0, %%1, _) stride [1 1] dilation [1 "
                   "1] groups 1\n%%3 \"act\" f32[1x8x10x10] = silu(%%2)\n"
                   "const %%4 \"w2\" f32[8x1x3x3] [");
    for (int i = 0; i < 72; i++)
        ork_str_printf(&text, "%g ", (i / 9 % 2 ? 5.0 : 0.02) * (double)((i * 5 + 2) % 13 - 6) / 6);
    ork_str_printf(&text,
                   "]\n%%5 \"depth\" f32[1x8x10x10] = conv2d(%%3, %%4, _) stride [1 1] dilation [1 "
                   "1] pad [1 1 1 1] groups 8\n%%6 \"depth_act\" f32[1x8x10x10] = silu(%%5)\n"
                   "const %%7 \"w3\" f32[4x8x1x1] random 9\n"
                   "%%8 \"head<b>\" f32[1x4x10x10] = conv2d(%%6, %%7, _) stride [1 1] dilation [1 "
                   "1] groups 1\noutput %%8 }");
    ork_graph *graph = ork_graph_parse(p->diag, text.text, text.length);
    if (!graph)
        fail_msg("%s", ork_diag_error(p->diag)->what);
    ork_str_free(&text);
    return graph;
}

static ork_graph *quantized(place *p, const ork_graph *graph, int splits)
{
    const ork_quantization options = {
        .dtype = ORK_U8, .algorithm = ORK_RANGE_EXTREMES, .splits = splits, .samples = SAMPLES};
    ork_graph *integers = ork_graph_clone(graph, true);
    if (!ork_quantize_best(p->diag, integers, p->dataset, &options, NULL))
        fail_msg("%s", ork_diag_error(p->diag)->what);
    return integers;
}

static ork_accuracy *analyzed(place *p, const ork_graph *graph, const ork_graph *integers,
                              ork_pool *pool)
{
    const ork_analysis_task task = {
        .reference = graph, .quantized = integers, .samples = SAMPLES, .bad_sqnr = 10};
    ork_accuracy *accuracy = ork_analyze(p->diag, &task, p->dataset, pool);
    if (!accuracy)
        fail_msg("%s", ork_diag_error(p->diag)->what);
    return accuracy;
}

static const ork_layer_accuracy *layer_of(const ork_accuracy *accuracy, const char *name)
{
    for (size_t i = 0; i < accuracy->layers.count; i++)
        if (strcmp(accuracy->layers.items[i].name, name) == 0)
            return &accuracy->layers.items[i];
    fail_msg("no layer '%s'", name);
    return NULL;
}

/* ---- figures ---- */

static void test_distance(void **state)
{
    (void)state;
    const ork_shape shape = ork_shape_of(4, (int64_t[]){1, 2, 1, 2});
    const float reference[] = {3, -1, 0.5f, -0.5f}, other[] = {3, 0, -0.5f, -0.5f};
    ork_arena *arena = ork_arena_new();
    comparison c;
    comparison_start(&c, arena, &shape);
    comparison_add(&c, &shape, reference, other);
    const ork_distance d = comparison_distance(&c);
    const double cosine = (9 + 0 - 0.25 + 0.25) / sqrt((10 + 0.5) * (9 + 0.5));
    assert_true(fabs(d.cosine - cosine) < 1e-12);
    assert_true(fabs(d.euclidean - sqrt(1 + 1)) < 1e-12);
    assert_true(fabs(d.unit_euclidean - sqrt(2 * (1 - cosine))) < 1e-9);
    assert_true(fabs(d.sqnr - 10 * log10(10.5 / 2)) < 1e-9);
    /* channels: 1 of variance 8, and 1 of variance 0.5, which counts as lost */
    assert_true(fabs(d.channel_sqnr - 10 * log10(2 / (1.0 / 8 + 1))) < 1e-9);
    assert_int_equal(d.lost_channels, 1);
    assert_true(fabs(d.greatest - 1) < 1e-12);
    assert_int_equal(d.not_finite, 0);
    comparison_add(&c, &shape, (float[]){NAN, 1, 1, 1}, (float[]){1, 1, INFINITY, 1});
    assert_int_equal(comparison_distance(&c).not_finite, 2);
    comparison_start(&c, arena, &shape);
    comparison_add(&c, &shape, reference, reference);
    assert_true(isinf(comparison_distance(&c).sqnr));
    assert_true(comparison_distance(&c).unit_euclidean == 0);
    comparison_start(&c, arena, &shape);
    comparison_add(&c, &shape, reference, (float[]){0, 0, 0, 0});
    assert_true(isnan(comparison_distance(&c).cosine));
    assert_true(comparison_distance(&c).unit_euclidean == 1);
    ork_arena_free(arena);
}

static void test_culprits_of_one_scale(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p), *integers = quantized(p, graph, 0);
    ork_accuracy *a = analyzed(p, graph, integers, NULL);
    assert_int_equal(a->samples, SAMPLES);
    assert_int_equal(a->unmatched, 0);
    assert_int_equal(a->layers.count, 4); /* functions belong to their convolutions */
    const ork_layer_accuracy *stem = layer_of(a, "stem"), *depth = layer_of(a, "depth");
    assert_string_equal(stem->op, "conv2d + silu");
    assert_string_equal(stem->output, "act");
    assert_int_equal(stem->groups, 1);
    assert_true(stem->is_culprit && stem->is_bad);
    assert_true(stem->weight_ratio > 100 && depth->weight_ratio > 100);
    assert_true(stem->advice.count > 0);
    /* All numbers together hide what the average channel shows. */
    assert_true(stem->isolated.sqnr > 20);
    assert_true(stem->isolated.channel_sqnr < 10);
    assert_int_equal(stem->isolated.lost_channels, 4);
    /* Rows between 30 and -30, and between 0.05 and -0.05, under a step of about 60 / 255. */
    assert_int_equal(stem->weight_channels, 8);
    for (int c = 0; c < 8; c++) {
        if (c % 2)
            assert_int_equal(stem->weight_codes[c], 1);
        else
            assert_in_range(stem->weight_codes[c], 100, 256);
    }
    assert_true(stem->weight_low == -30 && stem->weight_high == 30);
    uint32_t weights = 0;
    for (int i = 0; i < ORK_ACCURACY_BINS; i++)
        weights += stem->weight_bins[i];
    assert_int_equal(weights, 24);
    assert_int_equal(a->layers.items[0].weight_channels, 0); /* the input */
    assert_true(a->error > 0.1 && a->first_bad >= 0);
    assert_string_equal(a->layers.items[a->first_bad].name, "stem");
    assert_true(strstr(a->verdict, "'stem'") != NULL);
    ork_accuracy_free(a);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

/* Groups are joined channel by channel before they are compared: a wrong order would show as noise.
 */
static void test_layers_in_groups(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p), *integers = quantized(p, graph, 8);
    ork_accuracy *a = analyzed(p, graph, integers, NULL);
    const ork_layer_accuracy *stem = layer_of(a, "stem"), *depth = layer_of(a, "depth");
    assert_int_equal(a->unmatched, 0);
    assert_int_equal(a->layers.count, 4);
    assert_true(stem->groups > 1 && depth->groups == stem->groups);
    assert_true(stem->isolated.channel_sqnr > 25);
    assert_true(depth->isolated.channel_sqnr > 20 && depth->accumulated.channel_sqnr > 20);
    assert_true(stem->weight_ratio < 100);
    for (int c = 0; c < 8; c++)
        assert_true(stem->weight_codes[c] > 50 && depth->weight_codes[c] > 50);
    assert_true(a->error < 0.05);
    ork_accuracy_free(a);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

static void test_the_same_for_any_threads(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p), *integers = quantized(p, graph, 8);
    ork_str one = {0}, four = {0};
    ork_pool *pool = ork_pool_new(4);
    ork_accuracy *a = analyzed(p, graph, integers, NULL), *b = analyzed(p, graph, integers, pool);
    ork_report_json(a, &one);
    ork_report_json(b, &four);
    assert_string_equal(one.text, four.text);
    ork_str_free(&one);
    ork_str_free(&four);
    ork_accuracy_free(a);
    ork_accuracy_free(b);
    ork_pool_free(pool);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

/* The layer alone, with nothing wrong before it, is the layer in the network. */
static void test_first_layer_alone_is_entire(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p), *integers = quantized(p, graph, 0);
    ork_accuracy *a = analyzed(p, graph, integers, NULL);
    const ork_layer_accuracy *stem = layer_of(a, "stem");
    assert_true(stem->isolated.euclidean == stem->accumulated.euclidean);
    assert_true(stem->isolated.cosine == stem->accumulated.cosine);
    ork_accuracy_free(a);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

static bool never(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user, (void)done, (void)total;
    return strcmp(stage, "analyzing") != 0;
}

static void test_cancelled(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p), *integers = quantized(p, graph, 0);
    const ork_analysis_task task = {
        .reference = graph, .quantized = integers, .samples = 2, .bad_sqnr = 10};
    ork_diag_set_progress(p->diag, never, NULL);
    assert_null(ork_analyze(p->diag, &task, p->dataset, NULL));
    assert_int_equal(ork_diag_error_id(p->diag), ORK_ERR_CANCELLED);
    ork_diag_set_progress(p->diag, NULL, NULL);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static void test_page_holds_any_name(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p), *integers = quantized(p, graph, 0);
    ork_accuracy *a = analyzed(p, graph, integers, NULL);
    ork_str page = {0};
    ork_report_page(a, &page);
    assert_int_equal(count_of(page.text, "</script>"), 1);
    assert_null(strstr(page.text, "head<b>"));
    assert_non_null(strstr(page.text, "head&lt;b&gt;"));
    assert_int_equal(count_of(page.text, "<tr id=\"layer"), a->layers.count);
    ork_str_free(&page);
    ork_accuracy_free(a);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test_setup_teardown(test_culprits_of_one_scale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layers_in_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_for_any_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_layer_alone_is_entire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_page_holds_any_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
