/* SPDX-License-Identifier: Apache-2.0 */
/* Each pass on a small graph: the text before, the text after. */
#include "pass/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ork_graph *parse(ork_diag *diag, const char *text)
{
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    return graph;
}

/* The operators that are left, in order, separated by spaces. */
static void check_pass(const char *name, const char *before, const char *operators)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = parse(diag, before);
    size_t changes;
    ork_str left = {0};
    ork_str_append(&left, "", 0);
    assert_true(ork_pass_run(graph, diag, name, &changes));
    for (const ork_node *node = graph->first; node; node = node->next)
        ork_str_printf(&left, "%s%s", left.length ? " " : "", ork_op_table[node->op].name);
    assert_string_equal(left.text, operators);
    ork_str_free(&left);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_fold_constants(void **state)
{
    (void)state;
    check_pass("fold_constants",
               "graph \"g\" imported { input %0 \"x\" f32[2] const %1 \"a\" f32[2] [1 2]\n"
               "%2 \"b\" f32[2] = exp(%1) %3 \"c\" f32[2] = add(%2, %1)\n"
               "%4 \"y\" f32[2] = mul(%0, %3) output %4 }",
               "mul");
}

static void test_remove_identities(void **state)
{
    (void)state;
    check_pass("remove_identities",
               "graph \"g\" imported { input %0 \"x\" f32[2x3]\n"
               "%1 \"a\" f32[3x2] = transpose(%0) perm [1 0]\n"
               "%2 \"b\" f32[2x3] = transpose(%1) perm [1 0]\n"
               "%3 \"c\" f32[6] = reshape(%2) shape [6]\n"
               "%4 \"d\" f32[3x2] = reshape(%3) shape [3 2]\n"
               "%5 \"e\" f32[3x2] = slice(%4) begin [0 0] end [3 2] step [1 1]\n"
               "%6 \"y\" f32[3x2] = relu(%5) output %6 }",
               "reshape relu");
}

static void test_merge_slices(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph =
        parse(diag, "graph \"g\" imported { input %0 \"x\" f32[2x9]\n"
                    "%1 \"a\" f32[2x4] = slice(%0) begin [0 1] end [2 9] step [1 2]\n"
                    "%2 \"y\" f32[1x2] = slice(%1) begin [1 1] end [2 4] step [1 2]\n"
                    "output %2 }");
    size_t changes;
    assert_true(ork_pass_run(graph, diag, "remove_identities", &changes));
    assert_int_equal(graph->node_count, 1);
    const ork_attrs *attrs = &graph->first->attrs;
    assert_int_equal(attrs->slice.begin.v[0], 1);
    assert_int_equal(attrs->slice.end.v[0], 2);
    assert_int_equal(attrs->slice.begin.v[1], 3);
    assert_int_equal(attrs->slice.end.v[1], 8);
    assert_int_equal(attrs->slice.step.v[1], 4);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_spell_attributes(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = parse(
        diag, "graph \"g\" imported { input %0 \"x\" f32[1x2x4x9]\n"
              "%1 \"a\" f32[1x2x4x3] = slice(%0) begin [0 0 0 1] end [1 2 4 9] step [1 1 1 3]\n"
              "%2 \"y\" f32[1x2x8x9] = resize(%1) size [8 9] scale_h 0.5 scale_w 0.3\n"
              "output %2 }");
    size_t changes;
    assert_true(ork_pass_run(graph, diag, "spell_attributes", &changes));
    assert_int_equal(changes, 2);
    assert_int_equal(graph->first->attrs.slice.end.v[3], 8);
    assert_true(graph->last->attrs.resize.scale_h == 0.0);
    assert_true(graph->last->attrs.resize.scale_w == 0.3); /* not what the sizes say */
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_recognise(void **state)
{
    (void)state;
    check_pass("recognise",
               "graph \"g\" imported { input %0 \"x\" f32[2x3]\n"
               "%1 \"s\" f32[2x3] = sigmoid(%0) %2 \"m\" f32[2x3] = mul(%0, %1)\n"
               "%3 \"h\" f32[2x3] = hard_sigmoid(%2) %4 \"n\" f32[2x3] = mul(%3, %2)\n"
               "%5 \"o\" f32[2x3] = mul(%4, %2) output %5 }",
               "silu hard_swish mul");
}

/* Constants may stand on either side; numbers that are not the layer's leave it as it is. */
static void test_recognise_gelu(void **state)
{
    (void)state;
    check_pass("recognise",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"r\" f32[] [1.41421354]\n"
               "const %2 \"one\" f32[1] [1] const %3 \"half\" f32[] [0.5]\n"
               "%4 \"d\" f32[2x3] = div(%0, %1) %5 \"e\" f32[2x3] = erf(%4)\n"
               "%6 \"a\" f32[2x3] = add(%2, %5) %7 \"m\" f32[2x3] = mul(%6, %0)\n"
               "%8 \"y\" f32[2x3] = mul(%3, %7) output %8 }",
               "gelu");
    check_pass("recognise",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"r\" f32[] [1.5]\n"
               "const %2 \"one\" f32[1] [1] const %3 \"half\" f32[] [0.5]\n"
               "%4 \"d\" f32[2x3] = div(%0, %1) %5 \"e\" f32[2x3] = erf(%4)\n"
               "%6 \"a\" f32[2x3] = add(%2, %5) %7 \"m\" f32[2x3] = mul(%6, %0)\n"
               "%8 \"y\" f32[2x3] = mul(%3, %7) output %8 }",
               "div erf add mul mul");
}

/* The numbers of the first output of a graph whose inputs are constants, as text. */
static void compute(const char *text, const char *pass, ork_str *numbers)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = parse(diag, text);
    size_t changes;
    assert_true(!pass || ork_pass_run(graph, diag, pass, &changes));
    assert_true(ork_pass_run(graph, diag, "fold_constants", &changes));
    const ork_value *y = graph->outputs.items[0];
    assert_int_equal(y->kind, ORK_VALUE_CONSTANT);
    ork_str_append(numbers, "", 0);
    for (int64_t i = 0; i < ork_shape_count(&y->type.shape); i++)
        ork_str_printf(numbers, "%g ", ork_element_get(y->type.dtype, y->data, i));
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* Folds a transpose from shape `in` to `out`, and moves the numbers 0 1 2 ... with both. */
static void check_folding(const char *in, const char *perm, const char *out, const char *operators)
{
    ork_str graph = {0}, numbers = {0}, plain = {0}, folded = {0};
    int64_t count = 1;
    for (const char *digit = in; *digit; digit++)
        count *= *digit == 'x' ? 1 : *digit - '0';
    for (int64_t i = 0; i < count; i++)
        ork_str_printf(&numbers, "%lld ", (long long)i);
    static const char node[] = "graph \"g\" imported { %s %%0 \"x\" f32[%s] %s%s%s\n"
                               "%%1 \"y\" f32[%s] = transpose(%%0) perm [%s] output %%1 }";
    ork_str_printf(&graph, node, "input", in, "", "", "", out, perm);
    check_pass("fold_axes", graph.text, operators);
    graph.length = 0;
    ork_str_printf(&graph, node, "const", in, "[", numbers.text, "]", out, perm);
    compute(graph.text, NULL, &plain);
    compute(graph.text, "fold_axes", &folded);
    assert_string_equal(folded.text, plain.text);
    ork_str_free(&graph);
    ork_str_free(&numbers);
    ork_str_free(&plain);
    ork_str_free(&folded);
}

static void test_fold_axes(void **state)
{
    (void)state;
    check_folding("1x2x3x4x5", "0 2 1 3 4", "1x3x2x4x5", "reshape transpose reshape");
    check_folding("1x2x3x4x3x8", "0 1 3 2 4 5", "1x2x4x3x3x8", "reshape transpose reshape");
    check_folding("2x3x4x5x6", "0 4 2 3 1", "2x6x4x5x3", "reshape transpose reshape");
    /* Axes that all part: pixels shuffled and back, as torch and as ONNX order them. */
    const char *twice = "reshape transpose reshape transpose reshape";
    check_folding("1x3x2x2x4x5", "0 1 4 2 5 3", "1x3x4x2x5x2", twice);
    check_folding("1x3x4x2x5x2", "0 1 3 5 2 4", "1x3x2x2x4x5", twice);
    check_folding("2x3x2x2x4x5", "0 1 4 2 5 3", "2x3x4x2x5x2", twice);
    check_folding("1x2x2x3x4x5", "0 3 4 1 5 2", "1x3x4x2x5x2", "reshape transpose reshape");
    check_folding("2x3x4x5x6", "4 3 2 1 0", "6x5x4x3x2", twice);
    check_folding(
        "2x3x2x3x2x3x2x3", "7 5 3 1 6 4 2 0", "3x3x3x3x2x2x2x2",
        "reshape transpose reshape transpose reshape transpose reshape transpose reshape");
    check_folding("2x1x3x1x4", "1 0 3 2 4", "1x2x1x3x4", "reshape");
    check_folding("1x2x3x4", "0 2 1 3", "1x3x2x4", "transpose");
}

static void test_merge_equal(void **state)
{
    (void)state;
    check_pass("merge_equal",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] input %1 \"z\" f32[2x3]\n"
               "%2 \"a\" f32[2x1] = reduce_mean(%0) axes [1] keep_dims true\n"
               "%3 \"b\" f32[2x1] = reduce_mean(%0) axes [1] keep_dims true\n"
               "%4 \"c\" f32[1x3] = reduce_mean(%0) axes [0] keep_dims true\n"
               "%5 \"d\" f32[2x3] = sub(%0, %2) %6 \"e\" f32[2x3] = sub(%0, %3)\n"
               "%7 \"f\" f32[2x3] = sub(%1, %3) %8 \"g\" f32[2x3] = mul(%5, %6)\n"
               "%9 \"h\" f32[2x3] = mul(%8, %7) %10 \"y\" f32[2x3] = add(%9, %4) output %10 }",
               "reduce_mean reduce_mean sub sub mul mul add");
    check_pass("merge_equal", /* both have a name that the user may ask for */
               "graph \"g\" imported { input %0 \"x\" f32[2x3]\n"
               "%1 \"a\" f32[2x3] = exp(%0) %2 \"b\" f32[2x3] = exp(%0) output %1 output %2 }",
               "exp exp");
}

static void test_merge_limits(void **state)
{
    (void)state;
    check_pass("merge_limits",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"six\" f32[] [6]\n"
               "%2 \"a\" f32[2x3] = relu(%0) %3 \"y\" f32[2x3] = minimum(%1, %2) output %3 }",
               "clip");
    check_pass("merge_limits",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"zero\" f32[1] [0]\n"
               "%2 \"y\" f32[2x3] = maximum(%0, %1) output %2 }",
               "relu");
    check_pass(
        "merge_limits", /* nothing is left between these */
        "graph \"g\" imported { input %0 \"x\" f32[2x3]\n"
        "%1 \"a\" f32[2x3] = clip(%0) low 2 high 3 %2 \"y\" f32[2x3] = clip(%1) low -1 high 1\n"
        "output %2 }",
        "clip clip");
}

static void test_remove_neutral(void **state)
{
    (void)state;
    check_pass("remove_identities",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"one\" f32[] [1]\n"
               "const %2 \"zero\" f32[] [0] const %3 \"wide\" f32[4x2x3] fill 0\n"
               "%4 \"a\" f32[2x3] = mul(%1, %0) %5 \"b\" f32[2x3] = sub(%4, %2)\n"
               "%6 \"c\" f32[2x3] = sub(%2, %5) %7 \"d\" f32[2x3] = div(%1, %6)\n"
               "%8 \"y\" f32[4x2x3] = add(%7, %3) output %8 }",
               "sub div add");
}

static void test_recognise_rest(void **state)
{
    (void)state;
    check_pass(
        "recognise",
        "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"one\" f32[] [1]\n"
        "const %2 \"slope\" f32[] [0.25] %3 \"a\" f32[2x3] = neg(%0) %4 \"b\" f32[2x3] = exp(%3)\n"
        "%5 \"c\" f32[2x3] = add(%4, %1) %6 \"d\" f32[2x3] = div(%1, %5)\n"
        "%7 \"e\" f32[2x3] = mul(%6, %2) %8 \"f\" f32[2x3] = maximum(%7, %6)\n"
        "%9 \"g\" f32[2x3] = sqrt(%8) %10 \"y\" f32[2x3] = div(%1, %9) output %10 }",
        "sigmoid leaky_relu rsqrt");
}

static void test_recognise_hard_swish(void **state)
{
    (void)state;
    check_pass("recognise",
               "graph \"g\" imported { input %0 \"x\" f32[2x3] const %1 \"three\" f32[] [3]\n"
               "const %2 \"six\" f32[] [6] %3 \"a\" f32[2x3] = add(%0, %1)\n"
               "%4 \"b\" f32[2x3] = clip(%3) high 6 %5 \"c\" f32[2x3] = mul(%0, %4)\n"
               "%6 \"y\" f32[2x3] = div(%5, %2) output %6 }",
               "hard_swish");
    check_pass("recognise", /* relu6 scaled, not of x + 3 */
               "graph \"g\" imported { input %0 \"x\" f32[2x3]\n"
               "const %2 \"six\" f32[] [6]\n"
               "%4 \"b\" f32[2x3] = clip(%0) high 6 %5 \"c\" f32[2x3] = mul(%0, %4)\n"
               "%6 \"y\" f32[2x3] = div(%5, %2) output %6 }",
               "clip mul div");
}

/* The two means must be over the same axes. */
static void check_layer_norm(const char *axes, const char *mean_shape, const char *operators)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "graph \"g\" imported { input %%0 \"x\" f32[2x3x4] const %%1 \"e\" f32[] [1e-05]\n"
             "const %%2 \"two\" f32[] [2]\n"
             "%%3 \"m\" f32[2x3x1] = reduce_mean(%%0) axes [2] keep_dims true\n"
             "%%4 \"s\" f32[2x3x4] = sub(%%0, %%3) %%5 \"p\" f32[2x3x4] = pow(%%4, %%2)\n"
             "%%6 \"v\" f32[%s] = reduce_mean(%%5) axes [%s] keep_dims true\n"
             "%%7 \"a\" f32[%s] = add(%%6, %%1) %%8 \"r\" f32[%s] = sqrt(%%7)\n"
             "%%9 \"y\" f32[2x3x4] = div(%%4, %%8) output %%9 }",
             mean_shape, axes, mean_shape, mean_shape);
    check_pass("recognise", text, operators);
}

static void test_recognise_layer_norm(void **state)
{
    (void)state;
    check_layer_norm("2", "2x3x1", "layer_norm");
    check_layer_norm("1 2", "2x1x1", "reduce_mean sub pow reduce_mean add sqrt div");
}

static const char norm_after_conv[] =
    "graph \"g\" imported { input %0 \"x\" f32[1x2x3x3]\n"
    "const %1 \"w\" f32[2x2x1x1] [1 2 3 4]\n"
    "const %2 \"s\" f32[2] [2 3] const %3 \"b\" f32[2] [0.5 -1]\n"
    "const %4 \"m\" f32[2] [1 2] const %5 \"v\" f32[2] [3 8]\n"
    "%6 \"c\" f32[1x2x3x3] = conv2d(%0, %1) stride [1 1] dilation [1 1] groups 1\n"
    "%7 \"n\" f32[1x2x3x3] = batch_norm(%6, %2, %3, %4, %5) epsilon 1\n"
    "output %7 }";

static void test_fold_batch_norm(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = parse(diag, norm_after_conv);
    size_t changes;
    assert_true(ork_pass_run(graph, diag, "fold_batch_norm", &changes));
    assert_int_equal(graph->node_count, 1);
    const ork_node *conv = graph->first;
    assert_string_equal(conv->output->name, "n"); /* the user's output keeps its name */
    const float *w = conv->inputs[1]->data, *b = conv->inputs[2]->data;
    assert_true(w[0] == 1.0f && w[1] == 2.0f && w[2] == 3.0f && w[3] == 4.0f);
    assert_true(b[0] == -0.5f && b[1] == -3.0f); /* (0 - mean) * factor + bias, factors are 1 */
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_lower_batch_norm(void **state)
{
    (void)state;
    check_pass("lower_batch_norm", norm_after_conv, "conv2d conv2d");
}

static void test_fold_scale(void **state)
{
    (void)state;
    check_pass("fold_scale",
               "graph \"g\" imported { input %0 \"x\" f32[1x2x3x3]\n"
               "const %1 \"w\" f32[2x2x1x1] [1 2 3 4] const %2 \"s\" f32[1x2x1x1] [2 3]\n"
               "const %3 \"k\" f32[] [2] const %4 \"p\" f32[3] [1 2 3]\n"
               "%6 \"c\" f32[1x2x3x3] = conv2d(%0, %1) stride [1 1] dilation [1 1] groups 1\n"
               "%7 \"d\" f32[1x2x3x3] = mul(%6, %2) %8 \"e\" f32[1x2x3x3] = sub(%3, %7)\n"
               "%9 \"f\" f32[1x2x3x3] = add(%8, %4) output %9 }",
               "conv2d add"); /* the last constant is along W, not along the channels */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold_constants),
        cmocka_unit_test(test_remove_identities),
        cmocka_unit_test(test_merge_slices),
        cmocka_unit_test(test_spell_attributes),
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_recognise_gelu),
        cmocka_unit_test(test_fold_axes),
        cmocka_unit_test(test_merge_equal),
        cmocka_unit_test(test_merge_limits),
        cmocka_unit_test(test_remove_neutral),
        cmocka_unit_test(test_recognise_rest),
        cmocka_unit_test(test_recognise_hard_swish),
        cmocka_unit_test(test_recognise_layer_norm),
        cmocka_unit_test(test_fold_batch_norm),
        cmocka_unit_test(test_lower_batch_norm),
        cmocka_unit_test(test_fold_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
