/* SPDX-License-Identifier: Apache-2.0 */
/* The text form reads back, shapes are inferred, and faults in a text are found. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static ork_graph *parse(ork_diag *diag, const char *text)
{
    return ork_graph_parse(diag, text, strlen(text));
}

static void check_round_trip(const char *text)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = parse(diag, text);
    if (!graph)
        fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    ork_str first = {0}, second = {0}, third = {0};
    ork_text_options all = {.all_constants = true};
    ork_graph_print(graph, &all, &first);
    ork_graph *again = parse(diag, first.text);
    assert_non_null(again);
    ork_graph_print(again, &all, &second);
    assert_string_equal(first.text, second.text);
    ork_graph *copy = ork_graph_clone(again, true);
    assert_true(ork_graph_verify(copy, diag));
    ork_graph_free(again);
    ork_graph *reread = NULL;
    ork_graph_print(copy, &all, &third);
    reread = parse(diag, third.text);
    assert_non_null(reread);
    ork_graph_free(reread);
    ork_graph_free(copy);
    ork_graph_free(graph);
    ork_str_free(&first);
    ork_str_free(&second);
    ork_str_free(&third);
    ork_diag_free(diag);
}

static void test_reads_back(void **state)
{
    (void)state;
    check_round_trip("graph \"a\\\"b\" canon origin \"pytorch\" target \"rk1808\" level 3 {\n"
                     "  input %0 \"x\" f32[1x3x8x8] mean [1 2 3] std [4 5 6.5] reorder [2 1 0]\n"
                     "  const %1 \"w\" f32[4x3x3x3] random 7\n"
                     "  const %2 \"b\" f32[4] [0.1 -2 3e-9 4]\n"
                     "  %3 \"stem\" f32[1x4x4x4] = conv2d(%0, %1, %2) stride [2 2] dilation [1 1] "
                     "pad [1 1 1 1] groups 1 scope \"net.py:7\"\n"
                     "  %4 \"act\" f32[1x4x4x4] = silu(%3) layer \"stem.act\"\n"
                     "  %5 \"norm\" f32[1x4x4x4] = layer_norm(%4, _, _) axes 1 epsilon 1e-05\n"
                     "  %6 \"up\" f32[1x4x8x8] = resize(%5) mode bilinear coordinates half_pixel "
                     "size [8 8]\n"
                     "  output %6\n  output %4\n}\n");
}

static void test_quantized_types_read_back(void **state)
{
    (void)state;
    check_round_trip(
        "graph \"q\" quant {\n"
        "  input %0 \"x\" u8[1x2x2x2]{0.0078125 128}\n"
        "  const %1 \"w\" i8[2x2x1x1]{axis 0 [0.5 0.25] [0 0]} [1 -2 3 -4]\n"
        "  const %2 \"b\" i32[2] [100000 -7]\n"
        "  %3 \"y\" u8[1x2x2x2]{0.1 3} = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] groups 1\n"
        "  %4 \"z\" i16[1x2x2x2]{fl 12} = convert(%3)\n"
        "  output %4\n}\n");
}

/* Each line is one wrong graph with a part of the message that it must give. */
static void test_faults_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"", "'graph' is expected"},
        {"graph \"a\" nostage {}", "imported, canon or quant"},
        {"graph \"a\" canon { input %0 \"x\" f99[1] }", "element type"},
        {"graph \"a\" canon { input %0 \"x\" f32[1x-3] }", "shape"},
        {"graph \"a\" canon { input %0 \"x\" f32[9999999999999999999x9] }", "too large"},
        {"graph \"a\" canon { output %7 }", "not defined"},
        {"graph \"a\" canon { const %0 \"c\" f32[3] [1 2] }", "number"},
        {"graph \"a\" canon { const %0 \"c\" f32[3] ... }", "shortened"},
        {"graph \"a\" canon { input %0 \"x\" f32[2x3] %1 \"y\" f32[2x3] = nonsense(%0) }",
         "operator is expected"},
        {"graph \"a\" canon { input %0 \"x\" f32[2x3] %1 \"y\" f32[2x4] = relu(%0) }",
         "shape is not what"},
        {"graph \"a\" canon { input %0 \"x\" f32[2x3] %1 \"y\" f32[6] = reshape(%0) shape [7] }",
         "reshape cannot"},
        {"graph \"a\" canon { input %0 \"x\" f32[2x3] %1 \"y\" f32[2x3] = add(%0) }", "takes 2"},
        {"graph \"a\" canon { input %0 \"x\" f32[1x3x4x4] const %1 \"w\" f32[2x2x1x1] zeros\n"
         "%2 \"y\" f32[1x2x4x4] = conv2d(%0, %1) stride [1 1] dilation [1 1] groups 1 }",
         "conv2d cannot"},
    };
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        ork_diag *diag = ork_diag_new();
        assert_null(parse(diag, cases[i].text));
        const ork_error *error = ork_diag_error(diag);
        if (!strstr(error->what, cases[i].what))
            fail_msg("case %zu says: %s (%s)", i, error->what, error->where);
        ork_diag_free(diag);
    }
}

static void test_every_operator_has_a_complete_row(void **state)
{
    (void)state;
    for (int i = 0; i < ORK_OP_COUNT; i++) {
        ork_op op;
        assert_true(ork_op_from_name(ork_op_table[i].name, &op));
        assert_int_equal(op, i);
        assert_non_null(ork_op_table[i].infer);
        assert_true(strlen(ork_op_table[i].doc) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back),
        cmocka_unit_test(test_quantized_types_read_back),
        cmocka_unit_test(test_faults_are_found),
        cmocka_unit_test(test_every_operator_has_a_complete_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
