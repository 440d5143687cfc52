/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses rows of kernels.def. */
#include "internal.h"

#include <assert.h>

static const ork_conv_kernel conv_kernels[] = {
#define ORK_CONV_KERNEL(kind, dtype, isa, name, supports, packed_bytes, pack, scratch_bytes, run)  \
    {name, ORK_CONV_##kind, ORK_##dtype, ORK_ISA_##isa, supports, packed_bytes,                    \
     pack, scratch_bytes,   run},
#define ORK_RUN_KERNEL(op, isa, function)
#include "kernels.def"
#undef ORK_CONV_KERNEL
#undef ORK_RUN_KERNEL
};

size_t ork_conv_kernel_count(void)
{
    return ORK_COUNT(conv_kernels);
}

const ork_conv_kernel *ork_conv_kernel_at(size_t index)
{
    assert(index < ORK_COUNT(conv_kernels));
    return &conv_kernels[index];
}

const ork_conv_kernel *ork_conv_select(const ork_conv *conv)
{
    uint32_t features = ork_cpu_features();
    for (size_t i = 0; i < ORK_COUNT(conv_kernels); i++) {
        const ork_conv_kernel *kernel = &conv_kernels[i];
        if (kernel->kind == conv->kind && kernel->dtype == conv->dtype &&
            (features >> kernel->isa & 1) && kernel->supports(conv))
            return kernel;
    }
    assert(false && "every kind and type has a C row");
    return NULL;
}

/* Rows whose tiles are more than one output row high, by the beginning of their names. */
static const struct tall {
    const char *name;
    int64_t rows;
} tall[] = {{"f32_winograd_", 4}, {"u8_winograd_", 4}, {"i8_winograd_", 4}};

int64_t ork_conv_rows_together(const ork_conv_kernel *kernel)
{
    for (size_t i = 0; i < ORK_COUNT(tall); i++)
        if (strncmp(kernel->name, tall[i].name, strlen(tall[i].name)) == 0)
            return tall[i].rows;
    return 1;
}

/* The other operators: rows of all, tagged by operator, in the order of the list. */
typedef enum operator_id {
    OP_UNARY,
    OP_TABLE8,
    OP_CONVERT,
    OP_POOLING,
    OP_BINARY,
    OP_MATMUL,
    OP_PEAK,
    OP_DENSE_PLACES,
    OP_DEPTHWISE_PLACES,
    OP_DEPTHWISE3_PLACES,
    OP_SUM_PLACES,
    NUMBERS_ALONE
} operator_id;
typedef void (*any_fn)(void);
static const struct run_kernel {
    operator_id op;
    ork_isa isa;
    any_fn function;
} run_kernels[] = {
#define ORK_CONV_KERNEL(kind, dtype, isa, name, supports, packed_bytes, pack, scratch_bytes, run)
#define ORK_RUN_KERNEL(op, isa, function) {OP_##op, ORK_ISA_##isa, (any_fn)function},
#include "kernels.def"
#undef ORK_CONV_KERNEL
#undef ORK_RUN_KERNEL
};

/* How each packing is written, by the beginning of its kernel's name: the version goes up with
   every change. `places` are looked at where the kernel's set has them. */
static const struct packing {
    const char *name;
    uint32_t version;
    operator_id places;
} packings[] = {
    {"u8_dense_c", 1, OP_SUM_PLACES},
    {"i8_dense_c", 1, OP_SUM_PLACES},
    {"u8_depthwise_c", 1, OP_SUM_PLACES},
    {"i8_depthwise_c", 1, OP_SUM_PLACES},
    {"u8_transposed_c", 1, OP_SUM_PLACES},
    {"i8_transposed_c", 1, OP_SUM_PLACES},
    {"u8_dense_", 1, OP_DENSE_PLACES},
    {"i8_dense_", 1, OP_DENSE_PLACES},
    {"u8_depthwise3_", 1, OP_DEPTHWISE3_PLACES},
    {"i8_depthwise3_", 1, OP_DEPTHWISE3_PLACES},
    {"u8_depthwise_", 1, OP_DEPTHWISE_PLACES},
    {"i8_depthwise_", 1, OP_DEPTHWISE_PLACES},
    {"u8_winograd_", 1, NUMBERS_ALONE},
    {"i8_winograd_", 1, NUMBERS_ALONE},
    {"i16_", 1, NUMBERS_ALONE},
    {"f32_", 1, NUMBERS_ALONE},
};

static const struct packing *packing_of(const ork_conv_kernel *kernel)
{
    size_t i = 0;
    while (strncmp(kernel->name, packings[i].name, strlen(packings[i].name)) != 0)
        if (++i == ORK_COUNT(packings))
            assert(false && "every kernel has a row");
    return &packings[i];
}

uint32_t ork_conv_packing_version(const ork_conv_kernel *kernel)
{
    return packing_of(kernel)->version;
}

bool ork_conv_packing_is_safe(const ork_conv_kernel *kernel, const ork_conv *conv,
                              const void *packed)
{
    const operator_id places = packing_of(kernel)->places;
    for (size_t i = 0; i < ORK_COUNT(run_kernels); i++)
        if (run_kernels[i].op == places && run_kernels[i].isa == kernel->isa)
            return ((ork_places *)run_kernels[i].function)(conv, packed);
    return true;
}

const ork_conv_kernel *ork_conv_kernel_named(const char *name)
{
    for (size_t i = 0; i < ORK_COUNT(conv_kernels); i++)
        if (strcmp(conv_kernels[i].name, name) == 0 &&
            (ork_cpu_features() >> conv_kernels[i].isa & 1))
            return &conv_kernels[i];
    return NULL;
}

/* Short tries, of which the best counts: others use the machine too. */
enum { PEAK_TRIES = 20 };
static const double PEAK_SECONDS = 0.5e-3;

static any_fn choose(operator_id op)
{
    uint32_t features = ork_cpu_features();
    for (size_t i = 0; i < ORK_COUNT(run_kernels); i++) {
        if (run_kernels[i].op == op && (features >> run_kernels[i].isa & 1))
            return run_kernels[i].function;
    }
    assert(false && "every operator has a C row");
    return NULL;
}

void ork_unary_run(const ork_unary *unary, const float *in, float *out, int64_t begin, int64_t end)
{
    ((ork_run_UNARY *)choose(OP_UNARY))(unary, in, out, begin, end);
}

void ork_table8_run(const ork_table_map *map, const uint8_t table[256], const uint8_t *in,
                    uint8_t *out, int64_t begin, int64_t end)
{
    ((ork_run_TABLE8 *)choose(OP_TABLE8))(map, table, in, out, begin, end);
}

void ork_convert_run(const ork_convert *convert, const void *in, void *out, int64_t begin,
                     int64_t end)
{
    ((ork_run_CONVERT *)choose(OP_CONVERT))(convert, in, out, begin, end);
}

void ork_pooling_run(const ork_pooling *pooling, const void *in, void *out, int64_t begin,
                     int64_t end)
{
    ((ork_run_POOLING *)choose(OP_POOLING))(pooling, in, out, begin, end);
}

void ork_binary_run(const ork_binary *binary, const void *a, const void *b, void *out,
                    int64_t begin, int64_t end)
{
    ((ork_run_BINARY *)choose(OP_BINARY))(binary, a, b, out, begin, end);
}

void ork_matmul_run(const ork_matmul *matmul, const float *a, const float *b, float *out,
                    int64_t begin, int64_t end)
{
    ((ork_run_MATMUL *)choose(OP_MATMUL))(matmul, a, b, out, begin, end);
}

double ork_peak_rate(ork_dtype dtype)
{
    ork_run_PEAK *run = (ork_run_PEAK *)choose(OP_PEAK);
    double best = 0;
    int64_t rounds = 1;
    for (int tries = 0; tries < PEAK_TRIES;) {
        const double start = ork_seconds(), macs = (double)run(dtype, rounds);
        const double seconds = ork_seconds() - start;
        if (seconds < PEAK_SECONDS) {
            rounds *= 2;
            continue;
        }
        best = macs / seconds > best ? macs / seconds : best;
        tries++;
    }
    return best;
}
