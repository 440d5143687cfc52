/* SPDX-License-Identifier: Apache-2.0 */
/* Equalization across layers: the same answers, ranges alike, and only where factors pass. */
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

enum { SAMPLES = 8, SIDE = 12 };

static void fill_sample(int index, float *data)
{
    unsigned seed = (unsigned)index * 2654435761U + 1;
    for (size_t i = 0; i < SIDE * SIDE * 3; i++) {
        seed = seed * 1103515245U + 12345U;
        data[i] = (float)(seed >> 16 & 1023) / 512 - 1;
    }
}

#include "place.h"

/* Numbers around 0, every other row of them `ratio` times as large. */
static void print_weights(ork_str *text, int rows, int length, double ratio)
{
    for (int i = 0; i < rows * length; i++)
        ork_str_printf(text, "%g ",
                       (i / length % 2 ? ratio : 1) * (double)((i * 7 + 3) % 23 - 11) / 11);
}

/* Two layers whose channels differ in range by 500, with `function` and a pool between: a
   convolution of all channels, and a depthwise one that makes up for them. */
static ork_graph *network(place *p, const char *function, const char *more)
{
    ork_str text = {0};
    ork_str_printf(&text, "graph \"n\" canon { input %%0 \"x\" f32[1x3x12x12]\n"
                          "const %%1 \"w1\" f32[8x3x1x1] [");
    print_weights(&text, 8, 3, 500);
    ork_str_printf(&text, "] const %%2 \"b1\" f32[8] [1 2 3 -4 5 -6 7 8]\n"
                          "const %%3 \"slope\" f32[8x1x1] [0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8]\n"
                          "const %%4 \"w2\" f32[8x1x3x3] [");
    print_weights(&text, 8, 9, 1.0 / 500);
    ork_str_printf(&text,
                   "] const %%5 \"w3\" f32[4x8x1x1] random 9\n"
                   "%%6 \"stem\" f32[1x8x12x12] = conv2d(%%0, %%1, %%2) stride [1 1] dilation [1 "
                   "1] groups 1\n%%7 \"act\" f32[1x8x12x12] = %s\n"
                   "%%8 \"pool\" f32[1x8x6x6] = max_pool2d(%%7) kernel [2 2] stride [2 2] dilation "
                   "[1 1]\n"
                   "%%9 \"depth\" f32[1x8x6x6] = conv2d(%%8, %%4, _) stride [1 1] dilation [1 1] "
                   "pad [1 1 1 1] groups 8\n%%10 \"relu\" f32[1x8x6x6] = relu(%%9)\n"
                   "%%11 \"head\" f32[1x4x6x6] = conv2d(%%10, %%5, _) stride [1 1] dilation [1 1] "
                   "groups 1\noutput %%11 %s}",
                   function, more);
    ork_graph *graph = ork_graph_parse(p->diag, text.text, text.length);
    if (!graph)
        fail_msg("%s", ork_diag_error(p->diag)->what);
    ork_str_free(&text);
    return graph;
}

static const char *const straight[] = {"relu(%6)", "leaky_relu(%6) alpha 0.1", "prelu(%6, %3)"};

static ork_runner *runner_of(place *p, const ork_graph *graph, ork_plan **plan)
{
    *plan = ork_plan_new(p->diag, graph, &(ork_plan_options){0});
    assert_non_null(*plan);
    ork_runner *runner = ork_runner_new(p->diag, *plan, NULL);
    assert_non_null(runner);
    return runner;
}

/* How far the rows of the layer's weight are apart. */
static double ratio_of(const ork_graph *graph, const char *layer)
{
    const ork_value *weight = ork_graph_find(graph, layer)->producer->inputs[1];
    const int64_t rows = weight->type.shape.dim[0];
    const int64_t length = ork_shape_count(&weight->type.shape) / rows;
    double widest = 0, narrowest = INFINITY;
    for (int64_t r = 0; r < rows; r++) {
        double most = 0;
        for (int64_t i = 0; i < length; i++)
            most = fmax(most, fabs(ork_element_get(ORK_F32, weight->data, r * length + i)));
        widest = fmax(widest, most);
        narrowest = fmin(narrowest, most);
    }
    return widest / narrowest;
}

static void test_answers_stay(void **state)
{
    place *p = *state;
    for (size_t k = 0; k < ORK_COUNT(straight); k++) {
        ork_graph *graph = network(p, straight[k], ""), *equal = ork_graph_clone(graph, true);
        size_t count = 0;
        assert_true(ork_equalize(p->diag, equal, &count));
        assert_in_range(count, 1, 2);
        assert_true(ork_graph_verify(equal, p->diag));
        assert_true(ratio_of(graph, "stem") > 300 && ratio_of(graph, "depth") > 300);
        assert_true(ratio_of(equal, "stem") < 8);
        assert_true(ratio_of(equal, "depth") < 8);
        ork_plan *plans[2];
        ork_runner *runners[] = {runner_of(p, graph, &plans[0]), runner_of(p, equal, &plans[1])};
        for (size_t s = 0; s < SAMPLES; s++) {
            const void *answers[2];
            for (int i = 0; i < 2; i++) {
                assert_true(ork_dataset_feed(p->dataset, p->diag, s, runners[i], graph));
                ork_runner_run(runners[i]);
                answers[i] = ork_runner_output(runners[i], 0);
            }
            assert_memory_equal(answers[0], answers[1], 4 * 36 * sizeof(float));
        }
        for (int i = 0; i < 2; i++) {
            ork_runner_free(runners[i]);
            ork_plan_free(plans[i]);
        }
        ork_graph_free(graph);
        ork_graph_free(equal);
    }
}

/* Values between tell their factors, which are those of the weights. */
static void test_factors_are_told(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p, straight[0], ""), *equal = ork_graph_clone(graph, true);
    size_t count;
    assert_true(ork_equalize(p->diag, equal, &count));
    const float *before = ork_graph_find(graph, "stem")->producer->inputs[1]->data;
    const float *after = ork_graph_find(equal, "stem")->producer->inputs[1]->data;
    static const char *const names[] = {"stem", "act", "pool"};
    for (size_t k = 0; k < ORK_COUNT(names); k++) {
        const ork_origin *origin = ork_graph_find(equal, names[k])->origin;
        assert_string_equal(origin->of, names[k]);
        assert_int_equal(origin->count, 8);
        for (int c = 0; c < 8; c++) {
            assert_int_equal(origin->channels[c], c);
            assert_true(origin->factors[c] * before[c * 3] == after[c * 3]);
        }
    }
    assert_null(ork_graph_find(equal, "head")->origin);
    assert_null(ork_graph_find(equal, "x")->origin);
    ork_graph_free(graph);
    ork_graph_free(equal);
}

/* Curves, clips, and values that somebody else sees, stay: only the ReLU further on is left. */
static void test_what_bends_elsewhere_stays(void **state)
{
    place *p = *state;
    static const struct {
        const char *function, *more;
    } cases[] = {{"silu(%6)", ""},
                 {"clip(%6) low 0 high 6", ""},
                 {"sigmoid(%6)", ""},
                 {"relu(%6)", "output %7 "},
                 {"relu(%6)", "output %8 "}};
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        ork_graph *graph = network(p, cases[i].function, cases[i].more);
        const double ratio = ratio_of(graph, "stem");
        size_t count;
        assert_true(ork_equalize(p->diag, graph, &count));
        assert_int_equal(count, 1);
        assert_true(ratio_of(graph, "stem") == ratio);
        ork_graph_free(graph);
    }
}

static const ork_sample_span everything = {.stage = "all", .end = SAMPLES, .step = 1};

static ork_graph *quantized(place *p, const ork_graph *graph, bool equalization, double *error)
{
    const ork_quantization options = {.dtype = ORK_U8,
                                      .algorithm = ORK_RANGE_COUNT,
                                      .equalization = equalization,
                                      .samples = SAMPLES};
    ork_graph *integers = ork_graph_clone(graph, true);
    ork_probe *probe =
        ork_probe_new(p->diag, graph, p->dataset, &everything, NULL, ORK_FAMILY_LION);
    assert_non_null(probe);
    if (!ork_quantize_best(p->diag, integers, p->dataset, &options, NULL))
        fail_msg("%s", ork_diag_error(p->diag)->what);
    assert_true(ork_probe_judge(probe, integers, SAMPLES, error));
    ork_probe_free(probe);
    return integers;
}

/* It is used where it lowers the error, and the analysis compares its layers as they were. */
static void test_it_saves_the_network(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p, straight[0], "");
    double plain, equal;
    ork_graph_free(quantized(p, graph, false, &plain));
    ork_graph *integers = quantized(p, graph, true, &equal);
    assert_true(plain > 0.05);
    assert_true(equal < plain / 20);
    const ork_analysis_task task = {
        .reference = graph, .quantized = integers, .samples = SAMPLES, .bad_sqnr = 10};
    ork_accuracy *accuracy = ork_analyze(p->diag, &task, p->dataset, NULL);
    assert_non_null(accuracy);
    for (size_t i = 0; i < accuracy->layers.count; i++) {
        const ork_layer_accuracy *layer = &accuracy->layers.items[i];
        assert_true(layer->accumulated.channel_sqnr > 20);
        assert_true(!(layer->isolated.channel_sqnr <= 20));
        assert_true(layer->weight_ratio < 8);
    }
    ork_accuracy_free(accuracy);
    ork_graph_free(integers);
    ork_graph_free(graph);
}

/* Where no factor passes, nothing changes, whatever is allowed. */
static void test_nothing_to_gain(void **state)
{
    place *p = *state;
    ork_graph *graph = network(p, "silu(%6)", "output %9 ");
    ork_str texts[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        double error;
        ork_graph *integers = quantized(p, graph, i, &error);
        ork_graph_print(integers, &(ork_text_options){.all_constants = true}, &texts[i]);
        ork_graph_free(integers);
    }
    assert_string_equal(texts[0].text, texts[1].text);
    ork_str_free(&texts[0]);
    ork_str_free(&texts[1]);
    ork_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_factors_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_bends_elsewhere_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_saves_the_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_gain, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
