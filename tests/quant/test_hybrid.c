/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of hybrid quantization: what is read of it, and what becomes of the network. */
#include "quant/hybrid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ork_graph *network(ork_diag *diag)
{
    static const char text[] =
        "graph \"n\" canon { input %0 \"x\" f32[1x2x4x4]\n"
        "const %1 \"w\" f32[2x2x1x1] [1 -0.5 0.25 0.5]\n"
        "%2 \"c\" f32[1x2x4x4] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] groups 1\n"
        "%3 \"r\" f32[1x2x4x4] = relu(%2)\n"
        "%4 \"e\" f32[1x2x4x4] = sigmoid(%3)\noutput %4 }";
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    assert_non_null(graph);
    return graph;
}

/* A configuration with these lines under customized_quantize_layers. */
static char *configuration(const char *layers)
{
    ork_str text = {0};
    ork_str_printf(&text,
                   "customized_quantize_layers:\n%squantize_parameters:\n"
                   "  '@x_0:out0': {max_value: [1], min_value: [-1]}\n"
                   "  '@c_1:weight': {max_value: [1], min_value: [-0.5]}\n"
                   "  '@c_1:out0': {max_value: [3], min_value: [-2]}\n"
                   "  '@r_2:out0': {max_value: [3], min_value: [0]}\n"
                   "  '@e_3:out0': {max_value: [1], min_value: [0]}\n",
                   layers);
    return text.text;
}

static ork_dtype dtype_of(const ork_graph *graph, const char *name)
{
    const ork_value *value = ork_graph_find(graph, name);
    assert_non_null(value);
    return value->type.dtype;
}

static void check_types(const char *layers, ork_dtype c, ork_dtype r, ork_dtype e)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = network(diag);
    char *text = configuration(layers);
    if (!ork_hybrid_quantize(diag, graph, text, ORK_U8, false, ""))
        fail_msg("%s: %s", layers, ork_diag_error(diag)->what);
    assert_int_equal(dtype_of(graph, "c"), c);
    assert_int_equal(dtype_of(graph, "r"), r);
    assert_int_equal(dtype_of(graph, "e"), e);
    free(text);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_layers_are_selected(void **state)
{
    (void)state;
    check_types("", ORK_U8, ORK_U8, ORK_U8);
    check_types("  c_1: dynamic_fixed_point-i16\n", ORK_I16, ORK_U8, ORK_U8);
    check_types("  c: i8\n", ORK_I8, ORK_U8, ORK_U8);
    check_types("  op:relu: float32\n", ORK_U8, ORK_F32, ORK_U8);
    check_types("  '*_?': i16\n", ORK_I16, ORK_I16, ORK_I16);
    check_types("  r_2..e_3: i16\n", ORK_U8, ORK_I16, ORK_I16);
    check_types("  c..r: i16\n  r: u8\n", ORK_I16, ORK_U8, ORK_U8); /* later lines win */
}

static void test_ranges_are_those_of_the_file(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = network(diag);
    char *text = configuration("");
    assert_true(ork_hybrid_quantize(diag, graph, text, ORK_U8, false, ""));
    const ork_quant *x = &ork_graph_find(graph, "x")->type.quant;
    assert_true(x->scale == 2.0f / 255);
    assert_in_range(x->zero_point, 127, 128);
    assert_true(ork_graph_find(graph, "r")->type.quant.scale == 3.0f / 255);
    free(text);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* What is written is read again, with the same numbers. */
static void test_what_is_written_changes_nothing(void **state)
{
    (void)state;
    static const ork_dtype dtypes[] = {ORK_U8, ORK_I8, ORK_I16, ORK_U8};
    for (size_t i = 0; i < ORK_COUNT(dtypes); i++) {
        const bool by_channel = i == 3;
        ork_diag *diag = ork_diag_new();
        ork_graph *plain = network(diag), *hybrid = network(diag);
        const ork_range ranges[] = {{-0.7f, 1.1f, true},
                                    {0, 0, false},
                                    {-2.3f, 3.7f, true},
                                    {0, 3.7f, true},
                                    {0.5f, 0.9f, true}};
        ork_str cfg = {0}, first = {0}, second = {0};
        ork_hybrid_write(&cfg, hybrid, ranges, dtypes[i], by_channel, "abc");
        assert_int_equal(by_channel, strstr(cfg.text, "method: channel") != NULL);
        assert_true(ork_quantize_by(
            diag, plain,
            &(ork_recipe){.dtype = dtypes[i], .ranges = ranges, .by_channel = by_channel}));
        if (!ork_hybrid_quantize(diag, hybrid, cfg.text, dtypes[i], by_channel, "abc"))
            fail_msg("%s", ork_diag_error(diag)->what);
        ork_graph_print(plain, &(ork_text_options){.all_constants = true}, &first);
        ork_graph_print(hybrid, &(ork_text_options){.all_constants = true}, &second);
        assert_string_equal(first.text, second.text);
        ork_str_free(&cfg);
        ork_str_free(&first);
        ork_str_free(&second);
        ork_graph_free(plain);
        ork_graph_free(hybrid);
        ork_diag_free(diag);
    }
}

static void check_error(const char *text, const char *what, const char *fix)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = network(diag);
    assert_false(ork_hybrid_quantize(diag, graph, text, ORK_U8, false, "abc"));
    const ork_error *error = ork_diag_error(diag);
    assert_string_equal(error->id, "E0504");
    if (!strstr(error->what, what) || !strstr(error->fix, fix))
        fail_msg("%s\n%s\n%s", text, error->what, error->fix);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_errors_say_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *what, *fix;
    } rows[] = {
        {"  c_2: i16\n", "there is no layer 'c_2' (line 2", "did you mean 'c_1'?"},
        {"  d*: i16\n", "no layer that fits 'd*'", ""},
        {"  e_3..c_1: i16\n", "there is no layer 'e_3..c_1'", ""},
        {"  c_1: u8\n", "'c_1: u8' changes nothing", "take the line out"},
        {"  c_1: flot32\n", "'flot32' is no type", "did you mean 'float32'?"},
        {"  c_1:\n", "a layer without a type in line 2", ""},
        {"  c_1\n", "no colon in line 2", ""},
        {"  c_1: [i16, float32\n", "brackets that are not closed in line 2", ""},
        {"  'c_1: i16\n", "quotes that are not closed in line 2", ""},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        char *text = configuration(rows[i].layers);
        check_error(text, rows[i].what, rows[i].fix);
        free(text);
    }
    check_error("model_checksum: abd\n", "of another network", "three files of one call");
    check_error("model_checksum: abc\n", "no range of 'c_1:out0'", "");
    check_error("quantize_parameters:\n  '@d_1:out0': {max_value: 1, min_value: 0}\n",
                "there is no tensor 'd_1:out0'", "did you mean");
    check_error("quantize_parameters:\n  '@c_1:out0': {max_value: 1}\n", "'c_1:out0' has no range",
                "");
    check_error("quantize_parameters:\n  '@c_1:out0': {max_value: x}\n",
                "a range that is no number", "");
    check_error("quantize_parameters:\n  '@c_1:weight': {max_value: 2, min_value: 0}\n",
                "the range of the weights 'c_1:weight' was changed", "");
    check_error("quantize_parameters:\n  '@c_1:out0': {max_value: 2\n", "not closed in line 2", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_are_selected),
        cmocka_unit_test(test_ranges_are_those_of_the_file),
        cmocka_unit_test(test_what_is_written_changes_nothing),
        cmocka_unit_test(test_errors_say_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
