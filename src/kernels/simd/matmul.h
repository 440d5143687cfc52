/* SPDX-License-Identifier: Apache-2.0 */
/* Template: matrix products of f32 whose right side lies row by row, or column by column; the
   others go to the reference. See lanes.h. */

enum { MATMUL_VECTORS = 4, MATMUL_PART = MATMUL_VECTORS * LANES };

/* One row times MATMUL_PART columns of a right side that lies row by row. */
static void matmul_part(const ork_matmul *m, const float *left, const float *right,
                        const float *bias, float *out)
{
    vec sum[MATMUL_VECTORS];
#pragma GCC unroll 16
    for (int v = 0; v < MATMUL_VECTORS; v++)
        sum[v] = bias ? vec_load(bias + v * LANES) : vec_of(0.0f);
    for (int64_t k = 0; k < m->k; k++, right += m->b_row_stride) {
        const vec x = vec_of(left[k * m->a_column_stride]);
#pragma GCC unroll 16
        for (int v = 0; v < MATMUL_VECTORS; v++)
            sum[v] = vec_fma(sum[v], x, vec_load(right + v * LANES));
    }
#pragma GCC unroll 16
    for (int v = 0; v < MATMUL_VECTORS; v++)
        vec_store(out + v * LANES, sum[v]);
}

/* One row times `count` columns, fewer than MATMUL_PART. */
static void matmul_rest(const ork_matmul *m, const float *left, const float *right,
                        const float *bias, float *out, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = bias ? bias[j] : 0.0f;
    for (int64_t k = 0; k < m->k; k++, right += m->b_row_stride) {
        const float x = left[k * m->a_column_stride];
        for (int64_t j = 0; j < count; j++)
            out[j] += x * right[j];
    }
}

/* The sum of the products of two runs of numbers. */
static float matmul_dot(const float *a, const float *b, int64_t count)
{
    vec sums = vec_of(0.0f);
    float total = 0.0f;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        sums = vec_fma(sums, vec_load(a + i), vec_load(b + i));
    for (int lane = 0; lane < LANES; lane++)
        total += sums[lane];
    for (; i < count; i++)
        total += a[i] * b[i];
    return total;
}

static void matmul_row(const ork_matmul *m, const float *left, const float *right, float *out)
{
    if (m->b_column_stride != 1) {
        for (int64_t j = 0; j < m->n; j++)
            out[j] = matmul_dot(left, right + j * m->b_column_stride, m->k) +
                     (m->bias ? m->bias[j] : 0.0f);
        return;
    }
    for (int64_t j = 0; j < m->n; j += MATMUL_PART) {
        const float *bias = m->bias ? m->bias + j : NULL;
        if (j + MATMUL_PART <= m->n)
            matmul_part(m, left, right + j, bias, out + j);
        else
            matmul_rest(m, left, right + j, bias, out + j, m->n - j);
    }
}

void ISA(ork_matmul)(const ork_matmul *m, const float *a, const float *b, float *out, int64_t begin,
                     int64_t end)
{
    const bool by_columns = m->b_row_stride == 1 && m->a_column_stride == 1;
    if (m->b_column_stride != 1 && !by_columns) {
        ork_matmul_ref(m, a, b, out, begin, end);
        return;
    }
    for (int64_t row = begin; row < end; row++) {
        const float *left, *right;
        ork_matmul_operands(m, row, a, b, &left, &right);
        matmul_row(m, left, right, out + row * m->n);
    }
}
