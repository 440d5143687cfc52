/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same, and each kind of difference. A case is a text that is replaced in the graph. */
#include "diagram/diagram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char base[] =
    "graph \"net\" imported {\n"
    "  input %0 \"x\" f32[1x3x8x8]\n"
    "  const %1 \"w\" f32[4x3x3x3] random 7\n"
    "  const %2 \"b\" f32[4] [0.5 -2 0.25 4]\n"
    "  const %5 \"w2\" f32[4x4x1x1] random 8\n"
    "  const %9 \"w3\" f32[4x4x1x1] random 9\n"
    "  %3 \"stem\" f32[1x4x8x8] = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 1] "
    "groups 1\n"
    "  %4 \"act\" f32[1x4x8x8] = leaky_relu(%3) alpha 0.1\n"
    "  %6 \"left\" f32[1x4x8x8] = conv2d(%4, %5, _) stride [1 1] dilation [1 1] groups 1\n"
    "  %7 \"right\" f32[1x4x8x8] = conv2d(%4, %9, _) stride [1 1] dilation [1 1] groups 1\n"
    "  %8 \"sum\" f32[1x4x8x8] = add(%6, %7)\n"
    "  %10 \"out\" f32[1x4x8x8] = sigmoid(%8)\n"
    "  output %10\n}\n";

static ork_graph *parse(const char *text)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s: %s\n%s", ork_diag_error(diag)->where, ork_diag_error(diag)->what, text);
    ork_diag_free(diag);
    return graph;
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    size_t size = strlen(text) + strlen(to) + 1;
    char *result = malloc(size);
    snprintf(result, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return result;
}

/* The differences, one a line: "kind first|second what before>after". */
static char *diff_texts(const char *first, const char *second, double tolerance, ork_str *out)
{
    ork_arena *arena = ork_arena_new();
    ork_graph *a = parse(first), *b = parse(second);
    const ork_graph_diff *diff = ork_graph_compare(arena, a, b, tolerance);
    ork_str_printf(out, "%s", "");
    for (size_t i = 0; i < diff->rows.count; i++) {
        const ork_difference_row *row = &diff->rows.items[i];
        ork_str_printf(out, "%s %s|%s %s %s>%s\n", ork_difference_names[row->kind], row->first,
                       row->second, row->what, row->before, row->after);
    }
    ork_graph_free(a);
    ork_graph_free(b);
    ork_arena_free(arena);
    return out->text;
}

static void check_change(const char *from, const char *to, const char *expected)
{
    ork_str out = {0};
    char *changed = replaced(base, from, to);
    assert_string_equal(diff_texts(base, changed, 1e-5, &out), expected);
    ork_str_free(&out);
    free(changed);
}

static void test_same(void **state)
{
    (void)state;
    check_change("net", "net", "");
    check_change("add(%6, %7)", "add(%7, %6)", "");
    check_change("\"stem\"", "\"trunk\"", "");
    check_change("4] [0.5", "4] [0.500001", "");
}

/* All names other, the layers and constants in another order, numbers of values too. */
static void test_names_and_order_make_no_difference(void **state)
{
    static const char other[] =
        "graph \"other\" imported {\n"
        "  input %3 \"input.1\" f32[1x3x8x8]\n"
        "  const %1 \"c1\" f32[4x4x1x1] random 9\n"
        "  const %2 \"c2\" f32[4x4x1x1] random 8\n"
        "  const %5 \"c3\" f32[4x3x3x3] random 7\n"
        "  const %9 \"c4\" f32[4] [0.5 -2 0.25 4]\n"
        "  %0 \"1\" f32[1x4x8x8] = conv2d(%3, %5, %9) stride [1 1] dilation [1 1] pad [1 1 1 1] "
        "groups 1\n"
        "  %4 \"2\" f32[1x4x8x8] = leaky_relu(%0) alpha 0.1\n"
        "  %6 \"3\" f32[1x4x8x8] = conv2d(%4, %1, _) stride [1 1] dilation [1 1] groups 1\n"
        "  %7 \"4\" f32[1x4x8x8] = conv2d(%4, %2, _) stride [1 1] dilation [1 1] groups 1\n"
        "  %8 \"5\" f32[1x4x8x8] = add(%6, %7)\n"
        "  %10 \"6\" f32[1x4x8x8] = sigmoid(%8)\n"
        "  output %10\n}\n";
    ork_str out = {0};
    (void)state;
    assert_string_equal(diff_texts(base, other, 0, &out), "");
    ork_str_free(&out);
}

static void test_attribute(void **state)
{
    (void)state;
    check_change("alpha 0.1", "alpha 0.2", "changed act|act alpha 0.1>0.2\n");
    check_change("pad [1 1 1 1]", "pad [2 2 0 0]", "changed stem|stem pad [1 1 1 1]>[2 2 0 0]\n");
}

static void test_weights(void **state)
{
    (void)state;
    check_change("4] [0.5", "4] [1.5", "changed stem|stem bias >differs by 0.25\n");
    check_change("4] [0.5", "4] [nan", "changed stem|stem bias >differs by inf\n");
}

static void test_added_and_removed(void **state)
{
    (void)state;
    check_change("  output %10", "  %11 \"end\" f32[1x4x8x8] = tanh(%10)\n  output %11",
                 "added |end  >\nchanged out|end computed by out>end\n");
    check_change("  %10 \"out\" f32[1x4x8x8] = sigmoid(%8)\n  output %10", "  output %8",
                 "removed out|  >\nchanged out|sum computed by out>sum\n");
    check_change("sigmoid(%8)", "tanh(%8)",
                 "removed out|  >\nadded |out  >\nchanged out|out computed by out>out\n");
}

static void test_inserted_in_the_middle(void **state)
{
    (void)state;
    check_change("  %8 \"sum\" f32[1x4x8x8] = add(%6, %7)",
                 "  %11 \"extra\" f32[1x4x8x8] = tanh(%6)\n"
                 "  %8 \"sum\" f32[1x4x8x8] = add(%11, %7)",
                 "added |extra  >\nchanged sum|sum input a left>extra\n");
}

static void test_connection(void **state)
{
    (void)state;
    check_change("add(%6, %7)", "add(%6, %4)", "changed sum|sum input b right>act\n");
}

static void test_size_and_outputs(void **state)
{
    ork_str out = {0};
    (void)state;
    static const char small[] = "graph \"s\" imported {\n  input %0 \"x\" f32[1x8]\n"
                                "  %1 \"y\" f32[1x8] = relu(%0)\n  output %1\n}\n";
    static const char large[] = "graph \"s\" imported {\n  input %0 \"x\" f32[1x9]\n"
                                "  %1 \"y\" f32[1x9] = relu(%0)\n  output %1\n  output %0\n}\n";
    assert_string_equal(diff_texts(small, large, 0, &out), "changed x|x result f32 1x8>f32 1x9\n"
                                                           "changed y|y result f32 1x8>f32 1x9\n"
                                                           "changed |x output none>f32 1x9\n");
    ork_str_free(&out);
}

static void test_scales(void **state)
{
    static const char text[] = "graph \"q\" quant {\n  input %0 \"x\" u8[1x4]{0.5 128}\n"
                               "  %1 \"y\" u8[1x4]{0.25 3} = relu(%0)\n  output %1\n}\n";
    char *scale = replaced(text, "{0.25 3}", "{0.125 3}");
    char *kind = replaced(text, "u8[1x4]{0.5 128}", "i8[1x4]{fl 3}");
    ork_str first = {0}, second = {0};
    (void)state;
    assert_string_equal(diff_texts(text, scale, 0, &first),
                        "changed y|y quantization scale 0.25, zero point 3>"
                        "scale 0.125, zero point 3\n");
    assert_string_equal(diff_texts(text, kind, 0, &second),
                        "changed x|x result u8 1x4>i8 1x4\n"
                        "changed x|x quantization scale 0.5, zero point 128>fraction length 3\n");
    ork_str_free(&first);
    ork_str_free(&second);
    free(scale);
    free(kind);
}

static void test_preprocessing(void **state)
{
    (void)state;
    check_change("f32[1x3x8x8]\n", "f32[1x3x8x8] mean [1 2 3] std [4 5 6] reorder [2 1 0]\n",
                 "changed x|x preprocessing none>2: (x - 1) / 4, 1: (x - 2) / 5, "
                 "0: (x - 3) / 6\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_names_and_order_make_no_difference),
        cmocka_unit_test(test_attribute),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_added_and_removed),
        cmocka_unit_test(test_inserted_in_the_middle),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_size_and_outputs),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_preprocessing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
