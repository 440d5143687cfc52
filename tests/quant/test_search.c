/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges, rounding and the whole search, on networks and samples made here. */
#include "quant/internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 12, SIDE = 12 };

/* Pictures of three channels that depend on each other. */
static void fill_sample(int index, float *data)
{
    unsigned seed = (unsigned)index * 2654435761U + 1;
    for (int i = 0; i < SIDE * SIDE; i++) {
        seed = seed * 1103515245U + 12345U;
        const float x = (float)(seed >> 16 & 1023) / 512 - 1;
        seed = seed * 1103515245U + 12345U;
        const float noise = (float)(seed >> 16 & 1023) / 2560;
        data[i * 3] = x;
        data[i * 3 + 1] = 0.9f * x + noise;
        data[i * 3 + 2] = noise - 0.8f * x;
    }
}

#include "place.h"

/* A stem whose channels differ in range by 600, as those of real detectors do: with one scale for
   all, the small ones are lost. */
static ork_graph *network(place *p)
{
    ork_str text = {0};
    ork_str_printf(&text, "graph \"n\" canon { input %%0 \"x\" f32[1x3x12x12]\n"
                          "const %%1 \"w1\" f32[8x3x1x1] [");
    for (int i = 0; i < 24; i++)
        ork_str_printf(&text, "%g ",
                       (i / 3 % 2 ? 0.05 : 30.0) * (double)((i * 7 + 3) % 11 - 5) / 5);
    ork_str_printf(&text,
                   "]\n%%2 \"stem\" f32[1x8x12x12] = conv2d(%%0, %%1, _) stride [1 1] dilation [1 "
                   "1] groups 1\n%%3 \"act\" f32[1x8x12x12] = silu(%%2)\n"
                   "const %%4 \"w2\" f32[8x1x3x3] [");
    for (int i = 0; i < 72; i++)
        ork_str_printf(&text, "%g ", (i / 9 % 2 ? 5.0 : 0.02) * (double)((i * 5 + 2) % 13 - 6) / 6);
    ork_str_printf(&text,
                   "]\n%%5 \"depth\" f32[1x8x12x12] = conv2d(%%3, %%4, _) stride [1 1] dilation [1 "
                   "1] pad [1 1 1 1] groups 8\n%%6 \"depth_act\" f32[1x8x12x12] = silu(%%5)\n"
                   "const %%7 \"w3\" f32[4x8x1x1] random 9\n"
                   "%%8 \"head\" f32[1x4x12x12] = conv2d(%%6, %%7, _) stride [1 1] dilation [1 1] "
                   "groups 1\noutput %%8 }");
    ork_graph *graph = ork_graph_parse(p->diag, text.text, text.length);
    if (!graph)
        fail_msg("%s", ork_diag_error(p->diag)->what);
    ork_str_free(&text);
    return graph;
}

static const ork_sample_span everything = {.stage = "all", .end = SAMPLES, .step = 1};

/* The error of the quantized form of the network, judged on the samples. */
static double error_of(place *p, const ork_quantization *options, ork_pool *pool, ork_str *text)
{
    double error = -1;
    ork_graph *graph = network(p), *integers = ork_graph_clone(graph, true);
    ork_probe *probe =
        ork_probe_new(p->diag, graph, p->dataset, &everything, NULL, options->family);
    assert_non_null(probe);
    if (!ork_quantize_best(p->diag, integers, p->dataset, options, pool))
        fail_msg("%s", ork_diag_error(p->diag)->what);
    assert_int_equal(integers->stage, ORK_STAGE_QUANT);
    assert_true(ork_probe_judge(probe, integers, SAMPLES, &error));
    if (text)
        ork_graph_print(integers, &(ork_text_options){.all_constants = true}, text);
    ork_probe_free(probe);
    ork_graph_free(integers);
    ork_graph_free(graph);
    return error;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
}

static void test_search_saves_the_network(void **state)
{
    place *p = *state;
    ork_str text = {0};
    ork_quantization options = {
        .dtype = ORK_U8, .algorithm = ORK_RANGE_EXTREMES, .samples = SAMPLES};
    const double plain = error_of(p, &options, NULL, NULL);
    options.algorithm = ORK_RANGE_COUNT;
    options.rounding = options.bias_correction = true;
    options.splits = 4;
    const double searched = error_of(p, &options, NULL, &text);
    assert_true(plain > 0.05);
    assert_true(searched < plain / 20);
    /* Not more launches than allowed, and the vendor's vocabulary. */
    assert_in_range(count_of(text.text, "= conv2d("), 4, 3 + 4);
    assert_true(count_of(text.text, "= concat(") >= 1);
    ork_str_free(&text);
}

static void test_no_splits(void **state)
{
    place *p = *state;
    ork_str text = {0};
    ork_quantization options = {.dtype = ORK_U8,
                                .algorithm = ORK_RANGE_COUNT,
                                .rounding = true,
                                .bias_correction = true,
                                .samples = SAMPLES};
    error_of(p, &options, NULL, &text);
    assert_int_equal(count_of(text.text, "= conv2d("), 3);
    ork_str_free(&text);
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    place *p = *state;
    static const ork_dtype dtypes[] = {ORK_U8, ORK_I8};
    for (size_t i = 0; i < ORK_COUNT(dtypes); i++) {
        ork_quantization options = {.dtype = dtypes[i],
                                    .family = ORK_FAMILY_PUMA,
                                    .algorithm = ORK_RANGE_COUNT,
                                    .splits = 4,
                                    .rounding = true,
                                    .bias_correction = true,
                                    .samples = SAMPLES};
        ork_str one = {0}, three = {0};
        ork_pool *pool = ork_pool_new(3);
        error_of(p, &options, NULL, &one);
        error_of(p, &options, pool, &three);
        assert_string_equal(one.text, three.text);
        ork_pool_free(pool);
        ork_str_free(&one);
        ork_str_free(&three);
    }
}

/* ---- ranges ---- */

/* Numbers of a part spread evenly from its least number to `end`. */
static void spread(ork_part *part, double end)
{
    for (int b = 0; b < ORK_TENSOR_BINS; b++) {
        const double from = ork_part_edge(part, ORK_TENSOR_BINS, b);
        const double to = ork_part_edge(part, ORK_TENSOR_BINS, b + 1);
        part->bins[b] = from < end ? (uint32_t)lround(1e6 * (to - from)) : 0;
    }
}

/* A distribution of one part: numbers spread evenly over [-1, 1], one at 50. */
static ork_statistics outlier(uint32_t *bins, ork_part *part)
{
    *part = (ork_part){.min = -1, .max = 50, .bins = bins};
    spread(part, 1);
    bins[ORK_TENSOR_BINS - 1] = 1;
    return (ork_statistics){
        .channels = 1, .bin_count = ORK_TENSOR_BINS, .samples = 1, .parts = part};
}

static void test_ranges(void **state)
{
    (void)state;
    static uint32_t bins[ORK_TENSOR_BINS];
    ork_part part;
    ork_statistics s = outlier(bins, &part);
    ork_portion whole = {&s, NULL, 1};
    ork_range r = ork_range_choose(ORK_RANGE_EXTREMES, ORK_U8, &whole, NULL);
    assert_true(r.min == -1 && r.max == 50);
    for (int a = ORK_RANGE_PERCENTILE; a < ORK_RANGE_COUNT; a++) {
        r = ork_range_choose((ork_range_algorithm)a, ORK_U8, &whole, NULL);
        assert_true(r.max < 30 && r.max >= 0.9f);
        assert_true(r.min <= 0 && r.min >= -1);
    }
    r = ork_range_choose(ORK_RANGE_SQUARES, ORK_I8, &whole, NULL);
    assert_true(ork_quant_of_range(ORK_I8, r).fraction_length > 1); /* 50 alone would take 1 */
}

/* The channel's few great numbers take nothing from how exactly the others are known. */
static void test_bins_are_fine_where_numbers_are_small(void **state)
{
    (void)state;
    const ork_part part = {.min = -1, .max = 100};
    int narrow = 0;
    assert_true(ork_part_edge(&part, ORK_CHANNEL_BINS, 0) == -1);
    assert_true(fabs(ork_part_edge(&part, ORK_CHANNEL_BINS, ORK_CHANNEL_BINS) - 100) < 1e-5);
    for (int b = 0; b < ORK_CHANNEL_BINS; b++) {
        const double width = ork_part_edge(&part, ORK_CHANNEL_BINS, b + 1) -
                             ork_part_edge(&part, ORK_CHANNEL_BINS, b);
        assert_true(width > 0 && width < 2);
        narrow += width < 0.2;
    }
    assert_true(narrow > 15);
}

static void test_what_a_function_ignores_needs_no_codes(void **state)
{
    (void)state;
    static uint32_t bins[ORK_TENSOR_BINS];
    ork_part part = {.min = -40, .max = 10, .bins = bins};
    spread(&part, 10);
    ork_statistics s = {.channels = 1, .bin_count = ORK_TENSOR_BINS, .samples = 1, .parts = &part};
    ork_portion whole = {&s, NULL, 1};
    ork_activation silu = {.op = ORK_UNARY_SILU};
    ork_range r = ork_range_choose(ORK_RANGE_SQUARES, ORK_U8, &whole, &silu);
    assert_true(r.min > -15 && r.min < 0);
    assert_true(r.max > 9);
    r = ork_range_choose(ORK_RANGE_SQUARES, ORK_U8, &whole, NULL);
    assert_true(r.min < -35);
}

/* Where the function leaves numbers nearly as they are, rounding them to the steps that they have
   already loses nothing; where it does not, its own range is better. */
static void test_a_function_keeps_the_steps_of_its_input(void **state)
{
    (void)state;
    static uint32_t bins[ORK_TENSOR_BINS];
    ork_part part = {.min = -4, .max = 20, .bins = bins};
    spread(&part, 20);
    ork_statistics s = {.channels = 1, .bin_count = ORK_TENSOR_BINS, .samples = 1, .parts = &part};
    ork_portion whole = {&s, NULL, 1};
    const ork_range before = {-4, 20, true}, own = {-0.278f, 20, true}, unit = {0, 1, true};
    const ork_activation silu = {.op = ORK_UNARY_SILU}, sigmoid = {.op = ORK_UNARY_SIGMOID};
    const ork_range kept = ork_range_align(&whole, &silu, before, own);
    const ork_quant from = ork_quant_of_range(ORK_U8, before),
                    to = ork_quant_of_range(ORK_U8, kept);
    assert_true(fabsf(from.scale - to.scale) < 1e-6f * from.scale);
    assert_true(kept.min <= -0.278f && kept.max >= 20);
    const ork_range other = ork_range_align(&whole, &sigmoid, before, unit);
    assert_true(other.min == 0 && other.max == 1);
}

/* ---- rounding ---- */

static void check_rounding(place *p, bool by_channel)
{
    static const char text[] =
        "graph \"n\" canon { input %0 \"x\" f32[1x3x12x12]\n"
        "const %1 \"w\" f32[4x3x3x3] random 3\n"
        "%2 \"conv\" f32[1x4x12x12] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] pad [1 1 1 1] "
        "groups 1\noutput %2 }";
    ork_graph *graph = ork_graph_parse(p->diag, text, strlen(text));
    const void *weights[3] = {0};
    float *shifts[3] = {0};
    ork_rounding_report report;
    assert_true(ork_rounding_choose(p->diag, graph, p->dataset, &everything, NULL, ORK_U8,
                                    by_channel, weights, shifts, &report));
    assert_int_equal(report.layers, 1);
    assert_int_equal(report.rounded, 1); /* the channels of the samples depend on each other */
    assert_non_null(weights[1]);
    assert_non_null(shifts[2]);
    /* Only the weights are quantized, so that nothing but their rounding errs. */
    const ork_quant all =
        ork_weight_quant(graph->arena, graph->values.items[2]->producer, ORK_U8, by_channel);
    const float *real = graph->values.items[1]->data;
    double error[2];
    ork_probe *probe =
        ork_probe_new(p->diag, graph, p->dataset, &everything, NULL, ORK_FAMILY_LION);
    for (int k = 0; k < 2; k++) {
        ork_graph *other = ork_graph_clone(graph, true);
        float *data = (float *)(uintptr_t)other->values.items[1]->data;
        for (int i = 0; i < 108; i++) {
            const ork_quant quant = ork_quant_of_channel(&all, i / 27);
            int nearest = (int)(roundf(real[i] / quant.scale) + (float)quant.zero_point);
            int chosen = ((const uint8_t *)weights[1])[i];
            assert_in_range(abs(chosen - nearest), 0, 6);
            data[i] = quant.scale * (float)((k ? chosen : nearest) - quant.zero_point);
        }
        assert_true(ork_probe_judge(probe, other, SAMPLES, &error[k]));
        ork_graph_free(other);
    }
    assert_true(error[1] < 0.8 * error[0]);
    ork_probe_free(probe);
    ork_graph_free(graph);
}

static void test_rounding_lowers_the_error(void **state)
{
    check_rounding(*state, false);
    check_rounding(*state, true);
}

/* ---- by boxes ---- */

/* Numbers of very different size in one tensor. */
static ork_graph *joined_network(place *p)
{
    static const char text[] =
        "graph \"n\" canon { input %0 \"x\" f32[1x3x12x12]\n"
        "const %1 \"w1\" f32[2x3x1x1] random 1\nconst %2 \"w2\" f32[2x3x1x1] random 2\n"
        "%3 \"boxes\" f32[1x2x12x12] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] groups 1\n"
        "%4 \"scores\" f32[1x2x12x12] = conv2d(%0, %2, _) stride [1 1] dilation [1 1] groups 1\n"
        "%5 \"all\" f32[1x4x12x12] = concat(%3, %4) axis 1\noutput %5 }";
    return ork_graph_parse(p->diag, text, strlen(text));
}

/* Stands for a comparison of boxes: 16 bits bring them so much nearer. */
static bool error_of_joint(void *gain, const ork_graph *graph, double *error)
{
    *error = graph->outputs.items[0]->type.dtype == ORK_I16 ? 1 - *(const double *)gain : 1;
    return true;
}

static ork_dtype type_of_joint(place *p, double gain)
{
    ork_graph *graph = joined_network(p);
    const ork_quantization options = {.dtype = ORK_U8,
                                      .algorithm = ORK_RANGE_COUNT,
                                      .samples = SAMPLES,
                                      .referee = {.error = error_of_joint, .user = &gain}};
    if (!graph || !ork_quantize_best(p->diag, graph, p->dataset, &options, NULL))
        fail_msg("%s", ork_diag_error(p->diag)->what);
    for (const ork_node *node = graph->first; node; node = node->next)
        if (node->op == ORK_OP_CONV2D)
            assert_int_equal(node->output->type.dtype, ORK_U8);
    const ork_dtype dtype = graph->outputs.items[0]->type.dtype;
    ork_graph_free(graph);
    return dtype;
}

static void test_answers_are_joined_in_16_bits_where_that_brings_boxes_nearer(void **state)
{
    assert_int_equal(type_of_joint(*state, 0.3), ORK_I16);
    assert_int_equal(type_of_joint(*state, 0.01), ORK_U8);
}

/* ---- mixed precision ---- */

/* Numbers that are computed, those of 16 bits at twice the price. */
static double price(const void *chip, const ork_graph *graph)
{
    double sum = 0;
    (void)chip;
    for (const ork_node *node = graph->first; node; node = node->next)
        sum += (double)ork_shape_count(&node->output->type.shape) *
               (node->output->type.dtype == ORK_I16 ? 2 : 1);
    return sum;
}

static double mixed(place *p, double most_loss, ork_pool *pool, ork_precision *precision,
                    ork_str *text)
{
    *precision = (ork_precision){.most_loss = most_loss, .arena = ork_arena_new()};
    const ork_quantization options = {.dtype = ORK_U8,
                                      .algorithm = ORK_RANGE_COUNT,
                                      .samples = SAMPLES,
                                      .precision = precision,
                                      .cost = price};
    return error_of(p, &options, pool, text);
}

static void test_16_bits_where_they_are_needed(void **state)
{
    place *p = *state;
    ork_precision precision;
    ork_str text = {0};
    const double error = mixed(p, 3, NULL, &precision, &text);
    assert_true(precision.loss_before > 5); /* in 8 bits alone */
    assert_true(precision.loss <= 3);
    assert_true(error <= 0.03);
    assert_in_range(precision.layers.count, 2, 3);
    assert_int_equal(count_of(text.text, "i16[8x3x1x1]"), 1); /* weights of stem and depth */
    assert_int_equal(count_of(text.text, "i16[8x1x3x3]"), 1);
    assert_true(precision.cost > 1);
    double cost = 0;
    for (size_t i = 0; i < precision.layers.count; i++) {
        const ork_wide_layer *layer = &precision.layers.items[i];
        const bool is_head = strcmp(layer->layer, "head") == 0; /* it may save a conversion */
        assert_true(layer->error < layer->error_before);
        assert_true(is_head ? layer->cost < 0 : strstr(layer->why, "differ in range") != NULL);
        cost += layer->cost;
    }
    assert_true(fabs(precision.cost - 1 - cost) < 1e-9);
    ork_arena_free(precision.arena);
    ork_str_free(&text);
}

static void test_8_bits_where_they_suffice(void **state)
{
    place *p = *state;
    ork_precision precision;
    ork_str text = {0};
    mixed(p, 300, NULL, &precision, &text);
    assert_int_equal(precision.layers.count, 0);
    assert_true(precision.cost == 1);
    assert_null(strstr(text.text, "i16"));
    ork_arena_free(precision.arena);
    ork_str_free(&text);
}

static void test_more_than_16_bits_can_do(void **state)
{
    place *p = *state;
    ork_precision precision;
    mixed(p, 0, NULL, &precision, NULL);
    assert_true(precision.loss > 0);
    assert_int_equal(precision.layers.count, 3);
    ork_arena_free(precision.arena);
}

static void test_the_same_layers_for_any_number_of_threads(void **state)
{
    place *p = *state;
    ork_precision first, second;
    ork_str one = {0}, four = {0};
    ork_pool *pool = ork_pool_new(4);
    mixed(p, 1, NULL, &first, &one);
    mixed(p, 1, pool, &second, &four);
    assert_string_equal(one.text, four.text);
    assert_true(first.loss == second.loss);
    assert_int_equal(first.layers.count, second.layers.count);
    ork_pool_free(pool);
    ork_arena_free(first.arena);
    ork_arena_free(second.arena);
    ork_str_free(&one);
    ork_str_free(&four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_search_saves_the_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_bits_for_any_number_of_threads, set_up,
                                        tear_down),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_bins_are_fine_where_numbers_are_small),
        cmocka_unit_test(test_a_function_keeps_the_steps_of_its_input),
        cmocka_unit_test(test_what_a_function_ignores_needs_no_codes),
        cmocka_unit_test_setup_teardown(test_rounding_lowers_the_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_answers_are_joined_in_16_bits_where_that_brings_boxes_nearer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_16_bits_where_they_are_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_8_bits_where_they_suffice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_16_bits_can_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_layers_for_any_number_of_threads, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
