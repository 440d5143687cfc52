/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions over any set of dimensions, and matrix products. */
#include "../internal.h"

static int64_t offset_of(int rank, const int64_t *dim, const int64_t *stride, int64_t index)
{
    int64_t offset = 0;
    for (int i = rank - 1; i >= 0; i--) {
        offset += index % dim[i] * stride[i];
        index /= dim[i];
    }
    return offset;
}

static double start_of(ork_reduce_op op)
{
    return op == ORK_REDUCE_PROD  ? 1
           : op == ORK_REDUCE_MAX ? -INFINITY
                                  : (op == ORK_REDUCE_MIN ? INFINITY : 0);
}

static double accumulate(ork_reduce_op op, double sum, double value)
{
    switch (op) {
    case ORK_REDUCE_MAX:
        return value > sum || isnan(value) ? value : sum;
    case ORK_REDUCE_MIN:
        return value < sum || isnan(value) ? value : sum;
    case ORK_REDUCE_PROD:
        return sum * value;
    case ORK_REDUCE_L2:
        return sum + value * value;
    case ORK_REDUCE_SUM:
    case ORK_REDUCE_MEAN:
        break;
    }
    return sum + value;
}

static double reduce_one(const ork_reduce *r, const void *in, int64_t base, int64_t count)
{
    bool is_float = r->dtype == ORK_F32;
    int32_t zero = is_float ? 0 : ork_quant_zero(&r->in_quant);
    double sum = start_of(r->op), step = is_float ? 1 : ork_quant_step64(&r->in_quant);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = base + offset_of(r->inner_rank, r->inner_dim, r->inner_stride, i);
        double value = is_float ? (double)((const float *)in)[at]
                                : (ork_load_int(r->dtype, in, at) - zero) * step;
        sum = accumulate(r->op, sum, value);
    }
    if (r->op == ORK_REDUCE_L2)
        return sqrt(sum);
    return r->op == ORK_REDUCE_MEAN ? sum / (double)count : sum;
}

void ork_reduce_run(const ork_reduce *r, const void *in, void *out, int64_t begin, int64_t end)
{
    int64_t count = 1;
    for (int i = 0; i < r->inner_rank; i++)
        count *= r->inner_dim[i];
    for (int64_t i = begin; i < end; i++) {
        int64_t base = offset_of(r->kept_rank, r->kept_dim, r->kept_stride, i);
        double value = reduce_one(r, in, base, count);
        if (r->dtype == ORK_F32) {
            ((float *)out)[i] = (float)value;
            continue;
        }
        int32_t min, max, zero = ork_quant_zero(&r->out_quant);
        ork_dtype_range(r->dtype, &min, &max);
        double scaled = rint(value / ork_quant_step64(&r->out_quant)) + zero;
        ork_store_int(r->dtype, out, i, ork_saturate_even(scaled, min, max, zero));
    }
}

/* Row by row of b, so that b is read in order; float32 sums in the order of k. */
void ork_matmul_operands(const ork_matmul *m, int64_t row, const float *a, const float *b,
                         const float **left, const float **right)
{
    const int64_t batch = row / m->m;
    *left = a + offset_of(m->batch_rank, m->batch_dim, m->a_batch_stride, batch) +
            row % m->m * m->a_row_stride;
    *right = b + offset_of(m->batch_rank, m->batch_dim, m->b_batch_stride, batch);
}

void ork_matmul_ref(const ork_matmul *m, const float *a, const float *b, float *out, int64_t begin,
                    int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        const float *left, *right;
        ork_matmul_operands(m, row, a, b, &left, &right);
        float *to = out + row * m->n;
        for (int64_t j = 0; j < m->n; j++)
            to[j] = m->bias ? m->bias[j] : 0.0f;
        for (int64_t k = 0; k < m->k; k++) {
            float factor = left[k * m->a_column_stride];
            const float *line = right + k * m->b_row_stride;
            for (int64_t j = 0; j < m->n; j++)
                to[j] += factor * line[j * m->b_column_stride];
        }
    }
}
