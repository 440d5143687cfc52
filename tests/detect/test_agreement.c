/* SPDX-License-Identifier: Apache-2.0 */
/* The loss of a detector without labels: none for itself, some for a coarser one. */
#include "detect/detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 6, SIDE = 64 };

typedef struct fixture {
    char folder[64];
    ork_diag *diag;
    ork_dataset *dataset;
    ork_graph *graph;
} fixture;

/* A bright square on noise. */
static void write_sample(fixture *f, int index, ork_str *list)
{
    static float data[SIDE * SIDE * 3];
    unsigned seed = (unsigned)index + 1;
    char path[128];
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        seed = seed * 1103515245U + 12345U;
        const int x = i / 3 % SIDE, y = i / 3 / SIDE, left = 8 * index;
        const bool inside = x >= left && x < left + 20 && y >= 16 && y < 40;
        data[i] = (inside ? 1 : 0) + (float)(seed >> 16 & 255) / 1024;
    }
    snprintf(path, sizeof(path), "%s/%d.npy", f->folder, index);
    ork_tensor tensor = {ork_type_of(ORK_F32, 4, (int64_t[]){1, SIDE, SIDE, 3}), data};
    assert_true(ork_npy_write(f->diag, path, &tensor));
    ork_str_printf(list, "%d.npy\n", index);
}

/* Two maps: centres, sizes and scores grow with the brightness of the cell. */
static ork_graph *network(ork_diag *diag, const char *outputs)
{
    ork_str text = {0};
    ork_str_printf(&text, "graph \"n\" canon { input %%0 \"x\" f32[1x3x64x64]\n");
    for (int map = 0; map < 2; map++) {
        const int stride = map ? 16 : 8, cells = SIDE / stride, at = 1 + 4 * map;
        ork_str_printf(&text, "const %%%d \"w%d\" f32[6x3x%d%s%d] [", at, map, stride, "x", stride);
        for (int channel = 0; channel < 6; channel++)
            for (int i = 0; i < 3 * stride * stride; i++)
                ork_str_printf(&text, "%g ",
                               (channel < 4 ? 1.3 + 0.1 * (i % 7) : 8 + i % 3) /
                                   (3.0 * stride * stride));
        ork_str_printf(&text,
                       "]\nconst %%%d \"b%d\" f32[6] [0.1 -0.2 0.3 0.2 -5 -4]\n"
                       "%%%d \"map%d\" f32[1x6x%dx%d] = conv2d(%%0, %%%d, %%%d) stride [%d %d] "
                       "dilation [1 1] groups 1\n",
                       at + 1, map, at + 2, map, cells, cells, at, at + 1, stride, stride);
    }
    ork_str_printf(&text, "%s }", outputs);
    ork_graph *graph = ork_graph_parse(diag, text.text, text.length);
    if (!graph)
        fail_msg("%s %s", ork_diag_error(diag)->what, ork_diag_error(diag)->where);
    ork_str_free(&text);
    return graph;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    ork_str list = {0};
    char path[128];
    strcpy(f->folder, "/tmp/ork-agreement-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->diag = ork_diag_new();
    for (int i = 0; i < SAMPLES; i++)
        write_sample(f, i, &list);
    snprintf(path, sizeof(path), "%s/list.txt", f->folder);
    f->dataset =
        ork_dataset_read(f->diag, path, (ork_bytes){(const uint8_t *)list.text, list.length}, 1);
    assert_non_null(f->dataset);
    f->graph = network(f->diag, "output %3\noutput %7\n");
    ork_str_free(&list);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[160];
    snprintf(command, sizeof(command), "rm -r '%s'", f->folder);
    ork_graph_free(f->graph);
    ork_dataset_free(f->dataset);
    ork_diag_free(f->diag);
    int result = system(command);
    free(f);
    return result;
}

static ork_agreement *agreement_of(fixture *f, const ork_graph *graph, ork_pool *pool)
{
    ork_agreement *a = NULL;
    if (!ork_agreement_new(f->diag, graph, f->dataset, 0, SAMPLES, pool, ORK_FAMILY_LION, &a))
        fail_msg("%s", ork_diag_error(f->diag)->what);
    return a;
}

/* In 8 bits over a range that is much too wide. */
static ork_graph *coarse(fixture *f, float most)
{
    ork_graph *graph = ork_graph_clone(f->graph, true);
    ork_range *ranges = calloc(graph->values.count, sizeof(*ranges));
    for (size_t i = 0; i < graph->values.count; i++)
        ranges[i] = (ork_range){-most, most, true};
    ranges[0] = (ork_range){0, 1.25f, true};
    assert_true(ork_quantize(f->diag, graph, ORK_U8, ranges));
    free(ranges);
    return graph;
}

static void test_itself_loses_nothing(void **state)
{
    fixture *f = *state;
    ork_agreement *a = agreement_of(f, f->graph, NULL);
    double loss = -1, difference = -1;
    assert_non_null(a);
    assert_true(ork_agreement_objects(a) >= SAMPLES);
    assert_true(ork_agreement_loss(a, f->graph, &loss) && loss == 0);
    assert_true(ork_agreement_difference(a, f->graph, &difference) && difference == 0);
    ork_agreement_free(a);
}

static void test_coarser_ones_lose_more(void **state)
{
    fixture *f = *state;
    ork_pool *pool = ork_pool_new(4);
    ork_agreement *one = agreement_of(f, f->graph, NULL), *four = agreement_of(f, f->graph, pool);
    double before = 0, before_loss = -1;
    for (int step = 0; step < 3; step++) {
        static const float widths[] = {8, 60, 1000};
        ork_graph *graph = coarse(f, widths[step]);
        double difference, again, loss, loss_again;
        assert_true(ork_agreement_difference(one, graph, &difference));
        assert_true(ork_agreement_difference(four, graph, &again));
        assert_true(ork_agreement_loss(one, graph, &loss));
        assert_true(ork_agreement_loss(four, graph, &loss_again));
        assert_true(difference > before && difference == again);
        assert_true(loss >= before_loss && loss == loss_again);
        before = difference;
        before_loss = loss;
        ork_graph_free(graph);
    }
    assert_true(before_loss > 20);
    ork_agreement_free(one);
    ork_agreement_free(four);
    ork_pool_free(pool);
}

static void test_what_is_no_detector_has_none(void **state)
{
    fixture *f = *state;
    ork_graph *graph = network(f->diag, "output %3\n");
    assert_null(agreement_of(f, graph, NULL));
    assert_string_equal(ork_diag_error(f->diag)->id, "");
    ork_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_itself_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_coarser_ones_lose_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_detector_has_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
