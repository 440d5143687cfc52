/* SPDX-License-Identifier: Apache-2.0 */
/* Advice is what it says: networks that follow it take by so much less time, by the estimate. */
#include "npu/npu.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW(in, out, k, pad)                                                                    \
    "%3 \"layer\" f32[1x" out "x64x64] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] "           \
    "pad [" pad " " pad " " pad " " pad "] groups 1\n"
#define INPUT "graph \"g\" canon { input %0 \"x\" f32[1x16x64x64]\n"

/* Each pair: as it is, and as the advice wants it. */
static const struct {
    const char *rule, *before, *after;
} pairs[] = {
    {"activation",
     INPUT "const %1 \"w\" f32[16x16x3x3] random 1\n" WINDOW(
         "16", "16", "3", "1") "%4 \"act\" f32[1x16x64x64] = silu(%3)\noutput %4 }",
     INPUT "const %1 \"w\" f32[16x16x3x3] random 1\n" WINDOW(
         "16", "16", "3", "1") "%4 \"act\" f32[1x16x64x64] = relu(%3)\noutput %4 }"},
    {"separable",
     INPUT "const %1 \"w\" f32[16x1x3x3] random 1 const %2 \"v\" f32[24x16x1x1] random 2\n"
           "%3 \"dw\" f32[1x16x64x64] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] "
           "pad [1 1 1 1] groups 16\n"
           "%4 \"act\" f32[1x16x64x64] = silu(%3)\n"
           "%5 \"pw\" f32[1x24x64x64] = conv2d(%4, %2, _) stride [1 1] dilation [1 1] "
           "pad [0 0 0 0] groups 1\noutput %5 }",
     INPUT "const %1 \"w\" f32[24x16x3x3] random 1\n" WINDOW("16", "24", "3", "1") "output %3 }"},
    {"depthwise",
     INPUT "const %1 \"w\" f32[16x1x3x3] random 1\n"
           "%3 \"dw\" f32[1x16x64x64] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] "
           "pad [1 1 1 1] groups 16\noutput %3 }",
     INPUT "const %1 \"w\" f32[16x16x3x3] random 1\n" WINDOW("16", "16", "3", "1") "output %3 }"},
    {"element-wise", INPUT "%3 \"sum\" f32[1x16x64x64] = add(%0, %0)\noutput %3 }",
     INPUT "%3 \"both\" f32[1x32x64x64] = concat(%0, %0) axis 1\noutput %3 }"},
    {"max-pool",
     INPUT "const %1 \"w\" f32[16x16x3x3] random 1\n" WINDOW(
         "16", "16", "3", "1") "%4 \"pool\" f32[1x16x64x64] = max_pool2d(%3) kernel [5 5] stride "
                               "[1 1] dilation [1 1] "
                               "pad [2 2 2 2]\noutput %4 }",
     INPUT "const %1 \"w\" f32[16x16x3x3] random 1\n" WINDOW("16", "16", "3", "1") "output %3 }"},
};

typedef struct result {
    double seconds, saved, cost;
    size_t layers;
} result;

static result look(const char *text, const char *soc, const char *rule)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    const ork_npu_estimate *estimate =
        ork_npu_estimate_run(arena, graph, ork_soc_find(soc), ORK_U8);
    const ork_advices *advices = ork_npu_advise(arena, graph, estimate);
    result r = {.seconds = estimate->seconds};
    for (size_t i = 0; i < advices->count; i++) {
        const ork_advice *advice = &advices->items[i];
        assert_true(i == 0 || advice->saved <= advices->items[i - 1].saved);
        if (strcmp(advice->rule->id, rule) != 0)
            continue;
        r.saved = advice->saved;
        r.layers = advice->layers.count;
        r.cost = advice->layers.items[0].seconds;
    }
    ork_graph_free(graph);
    ork_arena_free(arena);
    ork_diag_free(diag);
    return r;
}

static void test_following(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        const result before = look(pairs[i].before, "rk1808", pairs[i].rule);
        const result after = look(pairs[i].after, "rk1808", pairs[i].rule);
        const double gained = before.seconds - after.seconds;
        if (before.layers != 1 || fabs(before.saved - gained) > 1e-9 || before.saved > before.cost)
            fail_msg("%s: %zu layers, %g saved of %g, but %g gained", pairs[i].rule, before.layers,
                     before.saved, before.cost, gained);
        assert_int_equal(after.layers, 0);
    }
}

/* A 7x7 window becomes three of 3x3. */
static void test_large_kernel(void **state)
{
    (void)state;
    static const char large[] =
        INPUT "const %1 \"w\" f32[16x16x7x7] random 1\n" WINDOW("16", "16", "7", "3") "output %3 }";
    static const char small[] =
        INPUT "const %1 \"w\" f32[16x16x3x3] random 1\n" WINDOW("16", "16", "3", "1") "output %3 }";
    const result one = look(large, "rv1126", "kernel-size"), three = look(small, "rv1126", "none");
    const double gained = one.seconds - 3 * three.seconds;
    assert_true(fabs(one.saved - (gained > 0 ? gained : 0)) < 1e-9);
}

/* Dense layers of many channels cost more than depthwise ones. */
static void test_nothing_to_say(void **state)
{
    (void)state;
    static const char text[] =
        "graph \"g\" canon { input %0 \"x\" f32[1x512x8x8] const %1 \"w\" f32[512x1x3x3] random 1\n"
        "%2 \"dw\" f32[1x512x8x8] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] pad [1 1 1 1] "
        "groups 512\noutput %2 }";
    assert_int_equal(look(text, "rv1126", "depthwise").layers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_following),
        cmocka_unit_test(test_large_kernel),
        cmocka_unit_test(test_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
