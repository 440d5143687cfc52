/* SPDX-License-Identifier: Apache-2.0 */
/* A plan computes the same whatever it fuses and wherever it puts things; feeds are checked and
   preprocessed; memory is shared only by values that do not live together. */
#include "../every_operator.h"
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Convolutions, a focus of slices, concats inside concats, a reshape and transpose at the end. */
static const char network[] =
    "graph \"net\" canon { input %0 \"x\" f32[1x3x8x8] mean [1 2 3] std [2 4 8] reorder [2 1 0]\n"
    "%1 \"s0\" f32[1x3x4x4] = slice(%0) begin [0 0 0 0] end [1 3 8 8] step [1 1 2 2]\n"
    "%2 \"s1\" f32[1x3x4x4] = slice(%0) begin [0 0 1 1] end [1 3 8 8] step [1 1 2 2]\n"
    "%3 \"focus\" f32[1x6x4x4] = concat(%1, %2) axis 1\n"
    "const %4 \"w\" f32[5x6x3x3] random 1 const %5 \"b\" f32[5] random 2\n"
    "%6 \"conv\" f32[1x5x4x4] = conv2d(%3, %4, %5) stride [1 1] dilation [1 1] pad [1 1 1 1] "
    "groups 1\n"
    "%7 \"act\" f32[1x5x4x4] = silu(%6)\n"
    "%8 \"pool\" f32[1x5x4x4] = max_pool2d(%7) kernel [3 3] stride [1 1] dilation [1 1] pad [1 1 1 "
    "1]\n"
    "%9 \"in\" f32[1x10x4x4] = concat(%7, %8) axis 1\n"
    "%10 \"sum\" f32[1x10x4x4] = add(%9, %9)\n"
    "%11 \"out\" f32[1x20x4x4] = concat(%9, %10) axis 1\n"
    "const %12 \"wd\" f32[20x1x3x3] random 3\n"
    "%13 \"dw\" f32[1x20x2x2] = conv2d(%11, %12) stride [2 2] dilation [1 1] pad [1 1 1 1] groups "
    "20\n"
    "%14 \"up\" f32[1x20x4x4] = resize(%13) size [4 4]\n"
    "%15 \"mix\" f32[1x20x4x4] = mul(%14, %11)\n"
    "%16 \"flat\" f32[1x20x16] = reshape(%15) shape [1 20 16]\n"
    "%17 \"turned\" f32[1x16x20] = transpose(%16) perm [0 2 1]\n"
    "%18 \"soft\" f32[1x16x20] = softmax(%17) axis 2\n"
    "output %18 output %13 output %9 }";

typedef struct run {
    ork_diag *diag;
    ork_graph *graph;
    ork_plan *plan;
    ork_runner *runner;
    ork_pool *pool;
} run;

static run start(const char *text, bool observable, int threads)
{
    run r = {.diag = ork_diag_new()};
    r.graph = ork_graph_parse(r.diag, text, strlen(text));
    if (!r.graph)
        fail_msg("%s: %s", ork_diag_error(r.diag)->where, ork_diag_error(r.diag)->what);
    r.plan = ork_plan_new(r.diag, r.graph, &(ork_plan_options){.observable = observable});
    if (!r.plan)
        fail_msg("%s: %s", ork_diag_error(r.diag)->where, ork_diag_error(r.diag)->what);
    r.pool = ork_pool_new(threads);
    r.runner = ork_runner_new(r.diag, r.plan, r.pool);
    assert_non_null(r.runner);
    return r;
}

static void stop(run *r)
{
    ork_runner_free(r->runner);
    ork_plan_free(r->plan);
    ork_pool_free(r->pool);
    ork_graph_free(r->graph);
    ork_diag_free(r->diag);
}

static void feed_ramp(run *r, bool is_nhwc)
{
    uint8_t pixels[192];
    int64_t nchw[] = {1, 3, 8, 8}, nhwc[] = {1, 8, 8, 3};
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 64; i++)
            pixels[is_nhwc ? i * 3 + c : c * 64 + i] = (uint8_t)((i * 37 + c * 91) % 251);
    ork_feed feed = {.data = pixels,
                     .dtype = ORK_U8,
                     .is_nhwc = is_nhwc,
                     .shape = ork_shape_of(4, is_nhwc ? nhwc : nchw)};
    assert_true(ork_runner_check_feed(r->runner, r->diag, 0, &feed));
    ork_runner_set_input(r->runner, 0, &feed);
    ork_runner_run(r->runner);
}

static void count_observation(void *user, const ork_observation *seen)
{
    assert_int_equal(seen->count, ork_shape_count(&seen->value->type.shape));
    assert_true(isfinite(seen->data[0]));
    ++*(int *)user;
}

static void test_fused_and_observable_agree(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        run fused = start(network, false, threads), plain = start(network, true, 1);
        int observations = 0;
        ork_runner_observe(plain.runner, count_observation, &observations);
        feed_ramp(&fused, true);
        feed_ramp(&plain, false);
        assert_int_equal(observations, 16); /* 15 computed values and the input */
        assert_true(ork_plan_step_count(fused.plan) < ork_plan_step_count(plain.plan));
        for (size_t o = 0; o < fused.graph->outputs.count; o++) {
            int64_t count = ork_shape_count(&fused.graph->outputs.items[o]->type.shape);
            const float *a = ork_runner_output(fused.runner, o);
            const float *b = ork_runner_output(plain.runner, o);
            for (int64_t i = 0; i < count; i++)
                assert_true(fabsf(a[i] - b[i]) <= 1e-5f * fmaxf(1.0f, fabsf(b[i])));
        }
        stop(&fused);
        stop(&plain);
    }
}

/* The same in u8 and in both families: exact. */
static const char integers[] =
    "graph \"q\" quant { input %0 \"x\" u8[1x3x8x8]{0.0078125 128}\n"
    "const %1 \"w\" u8[4x3x3x3]{0.01 120} random 1 const %2 \"b\" i32[4] random 2\n"
    "%3 \"c\" u8[1x4x8x8]{0.05 130} = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 1] "
    "groups 1\n"
    "%4 \"a\" u8[1x4x8x8]{0.03 10} = silu(%3)\n"
    "%5 \"m\" u8[1x4x8x8]{0.03 10} = max_pool2d(%4) kernel [5 5] stride [1 1] dilation [1 1] pad "
    "[2 "
    "2 2 2]\n"
    "%6 \"j\" u8[1x8x8x8]{0.04 12} = concat(%4, %5) axis 1\n"
    "%7 \"s\" u8[1x8x8x8]{0.06 9} = add(%6, %6)\n"
    "%8 \"f\" f32[1x8x8x8] = convert(%7)\n"
    "output %7 output %8 }";

static void test_integer_plans_agree_exactly(void **state)
{
    (void)state;
    run a = start(integers, false, 2), b = start(integers, true, 1);
    feed_ramp(&a, true);
    feed_ramp(&b, false);
    assert_memory_equal(ork_runner_output_raw(a.runner, 0), ork_runner_output_raw(b.runner, 0),
                        512);
    const uint8_t *raw = ork_runner_output_raw(a.runner, 0);
    for (int i = 0; i < 512; i++) {
        float expected = 0.06f * (float)(raw[i] - 9);
        assert_true(ork_runner_output(a.runner, 0)[i] == expected);
        assert_true(ork_runner_output(a.runner, 1)[i] == expected);
    }
    stop(&a);
    stop(&b);
}

/* A picture taken apart, as the first convolution of some detectors reads it. */
#define TAKEN_APART                                                                                \
    "%1 \"s0\" u8[2x3x6x10]{0.0078125 128} = slice(%0) begin [0 0 0 0] end [2 3 11 19] step [1 1 " \
    "2 "                                                                                           \
    "2]\n"                                                                                         \
    "%2 \"s1\" u8[2x3x6x10]{0.0078125 128} = slice(%0) begin [0 0 1 0] end [2 3 12 19] step [1 1 " \
    "2 "                                                                                           \
    "2]\n"                                                                                         \
    "%3 \"s2\" u8[2x3x6x10]{0.0078125 128} = slice(%0) begin [0 0 0 1] end [2 3 11 20] step [1 1 " \
    "2 "                                                                                           \
    "2]\n"                                                                                         \
    "%4 \"s3\" u8[2x3x6x10]{0.0078125 128} = slice(%0) begin [0 0 1 1] end [2 3 12 20] step [1 1 " \
    "2 "                                                                                           \
    "2]\n"                                                                                         \
    "%5 \"focus\" u8[2x12x6x10]{0.0078125 128} = concat(%1, %2, %3, %4) axis 1\n"

/* A picture taken apart before a convolution, steps that bring their values to the scale of a
   concat, a function of a constant: the plan has other steps than the graph has nodes. */
static const char shortcuts[] =
    "graph \"t\" quant { input %0 \"x\" u8[2x3x12x20]{0.0078125 128} mean [1 2 3] std [200 150 99] "
    "reorder [2 1 0]\n" TAKEN_APART
    "const %6 \"w\" u8[5x12x3x3]{0.01 120} random 1 const %7 \"b\" i32[5] random 2\n"
    "%8 \"c\" u8[2x5x6x10]{0.05 130} = conv2d(%5, %6, %7) stride [1 1] dilation [1 1] pad [1 1 1 "
    "1] "
    "groups 1\n"
    "const %9 \"v\" u8[7x5x1x1]{0.02 100} random 3\n"
    "%10 \"d\" u8[2x7x6x10]{0.07 90} = conv2d(%8, %9) stride [1 1] dilation [1 1] pad [0 0 0 0] "
    "groups 1\n"
    "%11 \"e\" u8[2x7x6x10]{0.03 10} = silu(%10)\n"
    "%12 \"f\" u8[2x7x6x10]{0.09 80} = conv2d(%8, %9) stride [1 1] dilation [1 1] pad [0 0 0 0] "
    "groups 1\n"
    "%13 \"g\" u8[2x5x6x10]{0.02 4} = sigmoid(%8)\n"
    "%14 \"j\" u8[2x19x6x10]{0.04 12} = concat(%11, %12, %13) axis 1\n"
    "const %15 \"k\" u8[1]{0.1 3} [77]\n"
    "%16 \"m\" u8[2x19x6x10]{0.06 9} = mul(%14, %15)\n"
    "output %16 output %14 }";

static void feed_bytes(run *r, bool as_floats)
{
    static uint8_t bytes[2 * 12 * 20 * 3];
    static float floats[2 * 12 * 20 * 3];
    for (int i = 0; i < 2 * 12 * 20 * 3; i++) {
        bytes[i] = (uint8_t)(i * 41 % 251);
        floats[i] = (float)bytes[i];
    }
    ork_feed feed = {.data = as_floats ? (const void *)floats : bytes,
                     .dtype = as_floats ? ORK_F32 : ORK_U8,
                     .is_nhwc = true,
                     .shape = ork_shape_of(4, (int64_t[]){2, 12, 20, 3})};
    ork_runner_set_input(r->runner, 0, &feed);
    ork_runner_run(r->runner);
}

/* A plan of so many steps, none of which changes a scale, and one that can be observed give the
   same two outputs. */
static void check_shortcuts(const char *graph, size_t steps, size_t bytes)
{
    run a = start(graph, false, 2), b = start(graph, true, 1);
    ork_str text = {0};
    ork_plan_print(a.plan, &text);
    assert_null(strstr(text.text, "requantize"));
    assert_int_equal(ork_plan_step_count(a.plan), steps);
    ork_str_free(&text);
    feed_bytes(&a, false);
    feed_bytes(&b, true);
    for (size_t o = 0; o < 2; o++)
        assert_memory_equal(ork_runner_output_raw(a.runner, o), ork_runner_output_raw(b.runner, o),
                            bytes);
    stop(&a);
    stop(&b);
}

static void test_shortcuts_agree_exactly(void **state)
{
    (void)state;
    /* no slices, concats or silu: convolutions, sigmoid, product, and two outputs made plain */
    check_shortcuts(shortcuts, 3 + 1 + 1 + 2, 2 * 19 * 6 * 10);
}

/* Two convolutions of few channels that read the same picture taken apart, and maxima over windows
   of two sizes. */
static const char parts[] =
    "graph \"p\" quant { input %0 \"x\" u8[2x3x12x20]{0.0078125 128} mean [1 2 3] std [200 150 99] "
    "reorder [2 1 0]\n" TAKEN_APART
    "const %6 \"w\" u8[5x12x3x3]{0.01 120} random 1 const %7 \"b\" i32[5] random 2\n"
    "%8 \"c\" u8[2x5x6x10]{0.05 130} = conv2d(%5, %6, %7) stride [1 1] dilation [1 1] pad [1 1 1 "
    "1] groups 1\n"
    "%9 \"e\" u8[2x5x6x10]{0.03 10} = silu(%8)\n"
    "const %10 \"v\" u8[4x12x3x3]{0.013 90} random 3 const %11 \"d\" i32[4] random 4\n"
    "%12 \"f\" u8[2x4x6x10]{0.06 101} = conv2d(%5, %10, %11) stride [1 1] dilation [1 1] pad [1 1 "
    "1 "
    "1] groups 1\n"
    "%13 \"j\" u8[2x9x6x10]{0.04 12} = concat(%9, %12) axis 1\n"
    "%14 \"m\" u8[2x9x6x10]{0.04 12} = max_pool2d(%13) kernel [3 3] stride [1 1] dilation [1 1] "
    "pad "
    "[1 1 1 1]\n"
    "%15 \"n\" u8[2x9x6x10]{0.04 12} = max_pool2d(%13) kernel [7 7] stride [1 1] dilation [1 1] "
    "pad "
    "[3 3 3 3]\n"
    "output %14 output %15 }";

static void test_parts_agree_exactly(void **state)
{
    (void)state;
    /* one convolution and the parts' tables, two pools, two outputs made plain */
    check_shortcuts(parts, 1 + 2 + 2 + 2, 2 * 9 * 6 * 10);
    run r = start(parts, false, 1);
    ork_str text = {0};
    ork_plan_print(r.plan, &text);
    const char *pool = strstr(text.text, "\"n\" max_pool: %15:pixels");
    assert_non_null(pool);
    assert_non_null(strstr(pool, "<- %14:pixels")); /* reads the other pool */
    ork_str_free(&text);
    stop(&r);
}

/* Functions behind sums and products, of which two go into a concat of another scale, as pixels
   that are enlarged do. */
static const char behind[] =
    "graph \"b\" quant { input %0 \"x\" u8[2x3x12x20]{0.0078125 128} mean [1 2 3] std [200 150 99] "
    "reorder [2 1 0]\n"
    "const %1 \"w\" u8[20x3x3x3]{0.01 120} random 1 const %2 \"b\" i32[20] random 2\n"
    "%3 \"c\" u8[2x20x12x20]{0.05 130} = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 "
    "1] groups 1\n"
    "const %4 \"v\" u8[20x20x1x1]{0.02 100} random 3\n"
    "%5 \"d\" u8[2x20x12x20]{0.07 90} = conv2d(%3, %4) stride [1 1] dilation [1 1] pad [0 0 0 0] "
    "groups 1\n"
    "%6 \"s\" u8[2x20x12x20]{0.08 101} = add(%3, %5)\n"
    "%7 \"r\" u8[2x20x12x20]{0.03 0} = relu(%6)\n"
    "%8 \"p\" u8[2x20x1x1]{0.05 130} = adaptive_avg_pool2d(%5) size [1 1]\n"
    "%9 \"g\" u8[2x20x1x1]{0.0039 0} = sigmoid(%8)\n"
    "%10 \"m\" u8[2x20x12x20]{0.04 99} = mul(%3, %9)\n"
    "%11 \"h\" u8[2x20x12x20]{0.03 7} = silu(%10)\n"
    "%12 \"u\" u8[2x20x12x20]{0.05 130} = resize(%8) size [12 20]\n"
    "%13 \"j\" u8[2x60x12x20]{0.06 66} = concat(%7, %11, %12) axis 1\n"
    "output %13 output %9 }";

static void test_functions_behind_others_agree_exactly(void **state)
{
    (void)state;
    run a = start(behind, false, 2), b = start(behind, true, 1);
    /* the two convolutions, sum, pool, sigmoid, product, one pixel to the concat's scale, resize,
       one output made plain */
    assert_int_equal(ork_plan_step_count(a.plan), 2 + 1 + 1 + 1 + 1 + 1 + 1 + 1);
    feed_bytes(&a, false);
    feed_bytes(&b, true);
    assert_memory_equal(ork_runner_output_raw(a.runner, 0), ork_runner_output_raw(b.runner, 0),
                        2 * 60 * 12 * 20);
    assert_memory_equal(ork_runner_output_raw(a.runner, 1), ork_runner_output_raw(b.runner, 1),
                        2 * 20);
    stop(&a);
    stop(&b);
}

static void test_preprocessing(void **state)
{
    (void)state;
    static const char copy[] =
        "graph \"p\" canon { input %0 \"x\" f32[1x3x1x2] mean [1 2 3] std [2 4 8] reorder [2 1 0]\n"
        "%1 \"y\" f32[1x3x1x2] = neg(%0) output %1 }";
    run r = start(copy, false, 1);
    const uint8_t pixels[] = {10, 20, 30, 40, 50, 60}; /* two pixels of three channels */
    const float expected[] = {-14.5f, -29.5f, -4.5f, -12.0f, -0.875f, -4.625f};
    ork_feed feed = {.data = pixels,
                     .dtype = ORK_U8,
                     .is_nhwc = true,
                     .shape = ork_shape_of(4, (int64_t[]){1, 1, 2, 3})};
    ork_runner_set_input(r.runner, 0, &feed);
    ork_runner_run(r.runner);
    for (int i = 0; i < 6; i++)
        assert_true(ork_runner_output(r.runner, 0)[i] == expected[i]);
    feed.pass_through = true;
    ork_runner_set_input(r.runner, 0, &feed);
    ork_runner_run(r.runner);
    assert_true(ork_runner_output(r.runner, 0)[0] == -10.0f);
    stop(&r);
}

static void test_wrong_feeds_are_explained(void **state)
{
    (void)state;
    run r = start(network, false, 1);
    float zeros[192] = {0};
    ork_feed feed = {.data = zeros,
                     .dtype = ORK_F32,
                     .is_nhwc = true,
                     .shape = ork_shape_of(4, (int64_t[]){1, 3, 8, 8})};
    assert_false(ork_runner_check_feed(r.runner, r.diag, 0, &feed));
    assert_string_equal(ork_diag_error(r.diag)->id, "E0702");
    assert_non_null(strstr(ork_diag_error(r.diag)->fix, "data_format='nchw'"));
    feed.shape = ork_shape_of(2, (int64_t[]){3, 64});
    assert_false(ork_runner_check_feed(r.runner, r.diag, 0, &feed));
    assert_non_null(strstr(ork_diag_error(r.diag)->why, "needs 4 dimensions and got 2"));
    feed.dtype = ORK_I64;
    assert_false(ork_runner_check_feed(r.runner, r.diag, 0, &feed));
    assert_string_equal(ork_diag_error(r.diag)->id, "E0703");
    stop(&r);
}

/* ---- every operator ---- */

/* Each node is an output; where it is a picture, a pool that changes nothing wants it as pixels. */
static ork_str every_operator_as_output(void)
{
    ork_str text = {0};
    int end = add_every_operator(&text), id = end;
    ork_diag *diag = ork_diag_new();
    ork_str head = {0};
    ork_str_printf(&head, "%s }", text.text);
    ork_graph *graph = ork_graph_parse(diag, head.text, head.length);
    assert_non_null(graph);
    for (int i = FIRST_NODE; i < end; i++) {
        const ork_type *type = &graph->values.items[i]->type;
        const long long d[] = {type->shape.dim[0], type->shape.dim[1], type->shape.dim[2],
                               type->shape.dim[3]};
        if (type->shape.rank == 4 && type->dtype == ORK_F32)
            ork_str_printf(&text,
                           "  %%%d \"p%d\" f32[%lldx%lldx%lldx%lld] = max_pool2d(%%%d) kernel [1 "
                           "1] stride [1 1] "
                           "dilation [1 1]\n  output %%%d\n",
                           id, id, d[0], d[1], d[2], d[3], i, id);
        id += type->shape.rank == 4 && type->dtype == ORK_F32;
        ork_str_printf(&text, "  output %%%d\n", i);
    }
    ork_str_printf(&text, "}\n");
    ork_str_free(&head);
    ork_graph_free(graph);
    ork_diag_free(diag);
    return text;
}

static void feed_all(run *r)
{
    float data[256];
    for (size_t i = 0; i < r->graph->inputs.count; i++) {
        const ork_type *type = &r->graph->inputs.items[i].value->type;
        for (int k = 0; k < 256; k++)
            data[k] = type->dtype == ORK_BOOL ? (float)(k % 3 == 0)
                                              : 0.25f + (float)((k * 37 + (int)i * 11) % 64) / 16;
        ork_feed feed = {.data = data, .dtype = ORK_F32, .shape = type->shape};
        assert_true(ork_runner_check_feed(r->runner, r->diag, i, &feed));
        ork_runner_set_input(r->runner, i, &feed);
    }
    ork_runner_run(r->runner);
}

static void ignore_observation(void *user, const ork_observation *seen)
{
    ((int64_t *)user)[seen->value->id] += seen->count;
}

static void test_every_operator_runs(void **state)
{
    (void)state;
    ork_str text = every_operator_as_output();
    run fused = start(text.text, false, 3), plain = start(text.text, true, 1);
    int64_t *observed = calloc(plain.graph->values.count, sizeof(*observed));
    ork_runner_observe(plain.runner, ignore_observation, observed);
    feed_all(&fused);
    feed_all(&plain);
    for (const ork_node *node = plain.graph->first; node; node = node->next)
        assert_int_equal(observed[node->output->id], ork_shape_count(&node->output->type.shape));
    for (size_t o = 0; o < fused.graph->outputs.count; o++) {
        const ork_value *value = fused.graph->outputs.items[o];
        int64_t count = ork_shape_count(&value->type.shape);
        const float *a = ork_runner_output(fused.runner, o);
        const float *b = ork_runner_output(plain.runner, o);
        for (int64_t i = 0; i < count; i++)
            if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])) &&
                !(fabsf(a[i] - b[i]) <= 1e-5f * fmaxf(1.0f, fabsf(b[i]))))
                fail_msg("%s: element %lld is %g fused and %g observable", value->name,
                         (long long)i, (double)a[i], (double)b[i]);
    }
    free(observed);
    ork_str_free(&text);
    stop(&fused);
    stop(&plain);
}

/* ---- results known beforehand ---- */

static void check_outputs(const char *text, const float *in, int64_t in_count,
                          const float *const *expected)
{
    for (int observable = 0; observable < 2; observable++) {
        run r = start(text, observable, 1);
        ork_feed feed = {
            .data = in, .dtype = ORK_F32, .shape = r.graph->inputs.items[0].value->type.shape};
        assert_int_equal(ork_shape_count(&feed.shape), in_count);
        ork_runner_set_input(r.runner, 0, &feed);
        ork_runner_run(r.runner);
        for (size_t o = 0; o < r.graph->outputs.count; o++) {
            const ork_value *value = r.graph->outputs.items[o];
            const float *got = ork_runner_output(r.runner, o);
            for (int64_t i = 0; i < ork_shape_count(&value->type.shape); i++)
                if (got[i] != expected[o][i])
                    fail_msg("%s: element %lld is %g, not %g", value->name, (long long)i,
                             (double)got[i], (double)expected[o][i]);
        }
        stop(&r);
    }
}

static void test_whole_numbers_and_truth(void **state)
{
    (void)state;
    static const char text[] =
        "graph \"g\" canon { input %0 \"x\" f32[4] const %1 \"c\" f32[1] [1.5]\n"
        "%2 \"gt\" bool[4] = greater(%0, %1) %3 \"w\" f32[4] = where(%2, %0, %1)\n"
        "%4 \"i\" i64[4] = cast(%0) dtype i64 const %5 \"two\" i64[] [2]\n"
        "%6 \"h\" i64[4] = floor_div(%4, %5) %7 \"r\" i64[4] = remainder(%4, %5)\n"
        "%8 \"not\" bool[4] = logical_not(%2) %9 \"b\" f32[4] = cast(%8) dtype f32\n"
        "%10 \"sum\" i64[] = reduce_sum(%4) axes [0]\n"
        "const %11 \"t\" f32[3x2] [10 11 20 21 30 31] %12 \"rows\" f32[4x2] = gather(%11, %4)\n"
        "%13 \"or\" bool[4] = logical_or(%2, %4)\n"
        "output %3 output %6 output %7 output %9 output %10 output %12 output %13 output %2 }";
    static const float in[] = {-1.7f, 0.5f, 1.9f, 7.0f};
    const float *const expected[] = {
        (const float[]){1.5f, 1.5f, 1.9f, 7.0f},
        (const float[]){-1, 0, 0, 3},
        (const float[]){1, 0, 1, 1},
        (const float[]){1, 1, 0, 0},
        (const float[]){7},
        (const float[]){30, 31, 10, 11, 20, 21, 30, 31}, /* -1 is the last, 7 is moved to it */
        (const float[]){1, 0, 1, 1},
        (const float[]){0, 0, 1, 1},
    };
    check_outputs(text, in, 4, expected);
}

/* The pool makes pixels of its neighbours, two channels apart from each other in memory. */
static void test_padding_of_pixels(void **state)
{
    (void)state;
    static const char text[] =
        "graph \"g\" canon { input %0 \"x\" f32[1x2x2x3]\n"
        "%1 \"p\" f32[1x2x2x3] = max_pool2d(%0) kernel [1 1] stride [1 1] dilation [1 1]\n"
        "%2 \"both\" f32[1x4x2x3] = concat(%1, %1) axis 1\n"
        "%3 \"reflect\" f32[1x2x3x5] = pad(%1) before [0 0 1 2] after [0 0 0 0] mode reflect\n"
        "%4 \"edge\" f32[1x2x2x6] = pad(%1) before [0 0 0 1] after [0 0 0 2] mode replicate\n"
        "%5 \"seven\" f32[1x3x2x4] = pad(%1) before [0 1 0 0] after [0 0 0 1] value 7\n"
        "output %3 output %4 output %5 output %2 }";
    static const float in[] = {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6};
    const float *const expected[] = {
        (const float[]){6,  5,  4,  5,  6,  3,  2,  1,  2,  3,  6,  5,  4,  5,  6,
                        -6, -5, -4, -5, -6, -3, -2, -1, -2, -3, -6, -5, -4, -5, -6},
        (const float[]){1,  1,  2,  3,  3,  3,  4,  4,  5,  6,  6,  6,
                        -1, -1, -2, -3, -3, -3, -4, -4, -5, -6, -6, -6},
        (const float[]){7, 7, 7, 7, 7,  7,  7,  7, 1,  2,  3,  7,
                        4, 5, 6, 7, -1, -2, -3, 7, -4, -5, -6, 7},
        (const float[]){1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6,
                        1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6},
    };
    check_outputs(text, in, 12, expected);
}

/* The same convolution with constant weights and with weights that only a run can tell. */
static void test_computed_weights(void **state)
{
    (void)state;
    static const char text[] =
        "graph \"g\" canon { input %0 \"x\" f32[1x3x5x5] const %1 \"w\" f32[7x3x3x3] random 1\n"
        "const %2 \"b\" f32[7] random 2 const %3 \"f\" f32[4x5] random 3\n"
        "const %4 \"t\" f32[3x2x2x2] random 4\n"
        "%5 \"zero\" f32[1x3x5x5] = sub(%0, %0) %6 \"none\" f32[] = reduce_sum(%5) axes [0 1 2 3]\n"
        "%7 \"w2\" f32[7x3x3x3] = add(%1, %6) %8 \"b2\" f32[7] = add(%2, %6)\n"
        "%9 \"f2\" f32[4x5] = add(%3, %6) %10 \"t2\" f32[3x2x2x2] = add(%4, %6)\n"
        "%11 \"c\" f32[1x7x5x5] = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 1] "
        "groups 1\n%12 \"a\" f32[1x7x5x5] = relu(%11)\n"
        "%13 \"c2\" f32[1x7x5x5] = conv2d(%0, %7, %8) stride [1 1] dilation [1 1] pad [1 1 1 1] "
        "groups 1\n%14 \"a2\" f32[1x7x5x5] = relu(%13)\n"
        "%15 \"l\" f32[1x3x5x4] = linear(%0, %3) %16 \"l2\" f32[1x3x5x4] = linear(%0, %9)\n"
        "%17 \"u\" f32[1x2x6x6] = conv_transpose2d(%0, %4) stride [1 1] dilation [1 1] groups 1\n"
        "%18 \"u2\" f32[1x2x6x6] = conv_transpose2d(%0, %10) stride [1 1] dilation [1 1] groups 1\n"
        "output %12 output %14 output %15 output %16 output %17 output %18 }";
    for (int observable = 0; observable < 2; observable++) {
        run r = start(text, observable, 2);
        feed_all(&r);
        feed_all(&r); /* packed anew on each run */
        for (size_t o = 0; o < 6; o += 2) {
            const float *a = ork_runner_output(r.runner, o),
                        *b = ork_runner_output(r.runner, o + 1);
            int64_t count = ork_shape_count(&r.graph->outputs.items[o]->type.shape);
            assert_memory_equal(a, b, (size_t)count * sizeof(float));
            assert_true(a[0] != a[1]);
        }
        stop(&r);
    }
}

/* Movements of numbers that are quantized anew: the same as a conversion in front. */
static void test_movements_requantize(void **state)
{
    (void)state;
    static const char text[] =
        "graph \"q\" quant { input %0 \"x\" u8[1x3x8x8]{0.0078125 128}\n"
        "%1 \"p\" u8[1x3x8x8]{0.0078125 128} = max_pool2d(%0) kernel [1 1] stride [1 1] dilation "
        "[1 "
        "1]\n%2 \"d\" u8[1x3x8x8]{0.02 60} = convert(%1)\n"
        "%3 \"s\" u8[1x3x4x8]{0.02 60} = slice(%1) begin [0 0 0 0] end [1 3 8 8] step [1 1 2 1]\n"
        "%4 \"s2\" u8[1x3x4x8]{0.02 60} = slice(%2) begin [0 0 0 0] end [1 3 8 8] step [1 1 2 1]\n"
        "%5 \"r\" u8[192]{0.02 60} = reshape(%1) shape [192]\n"
        "%6 \"r2\" u8[192]{0.02 60} = reshape(%2) shape [192]\n"
        "%7 \"e\" u8[1x3x9x8]{0.02 60} = pad(%1) before [0 0 1 0] after [0 0 0 0] value 0.4\n"
        "%8 \"e2\" u8[1x3x9x8]{0.02 60} = pad(%2) before [0 0 1 0] after [0 0 0 0] value 0.4\n"
        "%9 \"z\" u8[1x3x4x4]{0.02 60} = resize(%1) size [4 4]\n"
        "%10 \"z2\" u8[1x3x4x4]{0.02 60} = resize(%2) size [4 4]\n"
        "%11 \"j\" u8[1x3x16x8]{0.02 60} = concat(%1, %2) axis 2\n"
        "%12 \"j2\" u8[1x3x16x8]{0.02 60} = concat(%2, %2) axis 2\n"
        "const %13 \"i\" i64[2] [2 0] %14 \"g\" u8[1x2x8x8]{0.02 60} = gather(%1, %13) axis 1\n"
        "%15 \"g2\" u8[1x2x8x8]{0.02 60} = gather(%2, %13) axis 1\n"
        "const %16 \"m\" bool[8] [1 0 1 0 0 1 1 1] %17 \"w\" u8[1x3x8x8]{0.02 60} = where(%16, %1, "
        "%2)\n%18 \"w2\" u8[1x3x8x8]{0.02 60} = where(%16, %2, %2)\n"
        "output %3 output %4 output %5 output %6 output %7 output %8 output %9 output %10\n"
        "output %11 output %12 output %14 output %15 output %17 output %18 }";
    for (int observable = 0; observable < 2; observable++) {
        run r = start(text, observable, 1);
        feed_ramp(&r, true);
        for (size_t o = 0; o < r.graph->outputs.count; o += 2) {
            int64_t count = ork_shape_count(&r.graph->outputs.items[o]->type.shape);
            assert_memory_equal(ork_runner_output_raw(r.runner, o),
                                ork_runner_output_raw(r.runner, o + 1), (size_t)count);
        }
        assert_true(*(const uint8_t *)ork_runner_output_raw(r.runner, 4) ==
                    80); /* 0.4 / 0.02 + 60 */
        stop(&r);
    }
}

/* What has no integer form is refused when a graph asks for it all the same. */
static void test_what_cannot_run_says_so(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "%1 \"p\" u8[2x2]{0.5 0} = matmul(%0, %0) scope \"net.py:3\"",
        "%1 \"p\" u8[2x2]{0.5 0} = layer_norm(%0) axes 1 scope \"net.py:3\"",
        "%1 \"p\" i8[2x2]{fl 3} = neg(%0) scope \"net.py:3\"",
        "const %9 \"c\" u8[2x2] random 1 %1 \"p\" u8[2x2] = softmax(%9) axis 1 scope \"net.py:3\"",
    };
    for (size_t i = 0; i < ORK_COUNT(texts); i++) {
        ork_str text = {0};
        ork_str_printf(&text, "graph \"g\" quant { input %%0 \"x\" u8[2x2]{0.5 0}\n%s output %%1 }",
                       texts[i]);
        ork_diag *diag = ork_diag_new();
        ork_graph *graph = ork_graph_parse(diag, text.text, text.length);
        assert_non_null(graph);
        assert_null(ork_plan_new(diag, graph, &(ork_plan_options){0}));
        assert_string_equal(ork_diag_error(diag)->id, "E0003");
        assert_non_null(strstr(ork_diag_error(diag)->where, "net.py:3"));
        ork_graph_free(graph);
        ork_diag_free(diag);
        ork_str_free(&text);
    }
}

static void test_arena_is_shared(void **state)
{
    (void)state;
    run r = start("graph \"chain\" canon { input %0 \"x\" f32[1024] %1 \"a\" f32[1024] = exp(%0)\n"
                  "%2 \"b\" f32[1024] = neg(%1) %3 \"c\" f32[1024] = neg(%2)\n"
                  "%4 \"d\" f32[1024] = neg(%3) output %4 }",
                  false, 1);
    assert_int_equal(ork_plan_arena_bytes(r.plan), 2 * 4096); /* two of five values at a time */
    assert_int_equal(ork_plan_live_bytes(r.plan), 2 * 4096);
    stop(&r);
}

/* A long network whose values are needed again after any time: what lies in their memory by then
   would show. */
static void test_long_lives(void **state)
{
    (void)state;
    enum { NODES = 700, LENGTH = 16 };
    static float expected[NODES][LENGTH];
    ork_str text = {0};
    uint32_t random = 1;
    ork_str_printf(&text, "graph \"long\" canon { input %%0 \"v0\" f32[16]\n");
    for (int k = 0; k < LENGTH; k++)
        expected[0][k] = (float)(k + 1);
    for (int i = 1; i < NODES; i++) {
        random = random * 1664525u + 1013904223u;
        int back = (int)(random >> 8) % (i % 7 ? 3 : i) + 1, other = i >= back ? i - back : 0;
        bool less = expected[i - 1][0] > 0;
        ork_str_printf(&text, "%%%d \"v%d\" f32[16] = %s(%%%d, %%%d)\n", i, i, less ? "sub" : "add",
                       other, i - 1);
        for (int k = 0; k < LENGTH; k++)
            expected[i][k] = expected[other][k] + (less ? -1.0f : 1.0f) * expected[i - 1][k];
    }
    ork_str_printf(&text, "output %%%d output %%1 output %%350 }", NODES - 1);
    run r = start(text.text, false, 1);
    ork_feed feed = {
        .data = expected[0], .dtype = ORK_F32, .shape = ork_shape_of(1, (int64_t[]){LENGTH})};
    ork_runner_set_input(r.runner, 0, &feed);
    ork_runner_run(r.runner);
    assert_memory_equal(ork_runner_output(r.runner, 0), expected[NODES - 1], sizeof(expected[0]));
    assert_memory_equal(ork_runner_output(r.runner, 1), expected[1], sizeof(expected[0]));
    assert_memory_equal(ork_runner_output(r.runner, 2), expected[350], sizeof(expected[0]));
    assert_true(ork_plan_arena_bytes(r.plan) < NODES * 64 / 4);
    assert_true(ork_plan_live_bytes(r.plan) <= ork_plan_arena_bytes(r.plan));
    ork_str_free(&text);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fused_and_observable_agree),
        cmocka_unit_test(test_integer_plans_agree_exactly),
        cmocka_unit_test(test_shortcuts_agree_exactly),
        cmocka_unit_test(test_parts_agree_exactly),
        cmocka_unit_test(test_functions_behind_others_agree_exactly),
        cmocka_unit_test(test_preprocessing),
        cmocka_unit_test(test_wrong_feeds_are_explained),
        cmocka_unit_test(test_every_operator_runs),
        cmocka_unit_test(test_whole_numbers_and_truth),
        cmocka_unit_test(test_padding_of_pixels),
        cmocka_unit_test(test_computed_weights),
        cmocka_unit_test(test_movements_requantize),
        cmocka_unit_test(test_what_cannot_run_says_so),
        cmocka_unit_test(test_arena_is_shared),
        cmocka_unit_test(test_long_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
