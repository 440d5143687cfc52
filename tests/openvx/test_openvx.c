/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on the stand-in of a board's driver: the same bits as here, whatever part is computed
   there. */
#include "openvx/openvx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../packed_network.h"

/* All that the driver takes, and between it what it does not: silu, a depthwise layer, a sum. */
static const char mixed[] =
    "graph \"mixed\" quant target \"rk1808\" { input %0 \"x\" u8[1x3x17x18]{0.0078125 128}\n"
    "const %1 \"w1\" u8[8x3x3x3]{0.01 120} random 1 const %2 \"b1\" i32[8] random 2\n"
    "%3 \"c1\" u8[1x8x9x9]{0.05 130} = conv2d(%0, %1, %2) stride [2 2] dilation [1 1] pad [1 1 1 "
    "1] "
    "groups 1\n"
    "%4 \"r1\" u8[1x8x9x9]{0.05 130} = relu(%3)\n"
    "%5 \"p1\" u8[1x8x7x7]{0.05 130} = max_pool2d(%4) kernel [3 3] stride [1 1] dilation [1 1]\n"
    "%6 \"s1\" u8[1x8x7x7]{0.04 9} = silu(%5)\n"
    "const %7 \"w2\" u8[8x8x3x3]{0.01 110} random 3\n"
    "%8 \"c2\" u8[1x8x7x7]{0.06 100} = conv2d(%6, %7, _) stride [1 1] dilation [2 2] pad [2 2 2 2] "
    "groups 1\n"
    "%9 \"t2\" u8[1x8x7x7]{0.0078125 128} = tanh(%8)\n"
    "%10 \"g2\" u8[1x8x7x7]{0.00390625 0} = sigmoid(%8)\n"
    "%11 \"sum\" u8[1x8x7x7]{0.01 100} = add(%9, %10)\n"
    "%12 \"j\" u8[1x16x7x7]{0.06 100} = concat(%8, %8) axis 1\n"
    "%13 \"a\" u8[1x16x6x6]{0.06 100} = avg_pool2d(%12) kernel [2 2] stride [1 1] dilation [1 1]\n"
    "%14 \"flat\" u8[1x392]{0.01 100} = reshape(%11) shape [1 392]\n"
    "const %15 \"w3\" u8[10x392]{0.02 100} random 4 const %16 \"b3\" i32[10] random 5\n"
    "%17 \"full\" u8[1x10]{0.5 128} = linear(%14, %15, %16)\n"
    "%18 \"soft\" u8[1x10]{0.00390625 0} = softmax(%17) axis 1\n"
    "output %13 output %18 }";

static const char fixed[] =
    "graph \"fixed\" quant target \"rk1808\" { input %0 \"x\" i8[1x4x8x8]{fl 6}\n"
    "const %1 \"w\" i8[4x4x3x3]{fl 7} random 1 const %2 \"b\" i32[4] random 2\n"
    "%3 \"c\" i8[1x4x8x8]{fl 3} = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 1] "
    "groups 1\n"
    "%4 \"p\" i8[1x4x4x4]{fl 3} = max_pool2d(%3) kernel [2 2] stride [2 2] dilation [1 1]\n"
    "output %4 }";

static ork_diag *diag;

static ork_openvx *open_standin(void)
{
    ork_openvx *driver = ork_openvx_open(diag, ORK_STANDIN);
    if (!driver)
        fail_msg("%s: %s", ork_diag_error(diag)->what, ork_diag_error(diag)->why);
    return driver;
}

static ork_graph *parse(const char *text)
{
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph || !ork_graph_verify(graph, diag))
        fail_msg("%s %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    return graph;
}

static void compare(const ork_graph *graph, ork_openvx_network *network)
{
    const ork_plan_options options = {0};
    ork_plan *plan = ork_plan_new(diag, graph, &options);
    ork_runner *runner = ork_runner_new(diag, plan, NULL);
    const ork_type *type = &graph->inputs.items[0].value->type;
    const size_t bytes = ork_tensor_bytes(&(ork_tensor){.type = *type});
    uint8_t *picture = ork_openvx_input(network, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < bytes; i++)
            picture[i] = (uint8_t)(i * 31 + (size_t)round * 101);
        ork_runner_set_input(
            runner, 0,
            &(ork_feed){
                .data = picture, .dtype = type->dtype, .shape = type->shape, .pass_through = true});
        ork_runner_run(runner);
        assert_true(ork_openvx_run(network, diag));
        for (size_t i = 0; i < graph->outputs.count; i++) {
            const ork_tensor output = {.type = graph->outputs.items[i]->type};
            assert_memory_equal(ork_openvx_output(network, i), ork_runner_output_raw(runner, i),
                                ork_tensor_bytes(&output));
        }
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
}

/* Computes the network on the stand-in; so many layers must be there and so many here. */
static void check(const char *text, size_t there, size_t here)
{
    ork_openvx *driver = open_standin();
    ork_graph *graph = parse(text);
    ork_openvx_network *network =
        ork_openvx_network_new(diag, driver, graph, &(ork_plan_options){0}, NULL);
    assert_non_null(network);
    size_t found_there, found_here, pieces;
    ork_openvx_network_count(network, &found_there, &found_here, &pieces);
    assert_int_equal(found_there, there);
    assert_int_equal(found_here, here);
    compare(graph, network);
    ork_openvx_network_free(network);
    ork_graph_free(graph);
    ork_openvx_close(driver); /* aborts when something was not released */
}

static void test_mixed(void **state)
{
    (void)state;
    check(mixed, 10, 3);
}

static void test_fixed_point(void **state)
{
    (void)state;
    check(fixed, 2, 0);
}

static void test_other_types(void **state)
{
    (void)state;
    check(packed_network, 6, 9);
}

/* What the driver refuses is computed here. */
static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(setenv("STANDIN_LIMIT", "0", 1), 0);
    check(mixed, 0, 13);
    assert_int_equal(setenv("STANDIN_LIMIT", "2", 1), 0);
    check(fixed, 2, 0);
    unsetenv("STANDIN_LIMIT");
}

static void test_no_driver(void **state)
{
    (void)state;
    assert_null(ork_openvx_open(diag, "/nowhere/libOpenVX.so.1"));
    assert_string_equal(ork_diag_error(diag)->id, "E0801");
    ork_diag_clear(diag);
    assert_null(ork_openvx_open(diag, "libm.so.6")); /* a library, but not such a one */
    assert_string_equal(ork_diag_error(diag)->id, "E0801");
    assert_non_null(strstr(ork_diag_error(diag)->what, "has no vx"));
}

static void test_entries(void **state)
{
    (void)state;
    ork_openvx *driver = open_standin();
    size_t count = 0;
    bool found;
    while (ork_openvx_entry(driver, count, &found)) {
        assert_true(found);
        count++;
    }
    assert_true(count > 15);
    ork_openvx_close(driver);
}

static int set_up(void **state)
{
    (void)state;
    diag = ork_diag_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ork_diag_free(diag);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mixed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fixed_point, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_driver, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entries, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
