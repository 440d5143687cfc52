/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges become the vendor's numbers; the rewrite puts types and conversions where they belong. */
#include "../every_operator.h"
#include "quant/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_affine_ranges(void **state)
{
    (void)state;
    ork_quant q = ork_quant_of_range(ORK_U8, (ork_range){-1, 3, true});
    assert_true(q.scale == 4.0f / 255.0f);
    assert_int_equal(q.zero_point, 64);                      /* 63.75 */
    q = ork_quant_of_range(ORK_U8, (ork_range){2, 3, true}); /* holds 0 */
    assert_true(q.scale == 3.0f / 255.0f);
    assert_int_equal(q.zero_point, 0);
    q = ork_quant_of_range(ORK_U8, (ork_range){-3, -2, true});
    assert_true(q.scale == 3.0f / 255.0f);
    assert_int_equal(q.zero_point, 255);
    q = ork_quant_of_range(ORK_U8, (ork_range){0, 0, true});
    assert_true(q.scale == 1.0f && q.zero_point == 0);
}

static void test_fixed_point_ranges(void **state)
{
    (void)state;
    static const struct {
        ork_dtype dtype;
        float most;
        int bits;
    } cases[] = {
        {ORK_I8, 1.0f, 6},  /* 128 would not fit */
        {ORK_I8, 0.99f, 7}, /* 126.72 */
        {ORK_I8, 127.0f, 0}, {ORK_I8, 200.0f, -1}, {ORK_I16, 1.0f, 14}, {ORK_I16, 0.999f, 15},
    };
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        ork_quant q = ork_quant_of_range(cases[i].dtype, (ork_range){-cases[i].most, 0, true});
        assert_int_equal(q.scheme, ORK_SCHEME_DFP);
        assert_int_equal(q.fraction_length, cases[i].bits);
    }
}

static const char network[] =
    "graph \"n\" canon { input %0 \"x\" f32[1x2x4x4]\n"
    "const %1 \"w\" f32[3x2x1x1] [-1 2 0.5 0.25 -0.5 1] const %2 \"b\" f32[3] [0.5 -0.25 4]\n"
    "%3 \"conv\" f32[1x3x4x4] = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] groups 1\n"
    "%4 \"relu\" f32[1x3x4x4] = relu(%3)\n"
    "%5 \"pool\" f32[1x3x4x4] = max_pool2d(%4) kernel [3 3] stride [1 1] dilation [1 1] pad [1 1 1 "
    "1]\n"
    "%6 \"sig\" f32[1x3x4x4] = sigmoid(%5)\n"
    "%7 \"flat\" f32[3x16] = reshape(%6) shape [3 16]\n"
    "%8 \"turned\" f32[16x3] = transpose(%7) perm [1 0]\n"
    "%9 \"product\" f32[3x3] = matmul(%7, %8)\n"
    "%10 \"soft\" f32[3x3] = softmax(%9) axis 1\n"
    "output %10 output %6 }";

static ork_graph *quantized(ork_diag *diag, ork_dtype dtype)
{
    ork_graph *graph = ork_graph_parse(diag, network, strlen(network));
    assert_non_null(graph);
    ork_range ranges[16];
    for (size_t i = 0; i < ORK_COUNT(ranges); i++)
        ranges[i] = (ork_range){-1, 1, true};
    ranges[3] = (ork_range){-8, 4, true}; /* conv */
    ranges[4] = (ork_range){0, 4, true};  /* relu */
    if (!ork_quantize(diag, graph, dtype, ranges))
        fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    return graph;
}

static const ork_type *type_of(const ork_graph *graph, const char *name)
{
    const ork_value *value = ork_graph_find(graph, name);
    assert_non_null(value);
    return &value->type;
}

static void test_u8_rewrite(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = quantized(diag, ORK_U8);
    assert_int_equal(graph->stage, ORK_STAGE_QUANT);
    const ork_type *conv = type_of(graph, "conv"), *relu = type_of(graph, "relu");
    assert_int_equal(conv->dtype, ORK_U8);
    assert_true(ork_quant_equal(&conv->quant, &relu->quant, 0)); /* the convolution clamps */
    assert_true(relu->quant.scale == 4.0f / 255.0f && relu->quant.zero_point == 0);
    assert_true(ork_quant_equal(&relu->quant, &type_of(graph, "pool")->quant, 0));
    assert_true(type_of(graph, "sig")->quant.scale == 1.0f / 255.0f);
    assert_int_equal(type_of(graph, "product")->dtype, ORK_F32); /* no integer matrix product */
    assert_int_equal(type_of(graph, "soft")->dtype, ORK_U8);
    /* weights -1..2: scale 3/255, zero point 85; bias in steps of input scale * weight scale */
    const ork_node *node = ork_graph_find(graph, "conv")->producer;
    static const uint8_t weights[] = {0, 255, 128, 106, 42, 170};
    assert_memory_equal(node->inputs[1]->data, weights, sizeof(weights));
    assert_int_equal(node->inputs[1]->type.quant.zero_point, 85);
    float step = (2.0f / 255.0f) * (3.0f / 255.0f);
    const int32_t *bias = node->inputs[2]->data;
    assert_int_equal(bias[0], lround(0.5 / (double)step));
    assert_int_equal(bias[1], -lround(0.25 / (double)step));
    assert_true(node->inputs[2]->type.quant.scale == step);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_fixed_point_rewrite(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = quantized(diag, ORK_I16);
    const ork_node *node = ork_graph_find(graph, "conv")->producer;
    assert_int_equal(node->inputs[1]->type.quant.fraction_length, 13);
    assert_int_equal(node->inputs[2]->type.dtype, ORK_I64);
    int64_t bias = ork_element_get_int(ORK_I64, node->inputs[2]->data, 0);
    assert_int_equal(bias, 1 << (13 + 14 - 1)); /* 0.5 in 13 + 14 fraction bits */
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* Only sigmoids look at these numbers: codes beyond +-6.3 would be of no use. */
static void check_sigmoid_range(const char *rest, ork_dtype dtype, ork_range range, double step)
{
    static const char head[] =
        "graph \"n\" canon { input %0 \"x\" f32[1x2x4x4]\n"
        "const %1 \"w\" f32[2x2x1x1] [-1 2 0.5 0.25]\n"
        "%2 \"conv\" f32[1x2x4x4] = conv2d(%0, %1) stride [1 1] dilation [1 1] groups 1\n"
        "%3 \"s\" f32[1x2x4x4] = sigmoid(%2)\n";
    ork_diag *diag = ork_diag_new();
    ork_str text = {0};
    ork_str_printf(&text, "%s%s", head, rest);
    ork_graph *graph = ork_graph_parse(diag, text.text, text.length);
    assert_non_null(graph);
    ork_range ranges[8];
    for (size_t i = 0; i < ORK_COUNT(ranges); i++)
        ranges[i] = (ork_range){-1, 1, true};
    ranges[2] = range;
    assert_true(ork_quantize(diag, graph, dtype, ranges));
    assert_float_equal(ork_quant_step(&type_of(graph, "conv")->quant), step, 1e-9);
    ork_graph_free(graph);
    ork_str_free(&text);
    ork_diag_free(diag);
}

static void test_sigmoid_range(void **state)
{
    (void)state;
    const ork_range wide = {-100, 20, true}, narrow = {-2, 100, true};
    check_sigmoid_range("output %3 }", ORK_U8, wide, 12.6 / 255);
    check_sigmoid_range("output %3 }", ORK_U8, narrow, 8.3 / 255);
    check_sigmoid_range("output %3 }", ORK_I8, wide, 1.0 / 16);
    check_sigmoid_range("output %3 }", ORK_I16, wide, 1.0 / 256); /* finer than 6.3 shows */
    check_sigmoid_range("output %3 output %2 }", ORK_U8, wide, 120.0 / 255); /* seen by the user */
    check_sigmoid_range("%4 \"r\" f32[1x2x4x4] = tanh(%2) output %3 output %4 }", ORK_U8, wide,
                        120.0 / 255);
}

/* ---- every operator ---- */

static ork_graph *every_operator(ork_diag *diag)
{
    ork_str text = {0};
    int end = add_every_operator(&text);
    for (int i = FIRST_NODE; i < end; i++)
        ork_str_printf(&text, "  output %%%d\n", i);
    ork_str_printf(&text, "}\n");
    ork_graph *graph = ork_graph_parse(diag, text.text, text.length);
    assert_non_null(graph);
    ork_str_free(&text);
    return graph;
}

static void widen(void *user, const ork_observation *seen)
{
    const float *data = seen->data;
    ork_range *range = &((ork_range *)user)[seen->value->id];
    *range = (ork_range){0, 0, true};
    for (int64_t i = 0; i < seen->count; i++) {
        range->min = data[i] < range->min && isfinite(data[i]) ? data[i] : range->min;
        range->max = data[i] > range->max && isfinite(data[i]) ? data[i] : range->max;
    }
}

/* Inputs that i16 holds exactly, so that steps and corners of functions are no trouble. */
static ork_runner *run_graph(ork_diag *diag, const ork_plan *plan, ork_range *ranges)
{
    assert_non_null(plan);
    ork_runner *runner = ork_runner_new(diag, plan, NULL);
    assert_non_null(runner);
    if (ranges)
        ork_runner_observe(runner, widen, ranges);
    const ork_graph *graph = ork_plan_graph(plan);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const ork_type *type = &graph->inputs.items[i].value->type;
        float data[144];
        for (int k = 0; k < 144; k++)
            data[k] = type->dtype == ORK_BOOL ? (float)(k % 3 == 0)
                                              : 0.25f + (float)((k * 37 + (int)i * 11) % 64) / 16;
        ork_feed feed = {
            .data = data, .dtype = ORK_F32, .shape = type->shape, .pass_through = true};
        ork_runner_set_input(runner, i, &feed);
    }
    ork_runner_run(runner);
    return runner;
}

static void compare_runs(const ork_graph *graph, const ork_range *ranges, const ork_runner *real,
                         const ork_runner *integer)
{
    for (size_t o = 0; o < graph->outputs.count; o++) {
        const ork_value *value = graph->outputs.items[o];
        const float *a = ork_runner_output(real, o), *b = ork_runner_output(integer, o);
        ork_range range = ranges[value->id];
        if (value->producer->op == ORK_OP_AVG_POOL2D) /* the chips divide by the kernel's area */
            continue;
        float size = fmaxf(-range.min, range.max);
        for (int64_t i = 0; i < ork_shape_count(&value->type.shape); i++)
            if (isfinite(a[i]) && !(fabsf(a[i] - b[i]) <= 0.01f * size))
                fail_msg("%s: element %lld is %g in float and %g in i16", value->name, (long long)i,
                         (double)a[i], (double)b[i]);
    }
}

static void test_every_operator_quantizes(void **state)
{
    (void)state;
    static const ork_dtype dtypes[] = {ORK_U8, ORK_I8, ORK_I16};
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = every_operator(diag);
    ork_range *ranges = calloc(graph->values.count, sizeof(*ranges));
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){.observable = true});
    ork_runner *runner = run_graph(diag, plan, ranges);
    for (size_t i = 0; i < 2 * ORK_COUNT(dtypes); i++) {
        ork_graph *integers = every_operator(diag);
        if (!ork_quantize(diag, integers, dtypes[i / 2], ranges))
            fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
        ork_plan *whole =
            ork_plan_new(diag, integers,
                         &(ork_plan_options){.family = i % 2 ? ORK_FAMILY_PUMA : ORK_FAMILY_LION});
        if (!whole)
            fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->why);
        ork_runner *second = run_graph(diag, whole, NULL);
        if (dtypes[i / 2] == ORK_I16)
            compare_runs(integers, ranges, runner, second);
        ork_runner_free(second);
        ork_plan_free(whole);
        ork_graph_free(integers);
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
    free(ranges);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* Two layers in 16 bits, the rest in 8: conversions stand where they meet. */
static void test_mixed_types(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, network, strlen(network));
    ork_range ranges[16];
    ork_dtype dtypes[16];
    for (size_t i = 0; i < ORK_COUNT(ranges); i++) {
        ranges[i] = (ork_range){-1, 1, true};
        dtypes[i] = i == 3 || i == 4 ? ORK_I16 : ORK_U8; /* conv, relu */
    }
    ranges[4] = (ork_range){0, 4, true};
    assert_true(ork_quantize_by(
        diag, graph, &(ork_recipe){.dtype = ORK_U8, .ranges = ranges, .dtypes = dtypes}));
    assert_int_equal(type_of(graph, "x")->dtype, ORK_U8);
    assert_int_equal(type_of(graph, "x.i16")->dtype, ORK_I16);
    assert_int_equal(type_of(graph, "conv")->dtype, ORK_I16);
    assert_int_equal(type_of(graph, "conv")->quant.fraction_length, 12); /* relu's 0 to 4 */
    assert_int_equal(type_of(graph, "relu")->dtype, ORK_I16);
    assert_int_equal(type_of(graph, "relu.u8")->dtype, ORK_U8);
    assert_true(type_of(graph, "relu.u8")->quant.scale == 4.0f / 255.0f);
    assert_int_equal(type_of(graph, "pool")->dtype, ORK_U8);
    assert_true(type_of(graph, "pool")->quant.scale == 4.0f / 255.0f); /* kept */
    const ork_node *conv = ork_graph_find(graph, "conv")->producer;
    assert_int_equal(conv->inputs[1]->type.dtype, ORK_I16);
    assert_int_equal(conv->inputs[2]->type.dtype, ORK_I64);
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){0});
    assert_non_null(plan);
    ork_plan_free(plan);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* A network of layers of all kinds. */
static const char layers[] =
    "graph \"n\" canon { input %0 \"x\" f32[1x2x4x4]\n"
    "const %1 \"w1\" f32[2x2x1x1] [1 -0.5 0.25 0.5] const %2 \"b1\" f32[2] [0.5 -0.25]\n"
    "const %3 \"w2\" f32[2x2x1x1] [1 4 -2 8]\n"
    "const %4 \"w3\" f32[2x1x2x2] [1 2 3 4 5 6 7 8]\n"
    "const %5 \"w4\" f32[2x50] random 7 const %6 \"b4\" f32[2] [1 2]\n"
    "%7 \"dense\" f32[1x2x4x4] = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] groups 1\n"
    "%8 \"up\" f32[1x2x4x4] = conv_transpose2d(%7, %3, _) stride [1 1] dilation [1 1] groups 1\n"
    "%9 \"groups\" f32[1x2x5x5] = conv_transpose2d(%8, %4, _) stride [1 1] dilation [1 1] groups "
    "2\n"
    "%10 \"flat\" f32[1x50] = reshape(%9) shape [1 50]\n"
    "%11 \"full\" f32[1x2] = linear(%10, %5, %6)\noutput %11 }";

/* The real number that an integer of the weight stands for. */
static float real_of(const ork_value *weight, int64_t index, int64_t channel)
{
    const ork_quant of = ork_quant_of_channel(&weight->type.quant, channel);
    return of.scale * (float)(((const uint8_t *)weight->data)[index] - of.zero_point);
}

static void check_channels(const ork_graph *graph, const char *name, int axis, int64_t inner,
                           const float *real)
{
    const ork_value *weight = ork_graph_find(graph, name)->producer->inputs[1];
    assert_int_equal(weight->type.dtype, ORK_U8);
    assert_int_equal(weight->type.quant.scheme, ORK_SCHEME_PER_CHANNEL);
    assert_int_equal(weight->type.quant.axis, axis);
    for (int64_t i = 0; i < ork_shape_count(&weight->type.shape); i++) {
        const int64_t channel = i / inner % weight->type.shape.dim[axis];
        const float step = weight->type.quant.scales[channel];
        assert_true(fabsf(real_of(weight, i, channel) - real[i]) <= 0.5001f * step);
    }
}

/* Every output channel has the scale of its own extremes, wherever it lies; groups share one. */
static void test_scales_of_channels(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, layers, strlen(layers));
    assert_non_null(graph);
    ork_range ranges[12];
    for (size_t i = 0; i < ORK_COUNT(ranges); i++)
        ranges[i] = (ork_range){-1, 3, true};
    float linear[100];
    memcpy(linear, graph->values.items[5]->data, sizeof(linear));
    assert_true(ork_quantize_by(
        diag, graph, &(ork_recipe){.dtype = ORK_U8, .ranges = ranges, .by_channel = true}));
    check_channels(graph, "dense", 0, 2, (const float[]){1, -0.5f, 0.25f, 0.5f});
    check_channels(graph, "up", 1, 1, (const float[]){1, 4, -2, 8});
    check_channels(graph, "full", 0, 50, linear);
    const ork_node *dense = ork_graph_find(graph, "dense")->producer;
    const ork_quant *weight = &dense->inputs[1]->type.quant, *bias = &dense->inputs[2]->type.quant;
    assert_true(weight->scales[0] == 1.5f / 255 && weight->scales[1] == 0.5f / 255);
    assert_int_equal(weight->zero_points[0], 85);
    assert_int_equal(weight->zero_points[1], 0);
    assert_int_equal(bias->scheme, ORK_SCHEME_PER_CHANNEL);
    assert_true(bias->scales[1] == 4.0f / 255 * (0.5f / 255));
    assert_int_equal(ork_element_get_int(ORK_I32, dense->inputs[2]->data, 1),
                     (int64_t)roundf(-0.25f / bias->scales[1]));
    assert_int_equal(ork_graph_find(graph, "groups")->producer->inputs[1]->type.quant.scheme,
                     ORK_SCHEME_AFFINE);
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){0});
    assert_non_null(plan);
    ork_plan_free(plan);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_affine_ranges),       cmocka_unit_test(test_fixed_point_ranges),
        cmocka_unit_test(test_u8_rewrite),          cmocka_unit_test(test_sigmoid_range),
        cmocka_unit_test(test_fixed_point_rewrite), cmocka_unit_test(test_every_operator_quantizes),
        cmocka_unit_test(test_mixed_types),         cmocka_unit_test(test_scales_of_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
