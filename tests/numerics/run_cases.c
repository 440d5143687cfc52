/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the operators on cases read as numbers from stdin, one line of results for each; the model
   in model.py writes the cases and judges the results. Floats travel as their 32 bits. */
#include "kernels/kernels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t next(void)
{
    int64_t value;
    if (scanf("%" SCNd64, &value) != 1) {
        fprintf(stderr, "run_cases: a number is missing\n");
        exit(2);
    }
    return value;
}

static float next_float(void)
{
    uint32_t bits = (uint32_t)next();
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static ork_quant next_quant(void)
{
    ork_quant q = {.scheme = (ork_scheme)next()};
    q.scale = next_float();
    q.zero_point = (int32_t)next();
    q.fraction_length = (int32_t)next();
    return q;
}

static ork_dtype next_dtype(void)
{
    static const ork_dtype types[] = {ORK_U8, ORK_I8, ORK_I16, ORK_F32};
    return types[next() & 3];
}

static void *next_data(ork_dtype dtype, int64_t count)
{
    void *data = ork_data_alloc((size_t)count * 8);
    for (int64_t i = 0; i < count; i++) {
        if (dtype == ORK_F32)
            ((float *)data)[i] = next_float();
        else
            ork_element_set(dtype, data, i, (double)next());
    }
    return data;
}

static void print_data(ork_dtype dtype, void *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t value = dtype == ORK_U8    ? ((const uint8_t *)data)[i]
                        : dtype == ORK_I8  ? ((const int8_t *)data)[i]
                        : dtype == ORK_I16 ? ((const int16_t *)data)[i]
                                           : (int64_t)((const uint32_t *)data)[i];
        printf("%" PRId64 " ", value);
    }
    printf("\n");
    ork_data_free(data);
}

static ork_requant next_requant(void)
{
    ork_requant r = {.rule = (ork_rule)next()};
    r.multiplier = next_float();
    r.shift = (int32_t)next();
    r.in_zero = (int32_t)next();
    r.weight_zero = (int32_t)next();
    r.out_zero = (int32_t)next();
    r.clamp_min = (int32_t)next();
    r.clamp_max = (int32_t)next();
    return r;
}

static void run_requant(void)
{
    ork_requant r = next_requant();
    int64_t count = next();
    for (int64_t i = 0; i < count; i++)
        printf("%d ", ork_requant_one(&r, r.multiplier, next()));
    printf("\n");
}

static void run_multiplier(void)
{
    float a = next_float(), b = next_float(), c = next_float(), m = ork_multiplier(a, b, c);
    uint32_t bits;
    memcpy(&bits, &m, sizeof(bits));
    printf("%" PRIu32 "\n", bits);
}

static void run_conv(void)
{
    ork_conv conv = {.dtype = next_dtype()};
    conv.weight_dtype = conv.dtype;
    conv.kind = (ork_conv_kind)next();
    conv.requant = next_requant();
    int64_t *fields[] = {
        &conv.shape.batch,      &conv.shape.in_h,     &conv.shape.in_w,     &conv.shape.in_c,
        &conv.shape.out_h,      &conv.shape.out_w,    &conv.shape.out_c,    &conv.shape.kernel_h,
        &conv.shape.kernel_w,   &conv.shape.stride_h, &conv.shape.stride_w, &conv.shape.dilation_h,
        &conv.shape.dilation_w, &conv.shape.pad_top,  &conv.shape.pad_left, &conv.shape.groups};
    for (size_t i = 0; i < ORK_COUNT(fields); i++)
        *fields[i] = next();
    const ork_conv_shape *s = &conv.shape;
    conv.shape.in_stride = s->in_c;
    conv.shape.out_stride = s->out_c;
    int64_t in_c = conv.kind == ORK_CONV_TRANSPOSED ? s->out_c : s->in_c;
    int64_t others = conv.kind == ORK_CONV_TRANSPOSED ? s->in_c : s->out_c;
    void *in = next_data(conv.dtype, s->batch * s->in_h * s->in_w * s->in_c);
    void *weights = next_data(conv.dtype, others * in_c / s->groups * s->kernel_h * s->kernel_w);
    void *bias = ork_data_alloc((size_t)s->out_c * 8);
    for (int64_t o = 0; o < s->out_c; o++) {
        if (conv.dtype == ORK_I16)
            ((int64_t *)bias)[o] = next();
        else
            ((int32_t *)bias)[o] = (int32_t)next();
    }
    conv.weights = weights;
    conv.bias = bias;
    const ork_conv_kernel *kernel = ork_conv_select(&conv);
    void *packed = ork_data_alloc(kernel->packed_bytes(&conv));
    void *scratch = ork_data_alloc(kernel->scratch_bytes(&conv) + 64);
    int64_t count = s->batch * s->out_h * s->out_w * s->out_c;
    void *out = ork_data_alloc((size_t)count * 2);
    kernel->pack(&conv, packed);
    kernel->run(&conv, packed, in, out, 0, s->batch * s->out_h, scratch);
    print_data(conv.dtype, out, count);
    ork_data_free(in);
    ork_data_free(weights);
    ork_data_free(bias);
    ork_data_free(packed);
    ork_data_free(scratch);
}

/* One channel, everything square; a maximum is requantized by a table, as plans do. */
static void run_pooling(void)
{
    ork_family family = (ork_family)next();
    ork_pooling p = {.batch = 1, .channels = 1};
    p.is_max = next() != 0;
    p.dtype = next_dtype();
    p.kernel_h = p.kernel_w = next();
    p.stride_h = p.stride_w = next();
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = next();
    p.in_h = p.in_w = next();
    p.out_h = p.out_w = (p.in_h + 2 * p.pad_top - p.kernel_h) / p.stride_h + 1;
    p.dilation_h = p.dilation_w = p.in_stride = p.out_stride = 1;
    p.in_quant = next_quant();
    p.out_quant = next_quant();
    p.requant =
        ork_average_requant(family, p.dtype, &p.in_quant, &p.out_quant, p.kernel_h * p.kernel_w);
    uint8_t table[256];
    if (p.is_max && p.dtype != ORK_I16) {
        ork_activation copy = {0};
        ork_unary_make_table8(&copy, p.dtype, &p.in_quant, &p.out_quant, table);
        p.table = table;
    }
    void *in = next_data(p.dtype, p.in_h * p.in_w);
    void *out = ork_data_alloc((size_t)(p.out_h * p.out_w) * 2);
    ork_pooling_run(&p, in, out, 0, p.out_h);
    print_data(p.dtype, out, p.out_h * p.out_w);
    ork_data_free(in);
}

static void run_binary(void)
{
    ork_family family = (ork_family)next();
    static const ork_binary_op ops[] = {ORK_BINARY_ADD, ORK_BINARY_SUB,     ORK_BINARY_MUL,
                                        ORK_BINARY_DIV, ORK_BINARY_MAXIMUM, ORK_BINARY_MINIMUM};
    ork_binary_op op = ops[(size_t)next() % ORK_COUNT(ops)];
    ork_dtype dtype = next_dtype();
    ork_quant a = next_quant(), b = next_quant(), out = next_quant();
    ork_binary binary = ork_binary_make(family, op, dtype, &a, &b, &out);
    int64_t count = next();
    binary.loop = (ork_loop){.rank = 1, .dim = {count}, .stride = {{1}, {1}, {1}}};
    void *x = next_data(dtype, count), *y = next_data(dtype, count);
    void *result = ork_data_alloc((size_t)count * 2);
    ork_binary_run(&binary, x, y, result, 0, 1);
    print_data(dtype, result, count);
    ork_data_free(x);
    ork_data_free(y);
}

/* `function` of every 8-bit number, or of the i16 numbers given. */
static void run_table(void)
{
    ork_dtype dtype = next_dtype();
    ork_activation function = {.op = (ork_unary_op)next()};
    function.alpha = next_float();
    function.beta = next_float();
    ork_quant in = next_quant(), out = next_quant();
    int64_t count = next();
    static uint8_t table8[256];
    static int16_t table16[65536];
    if (dtype == ORK_I16)
        ork_unary_make_table16(&function, &in, &out, table16);
    else
        ork_unary_make_table8(&function, dtype, &in, &out, table8);
    for (int64_t i = 0; i < count; i++) {
        int64_t q = next();
        int value = dtype == ORK_I16 ? table16[(uint16_t)q] : table8[(uint8_t)q];
        printf("%d ", dtype == ORK_I8 ? (int8_t)value : value);
    }
    printf("\n");
}

static void run_convert(void)
{
    ork_convert c = {.in_dtype = next_dtype(), .rows = 1};
    c.out_dtype = next_dtype();
    c.in_quant = next_quant();
    c.out_quant = next_quant();
    c.length = c.in_stride = c.out_stride = next();
    void *in = next_data(c.in_dtype, c.length);
    void *out = ork_data_alloc((size_t)c.length * 4);
    ork_convert_run(&c, in, out, 0, 1);
    print_data(c.out_dtype, out, c.length);
    ork_data_free(in);
}

/* Axes of 8-bit elements: size, before, size of the output. */
/* Each row of a matrix becomes one number. */
static void run_reduce(void)
{
    ork_reduce r = {.op = (ork_reduce_op)next(), .kept_rank = 1, .inner_rank = 1};
    r.dtype = next_dtype();
    r.in_quant = next_quant();
    r.out_quant = next_quant();
    int64_t rows = r.kept_dim[0] = next();
    r.kept_stride[0] = r.inner_dim[0] = next();
    r.inner_stride[0] = 1;
    void *in = next_data(r.dtype, rows * r.inner_dim[0]);
    void *out = ork_data_alloc((size_t)rows * 2);
    ork_reduce_run(&r, in, out, 0, rows);
    print_data(r.dtype, out, rows);
    ork_data_free(in);
}

/* One channel. */
static void run_adaptive(void)
{
    ork_adaptive_pooling p = {.dtype = next_dtype(), .batch = 1, .channels = 1};
    p.in_stride = p.out_stride = 1;
    p.in_quant = next_quant();
    p.out_quant = next_quant();
    p.in_h = next();
    p.in_w = next();
    p.out_h = next();
    p.out_w = next();
    void *in = next_data(p.dtype, p.in_h * p.in_w);
    void *out = ork_data_alloc((size_t)(p.out_h * p.out_w) * 2);
    ork_adaptive_pooling_run(&p, in, out, 0, p.out_h);
    print_data(p.dtype, out, p.out_h * p.out_w);
    ork_data_free(in);
}

/* Linear, one channel. */
static void run_resize(void)
{
    static const ork_resize_coordinates kinds[] = {ORK_RESIZE_ASYMMETRIC, ORK_RESIZE_HALF_PIXEL,
                                                   ORK_RESIZE_ALIGN_CORNERS};
    ork_resize r = {.is_linear = true, .coordinates = kinds[next() % 3], .batch = 1, .channels = 1};
    r.dtype = next_dtype();
    r.in_stride = r.out_stride = 1;
    r.in_quant = next_quant();
    r.out_quant = next_quant();
    r.in_h = next();
    r.in_w = next();
    r.out_h = next();
    r.out_w = next();
    void *in = next_data(r.dtype, r.in_h * r.in_w);
    void *out = ork_data_alloc((size_t)(r.out_h * r.out_w) * 2);
    ork_resize_run(&r, in, out, 0, r.out_h);
    print_data(r.dtype, out, r.out_h * r.out_w);
    ork_data_free(in);
}

static void run_padding(void)
{
    ork_padding p = {.rank = 3, .element_size = 1, .mode = (ork_padding_mode)next()};
    p.value[0] = (uint8_t)next();
    for (int i = 0; i < p.rank; i++) {
        p.in_dim[i] = next();
        p.before[i] = next();
        p.out_dim[i] = next();
    }
    p.in_stride[2] = p.out_stride[2] = 1;
    for (int i = 1; i >= 0; i--) {
        p.in_stride[i] = p.in_stride[i + 1] * p.in_dim[i + 1];
        p.out_stride[i] = p.out_stride[i + 1] * p.out_dim[i + 1];
    }
    void *in = next_data(ORK_U8, p.in_stride[0] * p.in_dim[0]);
    int64_t count = p.out_stride[0] * p.out_dim[0];
    void *out = ork_data_alloc((size_t)count);
    ork_padding_run(&p, in, out, 0, p.out_dim[0] * p.out_dim[1]);
    print_data(ORK_U8, out, count);
    ork_data_free(in);
}

static void run_gather(void)
{
    int64_t outer = next();
    ork_gather g = {.size = next(), .element_size = 2, .index = ORK_I64};
    g.inner = next();
    g.count = next();
    void *in = next_data(ORK_I16, outer * g.size * g.inner);
    void *index = next_data(ORK_I64, g.count);
    int64_t count = outer * g.count * g.inner;
    void *out = ork_data_alloc((size_t)count * 2);
    ork_gather_run(&g, in, index, out, 0, outer * g.count);
    print_data(ORK_I16, out, count);
    ork_data_free(in);
    ork_data_free(index);
}

/* A function of pairs of whole numbers, by name. */
static void run_whole(void)
{
    char name[32];
    if (scanf("%31s", name) != 1)
        exit(2);
    ork_elements e = {.out_dtype = ORK_I64, .a_dtype = ORK_I64, .b_dtype = ORK_I64};
    while (e.op < ORK_BINARY_COUNT - 1 && strcmp(ork_binary_table[e.op].name, name) != 0)
        e.op++;
    int64_t count = next();
    int64_t *a = ork_data_alloc((size_t)count * 8), *b = ork_data_alloc((size_t)count * 8);
    int64_t *out = ork_data_alloc((size_t)count * 8);
    for (int64_t i = 0; i < count; i++)
        a[i] = next();
    for (int64_t i = 0; i < count; i++)
        b[i] = next();
    e.loop = (ork_loop){.rank = 1, .dim = {count}, .stride = {{1}, {1}, {1}}};
    ork_elements_run(&e, a, b, out, 0, 1);
    for (int64_t i = 0; i < count; i++)
        printf("%" PRId64 " ", out[i]);
    printf("\n");
    ork_data_free(a);
    ork_data_free(b);
    ork_data_free(out);
}

static void run_op(void)
{
    char name[32];
    if (scanf("%31s", name) != 1)
        exit(2);
    ork_unary_op op;
    printf("%d\n", ork_unary_from_name(name, &op) ? (int)op : -1);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } commands[] = {
        {"requant", run_requant},   {"multiplier", run_multiplier},
        {"conv", run_conv},         {"pooling", run_pooling},
        {"binary", run_binary},     {"table", run_table},
        {"convert", run_convert},   {"op", run_op},
        {"padding", run_padding},   {"gather", run_gather},
        {"whole", run_whole},       {"reduce", run_reduce},
        {"adaptive", run_adaptive}, {"resize", run_resize},
    };
    char name[32];
    while (scanf("%31s", name) == 1) {
        size_t i = 0;
        while (i < ORK_COUNT(commands) && strcmp(name, commands[i].name) != 0)
            i++;
        if (i == ORK_COUNT(commands))
            return 2;
        commands[i].run();
        fflush(stdout);
    }
    return 0;
}
