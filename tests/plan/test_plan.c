/* SPDX-License-Identifier: Apache-2.0 */
/* A plan computes the same whatever it fuses and wherever it puts things; feeds are checked and
   preprocessed; memory is shared only by values that do not live together. */
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

static void count_observation(void *user, const ork_value *value, const float *data, int64_t count)
{
    assert_int_equal(count, ork_shape_count(&value->type.shape));
    assert_true(isfinite(data[0]));
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

static void test_what_cannot_run_says_so(void **state)
{
    (void)state;
    static const char text[] = "graph \"g\" canon { input %0 \"x\" f32[1x1x4x4]\n"
                               "%1 \"p\" f32[1x1x6x4] = pad(%0) before [0 0 1 0] after [0 0 1 0] "
                               "mode reflect scope \"net.py:3\" output %1 }";
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    assert_null(ork_plan_new(diag, graph, &(ork_plan_options){0}));
    assert_string_equal(ork_diag_error(diag)->id, "E0003");
    assert_non_null(strstr(ork_diag_error(diag)->where, "net.py:3"));
    ork_graph_free(graph);
    ork_diag_free(diag);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fused_and_observable_agree),
        cmocka_unit_test(test_integer_plans_agree_exactly),
        cmocka_unit_test(test_preprocessing),
        cmocka_unit_test(test_wrong_feeds_are_explained),
        cmocka_unit_test(test_what_cannot_run_says_so),
        cmocka_unit_test(test_arena_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
