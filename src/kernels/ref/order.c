/* SPDX-License-Identifier: Apache-2.0 */
/* The order of elements along an axis. */
#include "../internal.h"

/* Elements of one line: from `at` on, `step` elements apart. */
typedef struct line {
    const ork_order *order;
    const void *in;
    int64_t at, step;
} line;

static line line_of(const ork_order *order, const void *in, int64_t unit)
{
    const ork_axis *axis = &order->axis;
    return (line){order, in, unit / axis->inner * axis->length * axis->inner + unit % axis->inner,
                  axis->inner};
}

static int compare_floats(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

/* Whether element a must come before element b. */
static bool comes_before(const line *l, int64_t a, int64_t b)
{
    ork_dtype dtype = l->order->dtype;
    int64_t i = l->at + a * l->step, k = l->at + b * l->step;
    int compared;
    if (ork_dtype_table[dtype].is_float) {
        compared =
            compare_floats(ork_element_get(dtype, l->in, i), ork_element_get(dtype, l->in, k));
    } else {
        int64_t x = ork_element_get_int(dtype, l->in, i), y = ork_element_get_int(dtype, l->in, k);
        compared = (x > y) - (x < y);
    }
    return l->order->descending ? compared > 0 : compared < 0;
}

void ork_arg_first_run(const ork_order *order, const void *in, int64_t *out, int64_t begin,
                       int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        line l = line_of(order, in, i);
        out[i] = 0;
        for (int64_t k = 1; k < order->axis.length; k++)
            if (comes_before(&l, k, out[i]))
                out[i] = k;
    }
}

/* Merges [begin, middle) and [middle, end) of `from`. */
static void merge(const line *l, const int64_t *from, int64_t *to, int64_t begin, int64_t middle,
                  int64_t end)
{
    int64_t left = begin, right = middle;
    for (int64_t i = begin; i < end; i++) {
        bool takes_right =
            right < end && (left >= middle || comes_before(l, from[right], from[left]));
        to[i] = takes_right ? from[right++] : from[left++];
    }
}

/* Merge sort from short runs to long ones: it keeps the order of equal elements. */
static const int64_t *sort(const line *l, int64_t length, int64_t *from, int64_t *to)
{
    for (int64_t i = 0; i < length; i++)
        from[i] = i;
    for (int64_t width = 1; width < length; width *= 2) {
        for (int64_t begin = 0; begin < length; begin += 2 * width)
            merge(l, from, to, begin, ork_min64(begin + width, length),
                  ork_min64(begin + 2 * width, length));
        int64_t *other = from;
        from = to;
        to = other;
    }
    return from;
}

void ork_arg_sort_run(const ork_order *order, const void *in, int64_t *out, int64_t begin,
                      int64_t end, int64_t *scratch)
{
    int64_t length = order->axis.length;
    for (int64_t i = begin; i < end; i++) {
        line l = line_of(order, in, i);
        const int64_t *sorted = sort(&l, length, scratch, scratch + length);
        for (int64_t k = 0; k < length; k++)
            out[l.at + k * l.step] = sorted[k];
    }
}
