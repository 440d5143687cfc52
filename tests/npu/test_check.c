/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of rules.def: a layer that it is about, and one that just escapes it. */
#include "npu/npu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Lines between the header and the end of a graph; what comes last is the output. */
typedef struct rule_case {
    const char *rule, *broken, *kept;
    const char *soc; /* NULL: rk1808 */
} rule_case;

#define PICTURE "input %0 \"x\" f32[1x8x63x63]\n"
#define EVEN    "input %0 \"x\" f32[1x8x64x64]\n"
#define BYTES   "input %0 \"x\" u8[1x8x4x4]{1 0}\n"
#define CONV    " stride [1 1] dilation [1 1] groups 1\n"
#define POOL    " dilation [1 1]\n"
#define FIRST                                                                                      \
    "const %9 \"w0\" f32[8x8x1x1] random 1\n%1 \"c\" f32[1x8x64x64] = conv2d(%0, %9, _)" CONV
#define FIRST_ODD                                                                                  \
    "const %9 \"w0\" f32[8x8x1x1] random 1\n%1 \"c\" f32[1x8x63x63] = conv2d(%0, %9, _)" CONV

static const rule_case cases[] = {
    {"rank", "input %0 \"x\" f32[1x2x3x4x5]\n%2 \"y\" f32[1x2x3x4x5] = relu(%0)\n",
     "input %0 \"x\" f32[2x3x4x5]\n%2 \"y\" f32[2x3x4x5] = relu(%0)\n", NULL},
    {"rank",
     "input %0 \"x\" f32[2x3x4x5]\n%2 \"y\" f32[1x2x3x4x5] = reshape(%0) shape [1 2 3 4 5]\n",
     "input %0 \"x\" f32[2x3x4x5]\n%2 \"y\" f32[1x6x4x5] = reshape(%0) shape [1 6 4 5]\n", NULL},
    {"kernel-size",
     PICTURE
     "const %1 \"w\" f32[4x8x11x11] random 1\n%2 \"y\" f32[1x4x53x53] = conv2d(%0, %1, _)" CONV,
     PICTURE
     "const %1 \"w\" f32[4x8x10x10] random 1\n%2 \"y\" f32[1x4x54x54] = conv2d(%0, %1, _)" CONV,
     NULL},
    {"kernel-size",
     PICTURE "const %1 \"w\" f32[4x8x22x22] random 1\n%2 \"y\" f32[1x4x21x21] = conv2d(%0, %1, _) "
             "stride [2 2] dilation [1 1] groups 1\n",
     PICTURE "const %1 \"w\" f32[4x8x21x21] random 1\n%2 \"y\" f32[1x4x22x22] = conv2d(%0, %1, _) "
             "stride [2 2] dilation [1 1] groups 1\n",
     NULL},
    {"dilation",
     PICTURE "const %1 \"w\" f32[4x8x3x3] random 1\n%2 \"y\" f32[1x4x59x57] = conv2d(%0, %1, _) "
             "stride [1 1] dilation [2 3] groups 1\n",
     PICTURE "const %1 \"w\" f32[4x8x3x3] random 1\n%2 \"y\" f32[1x4x59x59] = conv2d(%0, %1, _) "
             "stride [1 1] dilation [2 2] groups 1\n",
     NULL},
    {"pool-dilation",
     PICTURE "%2 \"y\" f32[1x8x59x59] = max_pool2d(%0) kernel [3 3] stride [1 1] dilation [2 2]\n",
     PICTURE "%2 \"y\" f32[1x8x61x61] = max_pool2d(%0) kernel [3 3] stride [1 1] dilation [1 1]\n",
     NULL},
    {"pad-value",
     PICTURE "%2 \"y\" f32[1x8x64x63] = pad(%0) before [0 0 1 0] after [0 0 0 0] value 1\n",
     PICTURE "%2 \"y\" f32[1x8x64x63] = pad(%0) before [0 0 1 0] after [0 0 0 0]\n", NULL},
    {"batch", PICTURE "%2 \"y\" f32[8x1x63x63] = transpose(%0) perm [1 0 2 3]\n",
     PICTURE "%2 \"y\" f32[1x63x8x63] = transpose(%0) perm [0 2 1 3]\n", NULL},
    {"batch", PICTURE "%2 \"y\" f32[2x8x63x63] = pad(%0) before [1 0 0 0] after [0 0 0 0]\n",
     PICTURE "%2 \"y\" f32[1x9x63x63] = pad(%0) before [0 1 0 0] after [0 0 0 0]\n", NULL},
    {"batch", PICTURE "%2 \"y\" f32[2x8x63x63] = concat(%0, %0)\n",
     PICTURE "%2 \"y\" f32[1x16x63x63] = concat(%0, %0) axis 1\n", NULL},
    {"batch", PICTURE "%2 \"y\" f32[3x8x63x63] = expand(%0) shape [3 8 63 63]\n",
     "input %0 \"x\" f32[1x1x4x4]\n%2 \"y\" f32[1x3x4x4] = expand(%0) shape [1 3 4 4]\n", NULL},
    {"batch",
     "input %0 \"x\" f32[2x8x4x4]\n%2 \"y\" f32[1x8x4x4] = slice(%0) begin [0 0 0 0] "
     "end [1 8 4 4] step [1 1 1 1]\n",
     "input %0 \"x\" f32[2x8x4x4]\n%2 \"y\" f32[2x4x4x4] = slice(%0) begin [0 0 0 0] "
     "end [2 4 4 4] step [1 1 1 1]\n",
     NULL},
    {"div-broadcast",
     PICTURE "const %1 \"d\" f32[1x8x1x1] random 1\n%2 \"y\" f32[1x8x63x63] = div(%0, %1)\n",
     PICTURE "%2 \"y\" f32[1x8x63x63] = div(%0, %0)\n", NULL},
    {"softmax-1d", "input %0 \"x\" f32[10]\n%2 \"y\" f32[10] = softmax(%0)\n",
     "input %0 \"x\" f32[1x10]\n%2 \"y\" f32[1x10] = softmax(%0) axis 1\n", NULL},
    {"channel-scales",
     BYTES "const %1 \"w\" u8[8x8x1x1]{axis 0 [1 1 1 1 1 1 1 1] [0 0 0 0 0 0 0 0]} random 1\n"
           "%2 \"y\" u8[1x8x4x4]{1 0} = conv2d(%0, %1, _)" CONV,
     BYTES "const %1 \"w\" u8[8x8x1x1]{1 0} random 1\n"
           "%2 \"y\" u8[1x8x4x4]{1 0} = conv2d(%0, %1, _)" CONV,
     "rv1126"},
    {"signed-affine", "input %0 \"x\" i8[1x8x4x4]{1 0}\n%2 \"y\" i8[1x8x4x4]{1 0} = relu(%0)\n",
     "input %0 \"x\" i8[1x8x4x4]{fl 3}\n%2 \"y\" i8[1x8x4x4]{fl 3} = relu(%0)\n", NULL},
    {"operator", PICTURE "%2 \"y\" f32[1x8x63x63] = sign(%0)\n",
     PICTURE "%2 \"y\" f32[1x8x63x63] = abs(%0)\n", NULL},
    {"mixed-ranges",
     FIRST_ODD "%3 \"s\" f32[1x8x63x63] = sigmoid(%1)\n%2 \"y\" f32[1x16x63x63] = concat(%1, %3) "
               "axis 1\n",
     FIRST_ODD "%3 \"s\" f32[1x8x63x63] = sigmoid(%1)\n%4 \"t\" f32[1x8x63x63] = sigmoid(%1)\n"
               "%2 \"y\" f32[1x16x63x63] = concat(%4, %3) axis 1\n",
     NULL},
    {"depthwise",
     PICTURE "const %1 \"w\" f32[8x1x3x3] random 1\n%2 \"y\" f32[1x8x61x61] = conv2d(%0, %1, _) "
             "stride [1 1] dilation [1 1] groups 8\n",
     PICTURE "const %1 \"w\" f32[8x2x3x3] random 1\n%2 \"y\" f32[1x8x61x61] = conv2d(%0, %1, _) "
             "stride [1 1] dilation [1 1] groups 4\n",
     NULL},
    {"max-pool", FIRST "%2 \"y\" f32[1x8x31x31] = max_pool2d(%1) kernel [3 3] stride [2 2]" POOL,
     FIRST "%2 \"y\" f32[1x8x32x32] = max_pool2d(%1) kernel [2 2] stride [2 2]" POOL, NULL},
    {"max-pool",
     FIRST_ODD
     "%2 \"y\" f32[1x8x32x32] = max_pool2d(%1) kernel [3 3] stride [2 2] pad [1 1 1 1]" POOL,
     FIRST_ODD "%3 \"r\" f32[1x8x63x63] = relu(%1)\n%2 \"y\" f32[1x8x31x31] = max_pool2d(%3) "
               "kernel [3 3] stride [2 2]" POOL,
     NULL},
    {"max-pool", EVEN "%2 \"y\" f32[1x8x32x32] = max_pool2d(%0) kernel [2 2] stride [2 2]" POOL,
     FIRST "%2 \"y\" f32[1x8x32x32] = max_pool2d(%1) kernel [2 2] stride [2 2]" POOL, NULL},
    {"kernel-shape",
     PICTURE
     "const %1 \"w\" f32[4x8x1x3] random 1\n%2 \"y\" f32[1x4x63x61] = conv2d(%0, %1, _)" CONV,
     PICTURE
     "const %1 \"w\" f32[4x8x3x3] random 1\n%2 \"y\" f32[1x4x61x61] = conv2d(%0, %1, _)" CONV,
     NULL},
    {"activation", PICTURE "%2 \"y\" f32[1x8x63x63] = silu(%0)\n",
     PICTURE "%2 \"y\" f32[1x8x63x63] = leaky_relu(%0) alpha 0.1\n", NULL},
    {"float",
     PICTURE
     "const %1 \"w\" f32[4x8x1x1] random 1\n%2 \"y\" f32[1x4x63x63] = conv2d(%0, %1, _)" CONV,
     NULL, "rv1126"},
};

static const rule_case *case_of(const char *rule)
{
    size_t i = 0;
    while (strcmp(cases[i].rule, rule) != 0)
        i++;
    return &cases[i];
}

typedef struct checked {
    ork_arena *arena;
    ork_graph *graph;
    const ork_check *check;
} checked;

static checked check_text(const char *lines, const char *soc, bool is_quantized)
{
    checked c = {.arena = ork_arena_new()};
    ork_diag *diag = ork_diag_new();
    ork_str text = {0};
    bool is_picture = strstr(lines, "input ") == NULL;
    ork_str_printf(&text, "graph \"g\" canon {\n%s%soutput %%2\n}\n",
                   !is_picture                            ? ""
                   : strstr(lines, "1x8x64x64] = conv2d") ? EVEN
                                                          : PICTURE,
                   lines);
    c.graph = ork_graph_parse(diag, text.text, text.length);
    if (!c.graph)
        fail_msg("%s: %s\n%s", ork_diag_error(diag)->where, ork_diag_error(diag)->what, text.text);
    c.check = ork_check_run(c.arena, c.graph, ork_soc_find(soc ? soc : "rk1808"), is_quantized);
    ork_str_free(&text);
    ork_diag_free(diag);
    return c;
}

static void drop(checked *c)
{
    ork_graph_free(c->graph);
    ork_arena_free(c->arena);
}

static bool breaks(const char *lines, const char *soc, bool is_quantized, const char *rule)
{
    checked c = check_text(lines, soc, is_quantized);
    bool found = false;
    for (size_t i = 0; i < c.check->findings.count; i++)
        if (strcmp(c.check->findings.items[i].rule->id, rule) == 0) {
            found = true;
            assert_string_equal(c.check->findings.items[i].node->name, "y");
        }
    drop(&c);
    return found;
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        const rule_case *c = &cases[i];
        if (!breaks(c->broken, c->soc, true, c->rule))
            fail_msg("case %zu: '%s' is not found in\n%s", i, c->rule, c->broken);
        if (c->kept && breaks(c->kept, c->soc, true, c->rule))
            fail_msg("case %zu: '%s' is found in\n%s", i, c->rule, c->kept);
    }
}

static void test_every_rule_has_a_case(void **state)
{
    (void)state;
    for (size_t r = 0; r < ork_check_rule_count(); r++) {
        const ork_check_rule *rule = ork_check_rule_at(r);
        bool found = false;
        for (size_t i = 0; i < ORK_COUNT(cases); i++)
            found |= strcmp(cases[i].rule, rule->id) == 0;
        if (!found)
            fail_msg("no case for the rule '%s'", rule->id);
        assert_true(*rule->reason && *rule->instead);
        for (size_t i = 0; i < r; i++)
            assert_string_not_equal(rule->id, ork_check_rule_at(i)->id);
    }
}

/* Chips of the older family compute floats, and nothing is amiss before quantization. */
static void test_floats_depend_on_the_chip(void **state)
{
    const char *lines = case_of("float")->broken;
    (void)state;
    assert_true(breaks(lines, "rv1109", true, "float"));
    assert_false(breaks(lines, "rk1808", true, "float"));
    assert_false(breaks(lines, "rv1126", false, "float"));
    assert_false(breaks(case_of("channel-scales")->broken, "rk1808", true, "channel-scales"));
}

/* ---- what is said of the whole ------------------------------------------------------------ */

static void test_counts(void **state)
{
    (void)state;
    checked c = check_text(FIRST "%3 \"s\" f32[1x8x64x64] = sign(%1)\n"
                                 "%2 \"y\" f32[1x8x64x64] = relu(%3)\n",
                           NULL, false);
    assert_int_equal(c.check->npu_nodes, 2);
    assert_int_equal(c.check->host_nodes, 1);
    assert_int_equal(c.check->refused_nodes, 0);
    assert_int_equal(c.check->macs, 8 * 8 * 64 * 64);
    assert_int_equal(c.check->weights, 64);
    assert_int_equal(c.check->peak, 2 * 8 * 64 * 64);
    drop(&c);
}

static void test_cut(void **state)
{
    (void)state;
    checked c = check_text(FIRST "%3 \"r\" f32[1x8x4096] = reshape(%1) shape [1 8 4096]\n"
                                 "%2 \"y\" f32[1x8x4096] = sign(%3)\n",
                           NULL, false);
    assert_int_equal(c.check->cut.count, 1);
    assert_string_equal(c.check->cut.items[0]->name, "c"); /* before what only moves */
    drop(&c);
    c = check_text(case_of("mixed-ranges")->broken, NULL, false);
    assert_int_equal(c.check->cut.count, 2);
    assert_string_equal(c.check->cut.items[0]->name, "c");
    assert_string_equal(c.check->cut.items[1]->name, "s");
    drop(&c);
    c = check_text(FIRST "%2 \"y\" f32[1x8x64x64] = relu(%1)\n", NULL, false);
    assert_int_equal(c.check->cut.count, 0);
    assert_int_equal(c.check->findings.count, 0);
    drop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_every_rule_has_a_case),
        cmocka_unit_test(test_floats_depend_on_the_chip),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
