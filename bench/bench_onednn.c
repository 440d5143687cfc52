/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of bytes beside oneDNN, layer by layer, one thread, in turn:
   bench_onednn [avx2 | avx512 | vnni], the best instruction set that either may use.

   oneDNN computes u8 by s8 with one scale, its fastest form; ours are u8 by u8 with zero points, as
   the chips have them. Neither has an activation. Told are medians of rounds, of processor time.
   Built where oneDNN 2 and OpenMP are installed. */
#include "shapes.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5 };
static const double ROUND_SECONDS = 4e-3;

/* Of YOLOX-nano at 416 x 416, MobileNetV2 at 224 x 224 and YOLOX-s at 640 x 640. */
static const struct layer {
    int64_t groups, in_c, in_size, out_c, kernel, stride;
} layers[] = {
    {16, 16, 208, 16, 3, 2},   {16, 16, 104, 16, 3, 1},   {32, 32, 104, 32, 3, 2},
    {32, 32, 52, 32, 3, 1},    {64, 64, 52, 64, 3, 1},    {64, 64, 52, 64, 3, 2},
    {64, 64, 26, 64, 3, 1},    {128, 128, 26, 128, 3, 2}, {128, 128, 13, 128, 3, 1},
    {96, 96, 112, 96, 3, 2},   {144, 144, 56, 144, 3, 1}, {192, 192, 28, 192, 3, 1},
    {384, 384, 14, 384, 3, 1}, {960, 960, 7, 960, 3, 1},  {1, 64, 160, 64, 1, 1},
    {1, 128, 80, 128, 1, 1},   {1, 512, 20, 512, 1, 1},   {1, 32, 320, 64, 3, 2},
    {1, 128, 80, 256, 3, 2},   {1, 64, 160, 64, 3, 1},    {1, 128, 80, 128, 3, 1},
    {1, 256, 40, 256, 3, 1},   {1, 512, 20, 512, 3, 1},
};

static int64_t out_size(const struct layer *l)
{
    return (l->in_size + l->kernel / 2 * 2 - l->kernel) / l->stride + 1;
}

static double macs_of(const struct layer *l)
{
    const double size = (double)out_size(l);
    return size * size * (double)(l->out_c * (l->in_c / l->groups) * l->kernel * l->kernel);
}

static void *random_bytes(size_t count)
{
    uint8_t *bytes = ork_data_alloc(count);
    for (size_t i = 0; bytes && i < count; i++)
        bytes[i] = (uint8_t)(rand() % 256);
    if (!bytes)
        abort();
    return bytes;
}

/* ---- ours ---- */

typedef struct own {
    ork_conv conv;
    const ork_conv_kernel *kernel;
    void *in, *out, *weights, *packed, *scratch;
} own;

static own own_new(const struct layer *l)
{
    const int64_t size = out_size(l);
    own o = {.conv = {.dtype = ORK_U8, .weight_dtype = ORK_U8}};
    o.conv.shape =
        square_convolution(l->groups, l->in_c, l->in_size, l->out_c, l->kernel, l->stride);
    o.conv.kind = ork_conv_kind_of(&o.conv.shape);
    o.conv.requant = (ork_requant){
        .multiplier = 1e-3f, .in_zero = 120, .weight_zero = 130, .out_zero = 128, .clamp_max = 255};
    o.conv.weights = o.weights =
        random_bytes((size_t)(l->out_c * (l->in_c / l->groups) * l->kernel * l->kernel));
    o.in = random_bytes((size_t)(l->in_size * l->in_size * l->in_c));
    o.out = random_bytes((size_t)(size * size * l->out_c));
    o.kernel = ork_conv_select(&o.conv);
    o.packed = random_bytes(o.kernel->packed_bytes(&o.conv));
    o.scratch = random_bytes(o.kernel->scratch_bytes(&o.conv) + 64);
    o.kernel->pack(&o.conv, o.packed);
    return o;
}

static void own_free(own *o)
{
    void *const all[] = {o->in, o->out, o->weights, o->packed, o->scratch};
    for (size_t i = 0; i < ORK_COUNT(all); i++)
        ork_data_free(all[i]);
}

static void own_run(void *arg)
{
    own *o = arg;
    o->kernel->run(&o->conv, o->packed, o->in, o->out, 0, o->conv.shape.out_h, o->scratch);
}

/* ---- oneDNN ---- */

static void must(dnnl_status_t status)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "oneDNN failed: %d\n", (int)status);
    exit(1);
}

enum { OPERANDS = 3 };

typedef struct peer {
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t convolution;
    dnnl_exec_arg_t arguments[OPERANDS];
    void *data[OPERANDS];
} peer;

static void peer_describe(peer *p, dnnl_engine_t engine, const struct layer *l)
{
    const dnnl_dims_t in = {1, l->in_c, l->in_size, l->in_size};
    const dnnl_dims_t out = {1, l->out_c, out_size(l), out_size(l)};
    const dnnl_dims_t grouped = {l->groups, l->out_c / l->groups, l->in_c / l->groups, l->kernel,
                                 l->kernel};
    const dnnl_dims_t strides = {l->stride, l->stride}, pad = {l->kernel / 2, l->kernel / 2};
    const int is_grouped = l->groups > 1;
    dnnl_memory_desc_t x, w, y;
    dnnl_convolution_desc_t convolution;
    dnnl_primitive_attr_t attributes;
    const float scale = 1e-3f;
    must(dnnl_memory_desc_init_by_tag(&x, 4, in, dnnl_u8, dnnl_nhwc));
    must(dnnl_memory_desc_init_by_tag(&w, 4 + is_grouped, grouped + !is_grouped, dnnl_s8,
                                      dnnl_format_tag_any));
    must(dnnl_memory_desc_init_by_tag(&y, 4, out, dnnl_u8, dnnl_nhwc));
    must(dnnl_convolution_forward_desc_init(&convolution, dnnl_forward_inference,
                                            dnnl_convolution_auto, &x, &w, NULL, &y, strides, pad,
                                            pad));
    must(dnnl_primitive_attr_create(&attributes));
    must(dnnl_primitive_attr_set_output_scales(attributes, 1, 0, &scale));
    must(dnnl_primitive_desc_create(&p->description, &convolution, attributes, engine, NULL));
    must(dnnl_primitive_attr_destroy(attributes));
}

static peer peer_new(dnnl_engine_t engine, const struct layer *l)
{
    static const dnnl_query_t queries[OPERANDS] = {dnnl_query_src_md, dnnl_query_weights_md,
                                                   dnnl_query_dst_md};
    static const int names[OPERANDS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    peer p = {0};
    peer_describe(&p, engine, l);
    must(dnnl_primitive_create(&p.convolution, p.description));
    must(dnnl_stream_create(&p.stream, engine, dnnl_stream_default_flags));
    for (int i = 0; i < OPERANDS; i++) {
        const dnnl_memory_desc_t *memory =
            dnnl_primitive_desc_query_md(p.description, queries[i], 0);
        p.data[i] = random_bytes(dnnl_memory_desc_get_size(memory));
        p.arguments[i].arg = names[i];
        must(dnnl_memory_create(&p.arguments[i].memory, memory, engine, p.data[i]));
    }
    return p;
}

static const char *peer_name(const peer *p)
{
    const char *name = "";
    must(dnnl_primitive_desc_query(p->description, dnnl_query_impl_info_str, 0, (void *)&name));
    return name;
}

static void peer_free(peer *p)
{
    for (int i = 0; i < OPERANDS; i++) {
        must(dnnl_memory_destroy(p->arguments[i].memory));
        ork_data_free(p->data[i]);
    }
    must(dnnl_primitive_destroy(p->convolution));
    must(dnnl_primitive_desc_destroy(p->description));
    must(dnnl_stream_destroy(p->stream));
}

static void peer_run(void *arg)
{
    peer *p = arg;
    must(dnnl_primitive_execute(p->convolution, p->stream, OPERANDS, p->arguments));
    must(dnnl_stream_wait(p->stream));
}

/* ---- the table ---- */

/* Processor seconds of one call, from a round of them. */
static double time_round(void (*run)(void *), void *arg)
{
    int calls = 0;
    const double start = ork_thread_seconds();
    double spent = 0;
    for (; spent < ROUND_SECONDS; calls++, spent = ork_thread_seconds() - start)
        run(arg);
    return spent / calls;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static void bench_layer(dnnl_engine_t engine, const struct layer *l)
{
    own ours = own_new(l);
    peer theirs = peer_new(engine, l);
    double own_times[ROUNDS], peer_times[ROUNDS], ratios[ROUNDS];
    own_run(&ours);
    peer_run(&theirs);
    for (int i = 0; i < ROUNDS; i++) {
        own_times[i] = time_round(own_run, &ours);
        peer_times[i] = time_round(peer_run, &theirs);
        ratios[i] = peer_times[i] / own_times[i];
    }
    const double macs = macs_of(l) * 1e-9;
    printf("| %s %lldx%lld/%lld, %lld to %lld, %lld | %.1f | %.1f | %.2f | %s | %s |\n",
           l->groups > 1 ? "depthwise" : "dense", (long long)l->kernel, (long long)l->kernel,
           (long long)l->stride, (long long)l->in_c, (long long)l->out_c, (long long)l->in_size,
           macs / median(own_times), macs / median(peer_times), median(ratios), ours.kernel->name,
           peer_name(&theirs));
    fflush(stdout);
    own_free(&ours);
    peer_free(&theirs);
}

/* Both may use the set named and what it builds on. */
static bool limit(const char *name)
{
    static const struct {
        const char *name;
        ork_isa best;
        dnnl_cpu_isa_t peer;
    } sets[] = {{"avx2", ORK_ISA_AVX2, dnnl_cpu_isa_avx2},
                {"avx512", ORK_ISA_AVX512, dnnl_cpu_isa_avx512_core},
                {"vnni", ORK_ISA_VNNI, dnnl_cpu_isa_avx512_core_vnni}};
    for (size_t i = 0; i < ORK_COUNT(sets); i++) {
        if (strcmp(sets[i].name, name) != 0)
            continue;
        ork_cpu_limit((2u << sets[i].best) - 1);
        must(dnnl_set_max_cpu_isa(sets[i].peer));
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    dnnl_engine_t engine;
    if (argc > 1 && !limit(argv[1])) {
        fprintf(stderr, "bench_onednn [avx2 | avx512 | vnni]\n");
        return 2;
    }
    omp_set_num_threads(1);
    must(dnnl_engine_create(&engine, dnnl_cpu, 0));
    printf("| layer | OpenRKNN, GMAC/s | oneDNN, GMAC/s | faster | row | oneDNN's |\n"
           "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ORK_COUNT(layers); i++)
        bench_layer(engine, &layers[i]);
    must(dnnl_engine_destroy(engine));
    return 0;
}
