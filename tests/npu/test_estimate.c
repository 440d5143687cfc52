/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of each layer, and what the estimate makes of it. How near estimates are to times
   of chips is measured by bench/fit_chips.py. */
#include "npu/npu.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char network[] =
    "graph \"g\" canon { input %0 \"x\" f32[1x8x32x32]\n"
    "const %1 \"w\" f32[16x8x3x3] random 1 const %2 \"b\" f32[16] random 2\n"
    "const %3 \"v\" f32[4x16x1x1] random 3 const %4 \"d\" f32[16x1x3x3] random 4\n"
    "%5 \"window\" f32[1x16x32x32] = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 1] "
    "groups 1\n"
    "%6 \"joined\" f32[1x16x32x32] = relu(%5)\n"
    "%7 \"depthwise\" f32[1x16x16x16] = conv2d(%6, %4, _) stride [2 2] dilation [1 1] pad [1 1 1 "
    "1] "
    "groups 16\n"
    "%8 \"function\" f32[1x16x16x16] = silu(%7)\n"
    "%9 \"point\" f32[1x4x16x16] = conv2d(%8, %3, _) stride [1 1] dilation [1 1] groups 1\n"
    "%10 \"pool\" f32[1x4x8x8] = max_pool2d(%9) kernel [2 2] stride [2 2] dilation [1 1]\n"
    "%11 \"free\" f32[1x256] = reshape(%10) shape [1 256]\n"
    "%12 \"move\" f32[1x256] = add(%11, %11)\n"
    "output %12 }";

typedef struct fixture {
    ork_diag *diag;
    ork_arena *arena;
    ork_graph *graph;
} fixture;

static int set_up(void **state)
{
    fixture *f = *state = test_calloc(1, sizeof(*f));
    f->diag = ork_diag_new();
    f->arena = ork_arena_new();
    f->graph = ork_graph_parse(f->diag, network, strlen(network));
    if (!f->graph)
        fail_msg("%s %s", ork_diag_error(f->diag)->where, ork_diag_error(f->diag)->what);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ork_graph_free(f->graph);
    ork_arena_free(f->arena);
    ork_diag_free(f->diag);
    test_free(f);
    return 0;
}

static ork_npu_estimate *estimate(const fixture *f, const char *soc, ork_dtype dtype)
{
    return ork_npu_estimate_run(f->arena, f->graph, ork_soc_find(soc), dtype);
}

static void test_units(void **state)
{
    static const struct {
        const char *name;
        ork_npu_unit unit;
        double macs, data_bytes, weight_bytes;
    } expected[] = {
        {"window", ORK_UNIT_WINDOW, 16 * 1024 * 72, 8 * 1024 + 16 * 1024, 16 * 72 + 16},
        {"joined", ORK_UNIT_FREE, 0, 2 * 16 * 1024, 0},
        {"depthwise", ORK_UNIT_DEPTHWISE, 16 * 256 * 9, 16 * 1024 + 16 * 256, 144},
        {"function", ORK_UNIT_FUNCTION, 0, 2 * 16 * 256, 0},
        {"point", ORK_UNIT_POINT, 4 * 256 * 16, 16 * 256 + 4 * 256, 64},
        {"pool", ORK_UNIT_POOL, 0, 4 * 256 + 256, 0},
        {"free", ORK_UNIT_FREE, 0, 512, 0},
        {"move", ORK_UNIT_MOVE, 0, 3 * 256, 0},
    };
    const ork_npu_estimate *e = estimate(*state, "rk1808", ORK_U8);
    double sum = 0;
    assert_int_equal(e->layers.count, ORK_COUNT(expected));
    for (size_t i = 0; i < e->layers.count; i++) {
        const ork_npu_layer *layer = &e->layers.items[i];
        assert_string_equal(layer->node->name, expected[i].name);
        assert_int_equal(layer->unit, expected[i].unit);
        assert_true(layer->macs == expected[i].macs);
        assert_true(layer->data_bytes == expected[i].data_bytes);
        assert_true(layer->weight_bytes == expected[i].weight_bytes);
        assert_true((layer->seconds > 0) == (layer->unit != ORK_UNIT_FREE));
        sum += layer->seconds;
    }
    assert_true(fabs(sum - e->seconds) < 1e-12);
}

/* More bits take longer; a slower clock makes the part of the NPU slower, not that of the memory.
 */
static void test_types_and_clocks(void **state)
{
    double bytes = estimate(*state, "rk1808", ORK_U8)->seconds;
    double words = estimate(*state, "rk1808", ORK_I16)->seconds;
    double halves = estimate(*state, "rk1808", ORK_F32)->seconds;
    assert_true(bytes < words && words < halves);
    double slow = estimate(*state, "rv1109", ORK_U8)->seconds;
    double fast = estimate(*state, "rv1126", ORK_U8)->seconds;
    assert_true(slow > fast && slow < fast * 934 / 594);
    assert_true(estimate(*state, "rk3399pro", ORK_U8)->seconds == bytes);
}

/* Values that are quantized count as they are, whatever is assumed of others. */
static void test_quantized(void **state)
{
    static const char text[] = "graph \"q\" quant { input %0 \"x\" i16[1x4x8x8]{fl 8}\n"
                               "%1 \"y\" i16[1x4x8x8]{fl 8} = relu(%0) output %1 }";
    fixture *f = *state;
    ork_graph *graph = ork_graph_parse(f->diag, text, strlen(text));
    assert_non_null(graph);
    const ork_npu_estimate *e =
        ork_npu_estimate_run(f->arena, graph, ork_soc_find("rk1808"), ORK_U8);
    assert_int_equal(e->layers.items[0].dtype, ORK_I16);
    assert_int_equal(e->layers.items[0].unit, ORK_UNIT_FUNCTION); /* nothing to join */
    assert_true(e->layers.items[0].data_bytes == 2 * 256 * 2);
    ork_graph_free(graph);
}

/* Bytes in 8 bits: "joined" lies where "window" does, "free" where "pool" does. */
static void test_memory(void **state)
{
    const fixture *f = *state;
    const ork_npu_memory m = ork_npu_memory_run(f->graph, ork_soc_find("rk1808"), ORK_U8);
    assert_true(m.weights == 16 * 72 + 16 + 64 + 144);
    assert_true(m.inputs == 8192 && m.outputs == 256);
    assert_true(m.internal == 8192 + 16384); /* x and window */
    assert_true(m.values == 8192 + 16384 + 4096 + 4096 + 1024 + 256 + 256);
    const ork_npu_memory halves = ork_npu_memory_run(f->graph, ork_soc_find("rk1808"), ORK_F32);
    assert_true(halves.weights == 2 * m.weights && halves.internal == 2 * m.internal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_types_and_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_quantized, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
