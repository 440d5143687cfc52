/* SPDX-License-Identifier: Apache-2.0 */
/* Drawings of small graphs; names that want to be more than names. */
#include "codec/codec.h"
#include "diagram/diagram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char *draw(const char *text, ork_diagram_fn how)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    ork_str out = {0};
    how(graph, &out);
    ork_graph_free(graph);
    ork_diag_free(diag);
    return out.text;
}

static void free_text(char *text)
{
    ork_str_free(&(ork_str){.text = text});
}

static const char block[] =
    "graph \"net\" imported {\n"
    "  input %0 \"x\" f32[1x4x8x8]\n"
    "  const %1 \"w\" f32[4x1x3x3] random 7\n"
    "  %2 \"a\" f32[1x4x8x8] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] pad [1 1 1 1] "
    "groups 4 scope \"Conv2d, net.py:7\"\n"
    "  %3 \"a.act\" f32[1x4x8x8] = silu(%2)\n"
    "  %4 \"b\" f32[1x4x8x8] = max_pool2d(%3) kernel [3 3] stride [1 1] dilation [1 1] "
    "pad [1 1 1 1]\n"
    "  %5 \"cat\" f32[1x12x8x8] = concat(%3, %4, %0) axis 1\n"
    "  output %5\n}\n";

static void test_text(void **state)
{
    (void)state;
    char *text = draw(block, ork_diagram_text);
    assert_string_equal(text, "net (imported), 4 layers\n"
                              "○       input                                 x    f32 1x4x8x8\n"
                              "├─●     conv2d 3x3 pad 1 depthwise, silu      a    f32 1x4x8x8\n"
                              "│ ├─●   max_pool2d 3x3 pad 1                  b    f32 1x4x8x8\n"
                              "●─┴─╯   concat axis 1                         cat  f32 1x12x8x8\n"
                              "○       output                                cat  f32 1x12x8x8\n");
    free_text(text);
}

static void test_svg(void **state)
{
    (void)state;
    char *svg = draw(block, ork_diagram_svg);
    assert_true(ork_starts_with(svg, "<?xml "));
    assert_true(ork_ends_with(svg, "</svg>\n"));
    assert_non_null(strstr(svg, ">conv2d</text>"));
    assert_non_null(strstr(svg, ">3x3 pad 1 depthwise</text>"));
    assert_non_null(strstr(svg, ">4x1x3x3</text>")); /* weights are text, no box */
    assert_non_null(strstr(svg, "in Conv2d, net.py:7"));
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "href"));
    free_text(svg);
}

static void test_quantized(void **state)
{
    (void)state;
    char *svg = draw("graph \"q\" quant {\n  input %0 \"x\" u8[1x4]{0.5 128}\n"
                     "  %1 \"y\" u8[1x4]{0.25 3} = relu(%0)\n"
                     "  %2 \"z\" i8[1x4]{fl 5} = convert(%1)\n  output %2\n}\n",
                     ork_diagram_svg);
    assert_non_null(strstr(svg, "scale 0.5, zero point 128"));
    assert_non_null(strstr(svg, "fraction length 5"));
    free_text(svg);
}

/* ---- names -------------------------------------------------------------------------------- */

/* Markup, quotes, control characters, bytes that are no UTF-8. */
static const char hostile[] =
    "graph \"</title><script>alert(1)</script>\" imported {\n"
    "  input %0 \"x]]>\\\"&'\\x1b[2J\\xff\" f32[1x4]\n"
    "  %1 \"--><b>\\x01\" f32[1x4] = relu(%0) scope \"<img src=x onerror=alert(1)>\"\n"
    "  output %1\n}\n";

static void test_hostile_svg(void **state)
{
    (void)state;
    char *svg = draw(hostile, ork_diagram_svg);
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "<img"));
    assert_null(strstr(svg, "<b>"));
    assert_non_null(strstr(svg, "&lt;script&gt;"));
    assert_non_null(strstr(svg, "x]]&gt;&quot;&amp;&#39;\xef\xbf\xbd[2J"));
    assert_true(ork_utf8_valid(svg, strlen(svg)));
    for (const char *c = svg; *c; c++)
        assert_true((uint8_t)*c >= 0x20 || *c == '\n');
    free_text(svg);
}

static void test_hostile_dot(void **state)
{
    (void)state;
    char *dot = draw(hostile, ork_diagram_dot);
    assert_non_null(strstr(dot, "x]]>\\\"&'"));
    assert_null(strstr(dot, "\x1b"));
    int quotes = 0;
    for (const char *c = dot; *c; c++) {
        if (*c == '\\')
            c++;
        else if (*c == '"')
            quotes++;
        assert_true(*c != '\n' || quotes % 2 == 0);
    }
    assert_int_equal(quotes % 2, 0);
    free_text(dot);
}

static void test_hostile_text(void **state)
{
    (void)state;
    char *text = draw(hostile, ork_diagram_text);
    assert_null(strstr(text, "\x1b"));
    assert_true(ork_utf8_valid(text, strlen(text)));
    free_text(text);
}

static void test_long_name_is_shortened(void **state)
{
    char text[2000] = "graph \"g\" imported {\n  input %0 \"start-";
    (void)state;
    for (int i = 0; i < 300; i++)
        strcat(text, "é");
    strcat(text, "-end\" f32[1x4]\n  output %0\n}\n");
    char *svg = draw(text, ork_diagram_svg);
    assert_non_null(strstr(svg, ">start-éééééééééé…"));
    assert_non_null(strstr(svg, "é-end</text>"));
    assert_true(ork_utf8_valid(svg, strlen(svg)));
    free_text(svg);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void test_json(void **state)
{
    (void)state;
    ork_arena *arena = ork_arena_new();
    ork_diag *diag = ork_diag_new();
    char *text = draw(block, ork_diagram_json);
    ork_json *json = ork_json_read(diag, arena, (ork_bytes){(uint8_t *)text, strlen(text)});
    assert_non_null(json);
    assert_string_equal(ork_json_get_text(json, "stage", ""), "imported");
    const ork_json *boxes = ork_json_get(json, "boxes"), *links = ork_json_get(json, "links");
    assert_int_equal(ork_json_count(boxes), 5);
    assert_int_equal(ork_json_count(links), 6);
    const ork_json *conv = ork_json_item(boxes, 1), *layers = ork_json_get(conv, "layers");
    assert_int_equal(ork_json_count(layers), 2);
    assert_string_equal(ork_json_get_text(ork_json_item(layers, 1), "operator", ""), "silu");
    assert_int_equal(ork_json_get_int(conv, "row", -1), 1);
    assert_true(ork_json_get_double(conv, "width", 0) > 100);
    free_text(text);
    text = draw(hostile, ork_diagram_json);
    assert_non_null(ork_json_read(diag, arena, (ork_bytes){(uint8_t *)text, strlen(text)}));
    free_text(text);
    ork_diag_free(diag);
    ork_arena_free(arena);
}

/* More tensors are alive than there are rails: the rest are told by name. */
static void test_text_with_many_rails(void **state)
{
    (void)state;
    ork_str graph = {0};
    ork_str_printf(&graph, "graph \"g\" imported {\n  input %%0 \"x\" f32[1x4]\n");
    for (int i = 1; i <= 40; i++)
        ork_str_printf(&graph, "  %%%d \"n%d\" f32[1x4] = relu(%%0)\n", i, i);
    ork_str_printf(&graph, "  %%41 \"cat\" f32[1x160] = concat(%%1");
    for (int i = 2; i <= 40; i++)
        ork_str_printf(&graph, ", %%%d", i);
    ork_str_printf(&graph, ") axis 1\n  output %%41\n}\n");
    char *text = draw(graph.text, ork_diagram_text);
    assert_non_null(strstr(text, "f32 1x160  from n24, n25"));
    assert_null(strstr(text, "from n1,"));
    free_text(text);
    ork_str_free(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_quantized),
        cmocka_unit_test(test_hostile_svg),
        cmocka_unit_test(test_hostile_dot),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_long_name_is_shortened),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_text_with_many_rails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
