/* SPDX-License-Identifier: Apache-2.0 */
/* What a network is estimated to cost: of forms of one network, which is the dearer. */
#include "npu/npu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static double cycles(ork_family family, const char *body)
{
    char text[2048];
    ork_diag *diag = ork_diag_new();
    snprintf(text, sizeof(text), "graph \"n\" quant { %s }", body);
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s\n%s", ork_diag_error(diag)->what, text);
    const double found = ork_npu_cycles(family, graph);
    ork_graph_free(graph);
    ork_diag_free(diag);
    return found;
}

#define CONV " stride [1 1] dilation [1 1] groups 1\n"
#define U8                                                                                         \
    "input %0 \"x\" u8[1x8x32x32]{1 0}\nconst %1 \"w\" u8[8x8x1x1]{1 0} fill 1\n"                  \
    "%2 \"c\" u8[1x8x32x32]{1 0} = conv2d(%0, %1, _)" CONV
#define I16                                                                                        \
    "input %0 \"x\" i16[1x8x32x32]{fl 0}\nconst %1 \"w\" i16[8x8x1x1]{fl 0} fill 1\n"              \
    "%2 \"c\" i16[1x8x32x32]{fl 0} = conv2d(%0, %1, _)" CONV

static void test_16_bits_cost_more(void **state)
{
    (void)state;
    const double narrow = cycles(ORK_FAMILY_LION, U8 "output %2");
    const double wide = cycles(ORK_FAMILY_LION, I16 "output %2");
    assert_true(narrow > 0 && wide > narrow);
    /* Twice the bytes, and ten times the multiplications. */
    const double macs = 8 * 8 * 32 * 32, bytes = 2 * 8 * 32 * 32 + 8 * 8;
    const double expected = bytes / 3.6 + macs * (1 / 192.0 - 1 / 1920.0);
    assert_true(wide - narrow > 0.999 * expected && wide - narrow < 1.001 * expected);
    assert_true(cycles(ORK_FAMILY_PUMA, U8 "output %2") > narrow);
}

static void test_conversions_cost_and_joints_of_one_scale_do_not(void **state)
{
    (void)state;
    const double plain = cycles(ORK_FAMILY_LION, U8 "output %2");
    assert_true(cycles(ORK_FAMILY_LION, U8 "%3 \"d\" i16[1x8x32x32]{fl 0} = convert(%2)\n"
                                           "output %3") > plain);
    assert_true(cycles(ORK_FAMILY_LION, U8 "%3 \"j\" u8[1x16x32x32]{1 0} = concat(%2, %0) axis 1\n"
                                           "output %3") == plain);
    assert_true(cycles(ORK_FAMILY_LION, U8 "%3 \"j\" u8[1x16x32x32]{2 0} = concat(%2, %0) axis 1\n"
                                           "output %3") > plain);
    assert_true(cycles(ORK_FAMILY_LION, U8 "%3 \"r\" u8[1x8x32x32]{1 0} = relu(%2)\noutput %3") ==
                plain);
    assert_true(cycles(ORK_FAMILY_LION, U8 "%3 \"s\" u8[1x8x32x32]{1 0} = silu(%2)\noutput %3") >
                plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_16_bits_cost_more),
        cmocka_unit_test(test_conversions_cost_and_joints_of_one_scale_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
