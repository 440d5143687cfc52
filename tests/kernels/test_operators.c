/* SPDX-License-Identifier: Apache-2.0 */
/* The operators besides convolution: every set that this processor has against the C reference. */
#include "kernel_test.h"

#include <math.h>

enum { CASES = 300 };

/* The set at work, with those that it builds on. */
static uint32_t set_limit;

/* Runs a check with each set. */
static void with_each_set(void (*check)(void))
{
    for (int set = ORK_ISA_C + 1; set < ORK_ISA_COUNT; set++) {
        if (!set_is_tested((ork_isa)set))
            continue;
        set_limit = (2u << set) - 1;
        check();
        ork_cpu_limit(UINT32_MAX);
    }
}

static float loose(float want)
{
    return 4e-6f * (fabsf(want) + 1e-3f);
}

static void check_unary(void)
{
    for (int op = 0; op < ORK_UNARY_COUNT; op++) {
        int64_t length = random_in(1, 70), gap = random_in(0, 3);
        ork_unary u = {{(ork_unary_op)op, 0.25f, 2.0f}, 3, length, length + gap, length + gap};
        float in[3 * 73], got[3 * 73] = {0}, want[3 * 73] = {0};
        for (size_t i = 0; i < ORK_COUNT(in); i++)
            in[i] = random_unit() * (random_in(0, 3) ? 6.0f : 95.0f);
        in[0] = NAN;
        in[1] = INFINITY;
        in[2] = -INFINITY;
        ork_cpu_limit(0);
        ork_unary_run(&u, in, want, 0, 3);
        ork_cpu_limit(set_limit);
        ork_unary_run(&u, in, got, 0, 2);
        ork_unary_run(&u, in, got, 2, 3);
        for (size_t i = 0; i < ORK_COUNT(in); i++) {
            bool same = got[i] == want[i] || (isnan(got[i]) && isnan(want[i])) ||
                        fabsf(got[i] - want[i]) <= loose(want[i]);
            if (!same)
                fail_msg("%s of %.9g: %.9g, not %.9g", ork_unary_table[op].name, (double)in[i],
                         (double)got[i], (double)want[i]);
        }
    }
}

static void check_table8(void)
{
    uint8_t table[256];
    for (int i = 0; i < case_count(CASES); i++) {
        ork_table_map map = {.rows = random_in(1, 4), .length = random_in(1, 200)};
        map.in_stride = map.length + (random_in(0, 1) ? random_in(1, 9) : 0);
        map.out_stride = map.length + (random_in(0, 1) ? random_in(1, 9) : 0);
        guarded in = guarded_new((size_t)((map.rows - 1) * map.in_stride + map.length), 1);
        guarded out = guarded_new((size_t)((map.rows - 1) * map.out_stride + map.length), 1);
        guarded want = guarded_new(out.size, 1);
        guarded_fill(&in, ORK_U8);
        for (int k = 0; k < 256; k++)
            table[k] = (uint8_t)random_bits();
        for (int64_t k = 0; k < map.rows * map.length; k++)
            want.data[k / map.length * map.out_stride + k % map.length] =
                table[in.data[k / map.length * map.in_stride + k % map.length]];
        ork_cpu_limit(set_limit);
        ork_table8_run(&map, table, in.data, out.data, 0, 1);
        ork_table8_run(&map, table, in.data, out.data, 1, map.rows);
        assert_memory_equal(out.data, want.data, want.size);
        guarded_free(&in);
        guarded_free(&out);
        guarded_free(&want);
    }
}

static ork_quant random_quant(ork_dtype dtype)
{
    if (dtype == ORK_U8)
        return (ork_quant){.scheme = ORK_SCHEME_AFFINE,
                           .scale = random_in(0, 1) ? 0.25f : 0.02f + 0.01f * random_unit(),
                           .zero_point = (int32_t)random_in(0, 255)};
    /* counts for nothing where there are floats */
    return (ork_quant){.scheme = ORK_SCHEME_DFP, .fraction_length = (int32_t)random_in(-3, 12)};
}

static void check_convert(void)
{
    static const ork_dtype pairs[][2] = {{ORK_U8, ORK_F32},
                                         {ORK_F32, ORK_U8},
                                         {ORK_I16, ORK_F32},
                                         {ORK_F32, ORK_I16},
                                         {ORK_I16, ORK_I16}};
    for (int i = 0; i < case_count(CASES); i++) {
        const ork_dtype from = pairs[i % 5][0], to = pairs[i % 5][1];
        ork_convert c = {.in_dtype = from,
                         .out_dtype = to,
                         .in_quant = random_quant(from),
                         .out_quant = random_quant(to),
                         .rows = random_in(1, 4),
                         .length = random_in(1, 150)};
        const size_t in_size = ork_dtype_table[from].size, out_size = ork_dtype_table[to].size;
        c.in_stride = c.length + random_in(0, 3);
        c.out_stride = c.length + random_in(0, 3);
        guarded in = guarded_new((size_t)(c.rows * c.in_stride) * in_size, in_size);
        guarded got = guarded_new((size_t)(c.rows * c.out_stride) * out_size, out_size);
        guarded want = guarded_new(got.size, out_size);
        guarded_fill(&in, c.in_dtype);
        for (size_t k = 0; from == ORK_F32 && k < in.size / 4; k++) {
            static const float odd[] = {NAN, INFINITY, -INFINITY, 1e30f, -0.0f, 0.125f};
            float *at = (float *)(void *)in.data + k;
            *at = random_in(0, 9) ? rintf(*at * 64) / 8 : odd[random_in(0, 5)]; /* ties too */
        }
        ork_cpu_limit(0);
        ork_convert_run(&c, in.data, want.data, 0, c.rows);
        ork_cpu_limit(set_limit);
        ork_convert_run(&c, in.data, got.data, 0, 1);
        ork_convert_run(&c, in.data, got.data, 1, c.rows);
        assert_memory_equal(got.data, want.data, want.size);
        guarded_free(&in);
        guarded_free(&got);
        guarded_free(&want);
    }
}

static void check_matmul(void)
{
    for (int i = 0; i < case_count(CASES); i++) {
        ork_matmul m = {.batch_rank = 1, .batch_dim = {random_in(1, 3)}};
        m.m = random_in(1, 5);
        m.n = random_in(1, 140);
        m.k = random_in(1, 40);
        const bool turned_a = random_in(0, 3) == 0, turned_b = random_in(0, 1);
        m.a_row_stride = turned_a ? 1 : m.k;
        m.a_column_stride = turned_a ? m.m : 1;
        m.b_row_stride = turned_b ? 1 : m.n;
        m.b_column_stride = turned_b ? m.k : 1;
        m.a_batch_stride[0] = m.m * m.k;
        m.b_batch_stride[0] = random_in(0, 1) ? m.k * m.n : 0;
        const int64_t rows = m.batch_dim[0] * m.m;
        guarded a = guarded_new((size_t)(rows * m.k) * 4, 4);
        guarded b = guarded_new((size_t)(m.batch_dim[0] * m.k * m.n) * 4, 4);
        guarded bias = guarded_new((size_t)m.n * 4, 4);
        guarded got = guarded_new((size_t)(rows * m.n) * 4, 4), want = guarded_new(got.size, 4);
        guarded_fill(&a, ORK_F32);
        guarded_fill(&b, ORK_F32);
        guarded_fill(&bias, ORK_F32);
        m.bias = random_in(0, 1) ? (const float *)(const void *)bias.data : NULL;
        const float *left = (const float *)(const void *)a.data;
        const float *right = (const float *)(const void *)b.data;
        ork_cpu_limit(0);
        ork_matmul_run(&m, left, right, (float *)(void *)want.data, 0, rows);
        ork_cpu_limit(set_limit);
        ork_matmul_run(&m, left, right, (float *)(void *)got.data, 0, 1);
        ork_matmul_run(&m, left, right, (float *)(void *)got.data, 1, rows);
        for (int64_t k = 0; k < rows * m.n; k++) {
            float g = ((float *)(void *)got.data)[k], w = ((float *)(void *)want.data)[k];
            if (!(fabsf(g - w) <= 2e-6f * 16 * (float)m.k)) /* inputs below 4 */
                fail_msg("matmul %dx%dx%d: %.9g, not %.9g", (int)m.m, (int)m.n, (int)m.k, (double)g,
                         (double)w);
        }
        guarded_free(&a);
        guarded_free(&b);
        guarded_free(&bias);
        guarded_free(&got);
        guarded_free(&want);
    }
}

enum { COPY_BYTES = 4096 };

/* Every element of a loop, one at a time. */
static void copy_plainly(const ork_loop *loop, size_t size, const uint8_t *in, uint8_t *out)
{
    int64_t count = loop->dim[loop->rank - 1] * ork_loop_rows(loop);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, from = 0, to = 0;
        for (int d = loop->rank - 1; d >= 0; rest /= loop->dim[d--]) {
            to += rest % loop->dim[d] * loop->stride[0][d];
            from += rest % loop->dim[d] * loop->stride[1][d];
        }
        memcpy(out + to * (int64_t)size, in + from * (int64_t)size, size);
    }
}

static void test_copy(void **state)
{
    (void)state;
    for (int i = 0; i < case_count(CASES); i++) {
        const size_t size = (size_t)1 << random_in(0, 3);
        ork_loop loop = {.rank = (int)random_in(1, 4)};
        int64_t at[2] = {1, 1};
        for (int d = loop.rank - 1; d >= 0; d--) {
            loop.dim[d] = random_in(1, d == loop.rank - 1 ? 24 : 3);
            for (int k = 0; k < 2; k++) {
                loop.stride[k][d] = at[k] * (random_in(0, 3) ? 1 : random_in(1, 2));
                at[k] = loop.stride[k][d] * loop.dim[d];
            }
        }
        if (at[0] * (int64_t)size > COPY_BYTES || at[1] * (int64_t)size > COPY_BYTES)
            continue;
        guarded in = guarded_new((size_t)at[1] * size, size), out, want;
        out = guarded_new((size_t)at[0] * size, size);
        want = guarded_new(out.size, size);
        guarded_fill(&in, ORK_U8);
        copy_plainly(&loop, size, in.data, want.data);
        const int64_t rows = ork_loop_rows(&loop), middle = random_in(0, rows);
        ork_copy_run(&loop, size, in.data, out.data, 0, middle);
        ork_copy_run(&loop, size, in.data, out.data, middle, rows);
        assert_memory_equal(out.data, want.data, want.size);
        guarded_free(&in);
        guarded_free(&out);
        guarded_free(&want);
    }
}

static ork_pooling random_pooling(ork_dtype dtype, const uint8_t *table)
{
    ork_pooling p = {.is_max = random_in(0, 2) > 0, .dtype = dtype};
    p.batch = random_in(1, 2);
    p.in_h = random_in(1, 9);
    p.in_w = random_in(1, 9);
    p.channels = random_in(1, 140);
    p.kernel_h = random_in(1, 5);
    p.kernel_w = random_in(1, 5);
    p.stride_h = random_in(1, 3);
    p.stride_w = random_in(1, 3);
    p.dilation_h = p.is_max ? random_in(1, 2) : 1;
    p.dilation_w = p.is_max ? random_in(1, 2) : 1;
    p.pad_top = p.pad_bottom = p.kernel_h / 2;
    p.pad_left = p.pad_right = p.kernel_w / 2;
    p.out_h = (p.in_h + p.pad_top - 1) / p.stride_h + 1;
    p.out_w = (p.in_w + p.pad_left - 1) / p.stride_w + 1;
    p.count_include_pad = random_in(0, 1);
    p.divisor = random_in(0, 3) ? 0 : random_in(1, 30);
    p.in_stride = p.channels + random_in(0, 3);
    p.out_stride = p.channels + random_in(0, 3);
    ork_quant in = {.scheme = ORK_SCHEME_AFFINE, .scale = 0.02f, .zero_point = 7}, out = in;
    if (dtype != ORK_U8)
        in = out = (ork_quant){.scheme = ORK_SCHEME_DFP, .fraction_length = 5};
    p.in_quant = in;
    p.out_quant = out;
    if (dtype != ORK_F32)
        p.requant = ork_average_requant(random_in(0, 1) ? ORK_FAMILY_PUMA : ORK_FAMILY_LION, dtype,
                                        &in, &out, p.divisor ? p.divisor : p.kernel_h * p.kernel_w);
    if (dtype == ORK_U8 || dtype == ORK_I8)
        p.table = random_in(0, 1) ? table : NULL;
    return p;
}

static void check_pooling(const ork_pooling *p)
{
    size_t size = ork_dtype_table[p->dtype].size;
    int64_t in_count = (p->batch * p->in_h * p->in_w - 1) * p->in_stride + p->channels;
    int64_t out_count = (p->batch * p->out_h * p->out_w - 1) * p->out_stride + p->channels;
    guarded in = guarded_new((size_t)in_count * size, size);
    guarded want = guarded_new((size_t)out_count * size, size);
    guarded got = guarded_new((size_t)out_count * size, size);
    guarded_fill(&in, p->dtype);
    ork_cpu_limit(0);
    ork_pooling_run(p, in.data, want.data, 0, p->batch * p->out_h);
    ork_cpu_limit(set_limit);
    ork_pooling_run(p, in.data, got.data, 0, 1);
    ork_pooling_run(p, in.data, got.data, 1, p->batch * p->out_h);
    assert_memory_equal(got.data, want.data, want.size);
    guarded_free(&in);
    guarded_free(&want);
    guarded_free(&got);
}

static void check_poolings(void)
{
    static const ork_dtype types[] = {ORK_F32, ORK_U8, ORK_I8, ORK_I16};
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)random_bits();
    for (int i = 0; i < case_count(CASES); i++) {
        ork_pooling p = random_pooling(types[i % 4], table);
        check_pooling(&p);
    }
}

static ork_binary random_binary(int i)
{
    static uint8_t table[256];
    static const ork_binary_op ops[] = {ORK_BINARY_ADD, ORK_BINARY_SUB, ORK_BINARY_MUL,
                                        ORK_BINARY_DIV};
    static const ork_dtype types[] = {ORK_F32, ORK_U8, ORK_I16};
    const ork_dtype dtype = types[i % 3];
    ork_quant q[3];
    for (int k = 0; k < 3; k++) {
        q[k] = random_quant(dtype);
        if (dtype == ORK_U8)
            q[k].scale = ldexpf(1.5f + random_unit() * 0.5f, (int)random_in(-9, -4));
    }
    if (i % 5 == 0)
        q[0].scale = q[1].scale = q[2].scale = 0.03125f; /* ties */
    ork_binary b = ork_binary_make(i & 1 ? ORK_FAMILY_PUMA : ORK_FAMILY_LION, ops[i / 4 % 4], dtype,
                                   &q[0], &q[1], &q[2]);
    if (dtype == ORK_F32 && random_in(0, 1))
        b.activation.op = ORK_UNARY_RELU;
    if (dtype != ORK_F32 && random_in(0, 2) == 0)
        b.clamp_min = q[2].zero_point;
    for (int k = 0; k < 256; k++)
        table[k] = (uint8_t)random_bits();
    if (dtype == ORK_U8 && random_in(0, 1))
        b.table = table;
    int64_t rows = random_in(1, 5), length = random_in(1, 300);
    b.loop = (ork_loop){.rank = 2, .dim = {rows, length}};
    for (int k = 0; k < 3; k++) {
        b.loop.stride[k][0] = k == 2 && random_in(0, 3) == 0 ? 0 : length + random_in(0, 3);
        b.loop.stride[k][1] = k == 2 && random_in(0, 4) == 0 ? 0 : 1;
    }
    return b;
}

static void check_binary(void)
{
    for (int i = 0; i < case_count(CASES); i++) {
        ork_binary binary = random_binary(i);
        size_t size = ork_dtype_table[binary.dtype].size, bytes = 5 * 303 * size;
        guarded a = guarded_new(bytes, size), b = guarded_new(bytes, size);
        guarded want = guarded_new(bytes, size), got = guarded_new(bytes, size);
        guarded_fill(&a, binary.dtype);
        guarded_fill(&b, binary.dtype);
        ork_cpu_limit(0);
        ork_binary_run(&binary, a.data, b.data, want.data, 0, binary.loop.dim[0]);
        ork_cpu_limit(set_limit);
        ork_binary_run(&binary, a.data, b.data, got.data, 0, binary.loop.dim[0]);
        assert_memory_equal(got.data, want.data, want.size);
        guarded_free(&a);
        guarded_free(&b);
        guarded_free(&want);
        guarded_free(&got);
    }
}

static void test_unary(void **state)
{
    (void)state;
    with_each_set(check_unary);
}

static void test_table8(void **state)
{
    (void)state;
    with_each_set(check_table8);
}

static void test_convert(void **state)
{
    (void)state;
    with_each_set(check_convert);
}

static void test_matmul(void **state)
{
    (void)state;
    with_each_set(check_matmul);
}

static void test_pooling(void **state)
{
    (void)state;
    with_each_set(check_poolings);
}

static void test_binary(void **state)
{
    (void)state;
    with_each_set(check_binary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),   cmocka_unit_test(test_table8),
        cmocka_unit_test(test_convert), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_pooling), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_matmul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
