/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of kernels.def against the C row of its kind and type: integers bit for bit, f32 to a
   few parts in a million of the sum of the magnitudes. */
#include "kernel_test.h"

#include <math.h>

typedef struct testcase {
    ork_conv conv;
    guarded in, weights, bias, multipliers, zeros, table;
} testcase;

static void random_shape(ork_conv_kind kind, ork_conv_shape *s)
{
    static const int64_t channels[] = {1, 2, 3, 4, 7, 8, 9, 12, 16, 17, 24, 31, 32, 33, 48, 65};
    bool pointwise = random_in(0, 2) == 0;
    s->batch = random_in(1, 2);
    s->kernel_h = pointwise ? 1 : random_in(1, 5);
    s->kernel_w = pointwise ? 1 : (random_in(0, 1) ? s->kernel_h : random_in(1, 5));
    s->stride_h = random_in(1, pointwise ? 2 : 3);
    s->stride_w = random_in(0, 1) ? s->stride_h : random_in(1, 3);
    s->dilation_h = random_in(0, 3) ? 1 : random_in(1, 3);
    s->dilation_w = random_in(0, 3) ? 1 : random_in(1, 3);
    s->pad_top = random_in(0, s->kernel_h);
    s->pad_left = random_in(0, s->kernel_w);
    if (pointwise && random_in(0, 1)) {
        s->stride_h = s->stride_w = 1;
        s->pad_top = s->pad_left = 0;
    }
    s->in_h = random_in(1, 12);
    s->in_w = random_in(0, 29) ? random_in(1, 20) : random_in(200, 400); /* more than one strip */
    int64_t span_h = s->dilation_h * (s->kernel_h - 1) + 1;
    int64_t span_w = s->dilation_w * (s->kernel_w - 1) + 1;
    if (kind == ORK_CONV_TRANSPOSED) {
        s->out_h = (s->in_h - 1) * s->stride_h + span_h;
        s->out_w = (s->in_w - 1) * s->stride_w + span_w;
    } else {
        int64_t h = s->in_h + s->pad_top + random_in(0, s->kernel_h - 1);
        int64_t w = s->in_w + s->pad_left + random_in(0, s->kernel_w - 1);
        s->out_h = (h > span_h ? h - span_h : 0) / s->stride_h + 1;
        s->out_w = (w > span_w ? w - span_w : 0) / s->stride_w + 1;
    }
    s->groups = kind == ORK_CONV_DEPTHWISE ? channels[random_in(3, 15)] : random_in(1, 3);
    if (kind == ORK_CONV_DENSE && random_in(0, 2))
        s->groups = 1;
    s->in_c = s->groups * (kind == ORK_CONV_DEPTHWISE ? 1 : channels[random_in(0, 15)]);
    s->out_c = kind == ORK_CONV_DEPTHWISE ? s->in_c : s->groups * channels[random_in(0, 15)];
    s->in_stride = s->in_c + (random_in(0, 1) ? random_in(1, 9) : 0);
    s->out_stride = s->out_c + (random_in(0, 1) ? random_in(1, 9) : 0);
}

/* 3x3 as most networks have it, large enough for what is computed in tiles: rare among the shapes
   above. */
static void random_square(ork_conv_kind kind, ork_conv_shape *s)
{
    static const int64_t channels[] = {8, 16, 17, 31, 32, 33, 40, 64, 65, 130};
    *s = (ork_conv_shape){.batch = random_in(1, 2), .kernel_h = 3, .kernel_w = 3, .groups = 1};
    s->stride_h = s->stride_w = s->dilation_h = s->dilation_w = 1;
    s->pad_top = random_in(0, 2);
    s->pad_left = random_in(0, 2);
    const bool wide = random_in(0, 19) == 0; /* more than one strip */
    s->in_h = random_in(3, wide ? 6 : 20);
    s->in_w = wide ? random_in(200, 300) : random_in(3, 20);
    s->out_h = s->in_h + s->pad_top + random_in(0, 2) - 2;
    s->out_w = s->in_w + s->pad_left + random_in(0, 2) - 2;
    s->in_c = channels[random_in(0, 9)];
    s->out_c = channels[random_in(0, 9)];
    if (kind == ORK_CONV_DEPTHWISE)
        s->groups = s->out_c = s->in_c;
    s->in_stride = s->in_c + (random_in(0, 1) ? random_in(1, 9) : 0);
    s->out_stride = s->out_c + (random_in(0, 1) ? random_in(1, 9) : 0);
}

static void random_activation(ork_activation *f)
{
    static const ork_activation functions[] = {
        {0},
        {ORK_UNARY_RELU, 0, 0},
        {ORK_UNARY_CLIP, 0, 6},
        {ORK_UNARY_LEAKY_RELU, 0.1f, 0},
        {ORK_UNARY_SILU, 0, 0},
        {ORK_UNARY_SIGMOID, 0, 0},
        {ORK_UNARY_HARD_SWISH, 0, 0},
        {ORK_UNARY_HARD_SIGMOID, 0.2f, 0.5f},
        {ORK_UNARY_TANH, 0, 0},
        {ORK_UNARY_MISH, 0, 0},
    };
    *f = functions[random_in(0, ORK_COUNT(functions) - 1)];
}

/* A multiplier near 2^exponent: a random one, a power of two (exact ties) or three times one. */
static float random_multiplier(int exponent)
{
    static const float factors[] = {1.0f, 1.5f, 1.25f};
    float factor = random_in(0, 1) ? factors[random_in(0, 2)] : 1.5f + random_unit() * 0.5f;
    return ldexpf(factor, exponent);
}

static void random_requant(testcase *t, ork_dtype dtype)
{
    ork_requant *r = &t->conv.requant;
    const ork_conv_shape *s = &t->conv.shape;
    bool bytes = dtype != ORK_I16;
    /* sums of 8-bit products are about 2^12 sqrt(k) */
    double terms = (double)(s->in_c / s->groups * s->kernel_h * s->kernel_w);
    int size = (int)log2(sqrt(terms)) + (bytes ? 6 : 15);
    if (random_in(0, 5) == 0)
        size = (int)random_in(-6, 40);
    r->rule = dtype == ORK_U8 ? (ork_rule)random_in(ORK_RULE_LION, ORK_RULE_DFP) : ORK_RULE_DFP;
    r->shift = size;
    r->multiplier = random_multiplier(-size);
    r->clamp_min = dtype == ORK_U8 ? 0 : (bytes ? -128 : -32768);
    r->clamp_max = dtype == ORK_U8 ? 255 : (bytes ? 127 : 32767);
    if (random_in(0, 2) == 0) {
        r->clamp_min += (int32_t)random_in(0, 60);
        r->clamp_max -= (int32_t)random_in(0, 60);
    }
    t->multipliers = guarded_new((size_t)s->out_c * 4, 4);
    t->zeros = guarded_new((size_t)s->out_c * 4, 4);
    t->table = guarded_new(256, 1);
    guarded_fill(&t->table, ORK_U8);
    for (int64_t o = 0; o < s->out_c; o++) {
        ((float *)(void *)t->multipliers.data)[o] = random_multiplier(-size);
        ((int32_t *)(void *)t->zeros.data)[o] = (int32_t)random_in(0, 255);
    }
    if (dtype == ORK_U8) {
        r->in_zero = (int32_t)random_in(0, 255);
        r->out_zero = (int32_t)random_in(0, 255);
        r->weight_zero = (int32_t)random_in(0, 255);
        if (random_in(0, 2) == 0)
            r->multipliers = (const float *)(const void *)t->multipliers.data;
        if (random_in(0, 2) == 0)
            r->weight_zeros = (const int32_t *)(const void *)t->zeros.data;
        if (random_in(0, 2) == 0)
            r->out_zeros = (const int32_t *)(const void *)t->zeros.data;
    }
    if (bytes && random_in(0, 1))
        r->table = t->table.data;
}

/* Mostly small; sometimes anything, so that sums wrap. */
static void random_bias(testcase *t, ork_dtype dtype)
{
    bool huge = random_in(0, 3) == 0;
    for (int64_t o = 0; o < t->conv.shape.out_c; o++) {
        if (dtype == ORK_F32)
            ((float *)(void *)t->bias.data)[o] = random_unit();
        else if (dtype == ORK_I16)
            ((int64_t *)(void *)t->bias.data)[o] =
                huge ? (int64_t)(random_bits() >> 8) - ((int64_t)1 << 55)
                     : random_in(-99999, 99999);
        else
            ((int32_t *)(void *)t->bias.data)[o] =
                huge ? (int32_t)(uint32_t)random_bits() : (int32_t)random_in(-9999, 9999);
    }
    t->conv.bias = random_in(0, 4) ? t->bias.data : NULL;
}

/* Mostly -32768, whose products are the largest. */
static void fill_lowest(testcase *t)
{
    for (size_t i = 0; i < t->in.size / 2; i++)
        ((int16_t *)(void *)t->in.data)[i] = (int16_t)(random_in(0, 4) ? INT16_MIN : INT16_MAX);
    for (size_t i = 0; i < t->weights.size / 2; i++)
        ((int16_t *)(void *)t->weights.data)[i] = (int16_t)(random_in(0, 4) ? INT16_MIN : 3);
}

/* The least and the greatest bytes, and zero points that make the most of them. */
static void fill_extremes(testcase *t)
{
    for (size_t i = 0; i < t->in.size; i++)
        t->in.data[i] = (uint8_t)(random_in(0, 3) ? 255 : 0);
    for (size_t i = 0; i < t->weights.size; i++)
        t->weights.data[i] = (uint8_t)(random_in(0, 3) ? 255 : 0);
    t->conv.requant.weight_zero = (int32_t)random_in(0, 1) * 255;
    for (int64_t o = 0; o < t->conv.shape.out_c; o++)
        ((int32_t *)(void *)t->zeros.data)[o] = (int32_t)random_in(0, 1) * 255;
}

static testcase testcase_new(ork_conv_kind kind, ork_dtype dtype)
{
    testcase t = {.conv = {.kind = kind, .dtype = dtype, .weight_dtype = dtype}};
    ork_conv_shape *s = &t.conv.shape;
    size_t element = ork_dtype_table[dtype].size;
    if (kind != ORK_CONV_TRANSPOSED && random_in(0, 3) == 0)
        random_square(kind, s);
    else
        random_shape(kind, s);
    random_activation(&t.conv.activation);
    int64_t in = (s->batch * s->in_h * s->in_w - 1) * s->in_stride + s->in_c;
    int64_t weights = s->out_c * (s->in_c / s->groups) * s->kernel_h * s->kernel_w;
    t.in = guarded_new((size_t)in * element, element);
    t.weights = guarded_new((size_t)weights * element, element);
    t.bias = guarded_new((size_t)s->out_c * 8, 8);
    guarded_fill(&t.in, dtype);
    guarded_fill(&t.weights, dtype);
    if (dtype == ORK_I16 && random_in(0, 3) == 0)
        fill_lowest(&t);
    random_requant(&t, dtype);
    if (dtype == ORK_U8 && random_in(0, 3) == 0)
        fill_extremes(&t);
    random_bias(&t, dtype);
    t.conv.weights = t.weights.data;
    return t;
}

static void testcase_free(testcase *t)
{
    guarded_free(&t->in);
    guarded_free(&t->weights);
    guarded_free(&t->bias);
    guarded_free(&t->multipliers);
    guarded_free(&t->zeros);
    guarded_free(&t->table);
}

/* Runs in one go or in random pieces; the output, gaps between pixels included. */
static guarded run(const ork_conv_kernel *kernel, testcase *t, bool pieces)
{
    const ork_conv_shape *s = &t->conv.shape;
    size_t element = ork_dtype_table[t->conv.dtype].size;
    int64_t count = (s->batch * s->out_h * s->out_w - 1) * s->out_stride + s->out_c;
    guarded out = guarded_new((size_t)count * element, element);
    guarded packed = guarded_new(kernel->packed_bytes(&t->conv), 64);
    guarded scratch = guarded_new(kernel->scratch_bytes(&t->conv), 64);
    kernel->pack(&t->conv, packed.data);
    const int64_t rows = s->batch * s->out_h;
    for (int64_t at = 0; at < rows;) {
        int64_t end = pieces ? random_in(at + 1, rows) : rows;
        kernel->run(&t->conv, packed.data, t->in.data, out.data, at, end, scratch.data);
        at = end;
    }
    assert_true(guarded_intact(&out));
    guarded_free(&packed);
    guarded_free(&scratch);
    return out;
}

static bool same_f32(const testcase *t, const float *got, const float *want, size_t count)
{
    const ork_conv_shape *s = &t->conv.shape;
    float terms = (float)(s->in_c / s->groups * s->kernel_h * s->kernel_w);
    /* Inputs and weights are below 4; windows in tiles add numbers that are larger for a while. */
    float tolerance = 2e-6f * (sqrtf(terms) * 32 + 1);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&got[i], &want[i], sizeof(float)) == 0)
            continue; /* also the guard bytes in the gaps, which are no number */
        if (!(fabsf(got[i] - want[i]) <= tolerance * (1 + fabsf(want[i]))))
            return false;
    }
    return true;
}

static void check(const ork_conv_kernel *kernel, const ork_conv_kernel *reference)
{
    int supported = 0;
    for (int i = 0; i < case_count(400); i++) {
        testcase t = testcase_new(kernel->kind, kernel->dtype);
        const ork_conv_shape *s = &t.conv.shape;
        if (kernel->supports(&t.conv)) {
            guarded want = run(reference, &t, false), got = run(kernel, &t, true);
            guarded whole = run(kernel, &t, false);
            supported++;
            if (memcmp(got.data, whole.data, whole.size) != 0)
                fail_msg("%s depends on how rows are divided, case %d", kernel->name, i);
            bool same = kernel->dtype == ORK_F32
                            ? same_f32(&t, (const float *)(const void *)got.data,
                                       (const float *)(const void *)want.data, want.size / 4)
                            : memcmp(got.data, want.data, want.size) == 0;
            if (!same)
                fail_msg("%s differs, case %d: %d,%dx%dx%d -> %dx%dx%d kernel %dx%d stride %d,%d "
                         "dilation %d,%d pad %d,%d groups %d rule %d activation %s",
                         kernel->name, i, (int)s->batch, (int)s->in_h, (int)s->in_w, (int)s->in_c,
                         (int)s->out_h, (int)s->out_w, (int)s->out_c, (int)s->kernel_h,
                         (int)s->kernel_w, (int)s->stride_h, (int)s->stride_w, (int)s->dilation_h,
                         (int)s->dilation_w, (int)s->pad_top, (int)s->pad_left, (int)s->groups,
                         (int)t.conv.requant.rule, ork_unary_table[t.conv.activation.op].name);
            guarded_free(&want);
            guarded_free(&got);
            guarded_free(&whole);
        }
        testcase_free(&t);
    }
    if (case_count(400) >= 400 && supported < 10)
        fail_msg("%s is hardly tested: %d cases", kernel->name, supported);
}

static const ork_conv_kernel *reference_of(const ork_conv_kernel *kernel)
{
    for (size_t i = 0; i < ork_conv_kernel_count(); i++) {
        const ork_conv_kernel *row = ork_conv_kernel_at(i);
        if (row->isa == ORK_ISA_C && row->kind == kernel->kind && row->dtype == kernel->dtype)
            return row;
    }
    fail_msg("no C row for %s", kernel->name);
    return NULL;
}

static void test_every_row_equals_the_reference(void **state)
{
    (void)state;
    int checked = 0;
    for (size_t i = 0; i < ork_conv_kernel_count(); i++) {
        const ork_conv_kernel *kernel = ork_conv_kernel_at(i);
        if (kernel->isa == ORK_ISA_C || !set_is_tested(kernel->isa))
            continue;
        check(kernel, reference_of(kernel));
        print_message("%s\n", kernel->name);
        checked++;
    }
    print_message("%d rows checked\n", checked);
}

enum { TIES = 509 }; /* channels; not a multiple of any vector */

/* An accumulator at or next to a tie of acc * multiplier, or anything. */
static int32_t near_tie(const ork_requant *r, float multiplier)
{
    double m = r->rule == ORK_RULE_DFP ? ldexp(1.0, -r->shift) : (double)multiplier;
    double at = rint(((double)random_in(-300, 300) + 0.5) / m) + (double)random_in(-1, 1);
    if (random_in(0, 3) == 0 || fabs(at) > 2147483647.0)
        return (int32_t)(uint32_t)random_bits();
    return (int32_t)at;
}

/* A picture that kernels of 3x3 windows take. */
enum { TIE_SIZE = 13, TIE_INPUTS = 32 };
static const ork_conv_shape tie_windows = {.batch = 1,
                                           .in_h = TIE_SIZE,
                                           .in_w = TIE_SIZE,
                                           .in_c = TIE_INPUTS,
                                           .out_h = TIE_SIZE,
                                           .out_w = TIE_SIZE,
                                           .out_c = TIES,
                                           .kernel_h = 3,
                                           .kernel_w = 3,
                                           .stride_h = 1,
                                           .stride_w = 1,
                                           .dilation_h = 1,
                                           .dilation_w = 1,
                                           .pad_top = 1,
                                           .pad_left = 1,
                                           .groups = 1,
                                           .in_stride = TIE_INPUTS,
                                           .out_stride = TIES};

/* The first pixel; weights and inputs without effect: the biases are the accumulators. All channels
   have one multiplier, or each its own. */
static void check_ties(const ork_conv_kernel *kernel, const ork_requant *requant, bool one)
{
    static float multipliers[TIES];
    static int32_t bias[TIES];
    static uint8_t weights[TIES * TIE_INPUTS * 9], in[TIE_SIZE * TIE_SIZE * TIES];
    static uint8_t out[TIE_SIZE * TIES];
    const int64_t in_c = kernel->kind == ORK_CONV_DEPTHWISE ? TIES : 1;
    ork_conv conv = {.kind = kernel->kind,
                     .dtype = kernel->dtype,
                     .weight_dtype = ORK_U8,
                     .shape = ork_conv_shape_fully_connected(1, in_c, TIES),
                     .requant = *requant,
                     .weights = weights,
                     .bias = bias};
    conv.shape.groups = in_c;
    if (!kernel->supports(&conv)) {
        conv.shape = tie_windows;
        if (kernel->kind == ORK_CONV_DEPTHWISE)
            conv.shape.groups = conv.shape.in_c = conv.shape.in_stride = TIES;
    }
    assert_true(kernel->supports(&conv));
    int exponent = one ? (int)random_in(-16, 1) : (int)random_in(-45, 10);
    conv.requant.multiplier = random_multiplier(exponent);
    conv.requant.multipliers = one ? NULL : multipliers;
    for (int i = 0; i < TIES; i++) {
        multipliers[i] = one ? conv.requant.multiplier : random_multiplier(exponent);
        bias[i] = near_tie(&conv.requant, multipliers[i]);
    }
    if (!one) {
        multipliers[0] = 0.0f;
        multipliers[1] = -1.0f;
        multipliers[2] = 1e-41f;
        multipliers[3] = INFINITY;
    }
    guarded packed = guarded_new(kernel->packed_bytes(&conv), 64);
    guarded scratch = guarded_new(kernel->scratch_bytes(&conv), 64);
    kernel->pack(&conv, packed.data);
    kernel->run(&conv, packed.data, in, out, 0, 1, scratch.data);
    for (int i = 0; i < TIES; i++) {
        int32_t want = ork_requant_one(&conv.requant, multipliers[i], bias[i]);
        if (out[i] != (uint8_t)want)
            fail_msg("%s rule %d: acc %d times %.9g shift %d is %d, not %d", kernel->name,
                     (int)conv.requant.rule, bias[i], (double)multipliers[i], conv.requant.shift,
                     out[i], want);
    }
    guarded_free(&packed);
    guarded_free(&scratch);
}

static void test_requantization_near_ties(void **state)
{
    (void)state;
    for (size_t i = 0; i < ork_conv_kernel_count(); i++) {
        const ork_conv_kernel *kernel = ork_conv_kernel_at(i);
        if (!set_is_tested(kernel->isa) || kernel->kind == ORK_CONV_TRANSPOSED ||
            (kernel->dtype != ORK_U8 && kernel->dtype != ORK_I8))
            continue;
        const bool slow = strstr(kernel->name, "winograd") != NULL; /* to pack */
        for (int repeat = 0; repeat < case_count(slow ? 100 : 1500); repeat++) {
            ork_requant r = {.rule = (ork_rule)(repeat % 5), .clamp_max = 255};
            r.shift = (int32_t)random_in(-30, 70);
            r.out_zero = (int32_t)random_in(0, 255);
            if (kernel->dtype == ORK_I8) {
                r.out_zero -= 128;
                r.clamp_min = -128;
                r.clamp_max = 127;
            }
            check_ties(kernel, &r, random_in(0, 1) != 0);
        }
    }
}

static void test_limit_takes_rows_away(void **state)
{
    (void)state;
    testcase t = testcase_new(ORK_CONV_DENSE, ORK_F32);
    ork_cpu_limit(0);
    assert_int_equal(ork_conv_select(&t.conv)->isa, ORK_ISA_C);
    assert_int_equal(ork_cpu_features(), 1u << ORK_ISA_C);
    ork_cpu_limit(UINT32_MAX);
    const ork_conv_kernel *best = ork_conv_select(&t.conv);
    assert_true(ork_cpu_features() >> best->isa & 1);
    testcase_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_equals_the_reference),
        cmocka_unit_test(test_requantization_near_ties),
        cmocka_unit_test(test_limit_takes_rows_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
