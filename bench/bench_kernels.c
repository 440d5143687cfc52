/* SPDX-License-Identifier: Apache-2.0 */
/* Speed of every convolution row on the layers of YOLOX-nano at 416x416, one thread.
   bench_kernels [part of a row's name] [v]: v prints each layer. */
#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct layer {
    int groups, in_c, in_size, out_c, out_size, kernel, stride, count;
} layers[] = {
    {1, 12, 208, 16, 208, 3, 1, 1},   {16, 16, 208, 16, 104, 3, 2, 1},
    {1, 16, 104, 32, 104, 1, 1, 1},   {1, 32, 104, 16, 104, 1, 1, 2},
    {1, 16, 104, 16, 104, 1, 1, 2},   {16, 16, 104, 16, 104, 3, 1, 1},
    {1, 32, 104, 32, 104, 1, 1, 1},   {32, 32, 104, 32, 52, 3, 2, 1},
    {1, 32, 52, 64, 52, 1, 1, 1},     {1, 64, 52, 32, 52, 1, 1, 2},
    {1, 32, 52, 32, 52, 1, 1, 8},     {32, 32, 52, 32, 52, 3, 1, 4},
    {1, 64, 52, 64, 52, 1, 1, 7},     {64, 64, 52, 64, 26, 3, 2, 2},
    {1, 64, 26, 128, 26, 1, 1, 1},    {1, 128, 26, 64, 26, 1, 1, 6},
    {1, 64, 26, 64, 26, 1, 1, 15},    {64, 64, 26, 64, 26, 3, 1, 9},
    {1, 128, 26, 128, 26, 1, 1, 3},   {128, 128, 26, 128, 13, 3, 2, 2},
    {1, 128, 13, 256, 13, 1, 1, 1},   {1, 256, 13, 128, 13, 1, 1, 6},
    {1, 512, 13, 256, 13, 1, 1, 1},   {1, 128, 13, 128, 13, 1, 1, 5},
    {128, 128, 13, 128, 13, 3, 1, 2}, {1, 256, 13, 256, 13, 1, 1, 2},
    {1, 256, 26, 64, 26, 1, 1, 2},    {1, 128, 52, 32, 52, 1, 1, 2},
    {64, 64, 52, 64, 52, 3, 1, 4},    {1, 64, 52, 80, 52, 1, 1, 1},
    {1, 64, 52, 4, 52, 1, 1, 1},      {1, 64, 52, 1, 52, 1, 1, 1},
    {1, 64, 26, 80, 26, 1, 1, 1},     {1, 64, 26, 4, 26, 1, 1, 1},
    {1, 64, 26, 1, 26, 1, 1, 1},      {1, 256, 13, 64, 13, 1, 1, 1},
    {64, 64, 13, 64, 13, 3, 1, 4},    {1, 64, 13, 64, 13, 1, 1, 4},
    {1, 64, 13, 80, 13, 1, 1, 1},     {1, 64, 13, 4, 13, 1, 1, 1},
    {1, 64, 13, 1, 13, 1, 1, 1},
};

static ork_conv conv_of(const struct layer *l, ork_dtype dtype, const uint8_t *table)
{
    ork_conv conv = {.dtype = dtype, .weight_dtype = dtype};
    conv.shape = square_convolution(l->groups, l->in_c, l->in_size, l->out_c, l->kernel, l->stride);
    conv.kind = ork_conv_kind_of(&conv.shape);
    conv.activation.op = ORK_UNARY_SILU;
    conv.requant = (ork_requant){.rule = ORK_RULE_PUMA,
                                 .multiplier = 1e-3f,
                                 .shift = 10,
                                 .in_zero = 120,
                                 .weight_zero = 130,
                                 .out_zero = 128,
                                 .clamp_max = 255,
                                 .table = table};
    if (dtype == ORK_I8 || dtype == ORK_I16) {
        conv.requant.rule = ORK_RULE_DFP;
        conv.requant.in_zero = conv.requant.weight_zero = conv.requant.out_zero = 0;
        conv.requant.clamp_min = dtype == ORK_I8 ? -128 : -32768;
        conv.requant.clamp_max = dtype == ORK_I8 ? 127 : 32767;
        if (dtype == ORK_I16)
            conv.requant.table = NULL;
    }
    return conv;
}

static void *random_data(ork_dtype dtype, size_t count)
{
    size_t bytes = count * ork_dtype_table[dtype].size;
    void *data = ork_data_alloc(bytes);
    for (size_t i = 0; i < count; i++) {
        if (dtype == ORK_F32)
            ((float *)data)[i] = (float)(rand() % 2001 - 1000) * 1e-3f;
        else
            ork_element_set(dtype, data, (int64_t)i, rand() % 256 - (dtype == ORK_U8 ? 0 : 128));
    }
    return data;
}

/* Best time of one layer in seconds. */
static double time_layer(const ork_conv_kernel *kernel, ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    conv->weights = random_data(
        conv->dtype, (size_t)(s->out_c * s->in_c / s->groups * s->kernel_h * s->kernel_w));
    void *in = random_data(conv->dtype, (size_t)(s->in_h * s->in_w * s->in_c));
    void *out = random_data(conv->dtype, (size_t)(s->out_h * s->out_w * s->out_c));
    void *packed = ork_data_alloc(kernel->packed_bytes(conv));
    void *scratch = ork_data_alloc(kernel->scratch_bytes(conv) + 64);
    kernel->pack(conv, packed);
    double best = 1e9, begin = ork_seconds();
    for (int i = 0; i < 3 || (i < 50 && ork_seconds() - begin < 0.03); i++) {
        double start = ork_seconds();
        kernel->run(conv, packed, in, out, 0, s->batch * s->out_h, scratch);
        double seconds = ork_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    ork_data_free((void *)(uintptr_t)conv->weights);
    ork_data_free(in);
    ork_data_free(out);
    ork_data_free(packed);
    ork_data_free(scratch);
    return best;
}

static void bench_kernel(const ork_conv_kernel *kernel, const uint8_t *table, bool verbose)
{
    double all_macs = 0, all_seconds = 0;
    for (size_t i = 0; i < ORK_COUNT(layers); i++) {
        const struct layer *l = &layers[i];
        ork_conv conv = conv_of(l, kernel->dtype, table);
        if (conv.kind != kernel->kind || !kernel->supports(&conv))
            continue;
        double macs = (double)l->out_size * l->out_size * l->out_c * l->kernel * l->kernel *
                      l->in_c / l->groups;
        double seconds = time_layer(kernel, &conv);
        all_macs += macs * l->count;
        all_seconds += seconds * l->count;
        if (verbose)
            printf("    %4d -> %4d  %dx%d/%d  %3d  %8.1f us  %6.1f GMAC/s  x%d\n", l->in_c,
                   l->out_c, l->kernel, l->kernel, l->stride, l->out_size, seconds * 1e6,
                   macs / seconds * 1e-9, l->count);
    }
    if (all_seconds > 0)
        printf("%-28s %8.2f ms  %6.1f GMAC/s\n", kernel->name, all_seconds * 1e3,
               all_macs / all_seconds * 1e-9);
}

int main(int argc, char **argv)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)(i * 3 / 4 + 20);
    for (size_t i = 0; i < ork_conv_kernel_count(); i++) {
        const ork_conv_kernel *kernel = ork_conv_kernel_at(i);
        bool wanted = argc < 2 ? kernel->isa != ORK_ISA_C : strstr(kernel->name, argv[1]) != NULL;
        if (wanted && (ork_cpu_features() >> kernel->isa & 1))
            bench_kernel(kernel, table, argc > 2);
    }
    return 0;
}
