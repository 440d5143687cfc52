/* SPDX-License-Identifier: Apache-2.0 */
/* Order and running sums along one axis, of any type. */
#include "../internal.h"

static int64_t row_offset(const ork_axis *axis, int64_t unit)
{
    return unit / axis->inner * axis->length * axis->inner + unit % axis->inner;
}

/* ---- order ---- */

/* True when element `a` stands before element `b`; NaN is greater than all numbers. */
static bool precedes(const ork_order *o, const void *in, int64_t a, int64_t b)
{
    if (!ork_dtype_table[o->dtype].is_float) {
        int64_t x = ork_element_get_int(o->dtype, in, a), y = ork_element_get_int(o->dtype, in, b);
        return o->least ? x < y : x > y;
    }
    double x = ork_element_get(o->dtype, in, a), y = ork_element_get(o->dtype, in, b);
    if (isnan(x) || isnan(y))
        return o->least ? !isnan(x) : !isnan(y);
    return o->least ? x < y : x > y;
}

static int64_t first_of(const ork_order *o, const void *in, int64_t row)
{
    int64_t best = 0, step = o->axis.inner;
    for (int64_t i = 1; i < o->axis.length; i++) {
        bool wins = o->last ? !precedes(o, in, row + best * step, row + i * step)
                            : precedes(o, in, row + i * step, row + best * step);
        best = wins ? i : best;
    }
    return best;
}

/* Merges the sorted runs [begin, middle) and [middle, end) of `from` into `to`. */
static void merge(const ork_order *o, const void *in, int64_t row, const int64_t *from, int64_t *to,
                  int64_t begin, int64_t middle, int64_t end)
{
    int64_t step = o->axis.inner, left = begin, right = middle;
    for (int64_t i = begin; i < end; i++) {
        bool take_right =
            left == middle ||
            (right < end && precedes(o, in, row + from[right] * step, row + from[left] * step));
        to[i] = from[take_right ? right++ : left++];
    }
}

/* The places in order, in one half of scratch. */
static const int64_t *sorted(const ork_order *o, const void *in, int64_t row, int64_t *scratch)
{
    int64_t length = o->axis.length, *from = scratch, *to = scratch + length;
    for (int64_t i = 0; i < length; i++)
        from[i] = i;
    for (int64_t run = 1; run < length; run *= 2) {
        for (int64_t begin = 0; begin < length; begin += 2 * run)
            merge(o, in, row, from, to, begin, ork_min64(begin + run, length),
                  ork_min64(begin + 2 * run, length));
        int64_t *other = from;
        from = to;
        to = other;
    }
    return from;
}

void ork_order_run(const ork_order *o, const void *in, int64_t *out, int64_t begin, int64_t end,
                   int64_t *scratch)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t row = row_offset(&o->axis, i);
        int64_t *to = out + i / o->axis.inner * o->count * o->axis.inner + i % o->axis.inner;
        if (o->count == 1) {
            *to = first_of(o, in, row);
            continue;
        }
        const int64_t *places = sorted(o, in, row, scratch);
        for (int64_t k = 0; k < o->count; k++)
            to[k * o->axis.inner] = places[k];
    }
}

/* ---- running sums ---- */

static void running_whole(const ork_running *r, const void *in, void *out, int64_t row)
{
    uint64_t sum = r->is_product;
    for (int64_t i = 0; i < r->axis.length; i++) {
        int64_t at = row + (r->reverse ? r->axis.length - 1 - i : i) * r->axis.inner;
        uint64_t next = (uint64_t)ork_element_get_int(r->dtype, in, at);
        next = r->is_product ? sum * next : sum + next;
        ork_store_whole(r->dtype, out, at, (int64_t)(r->exclusive ? sum : next));
        sum = next;
    }
}

static void running_real(const ork_running *r, const void *in, void *out, int64_t row)
{
    double sum = r->is_product;
    for (int64_t i = 0; i < r->axis.length; i++) {
        int64_t at = row + (r->reverse ? r->axis.length - 1 - i : i) * r->axis.inner;
        double next = ork_element_get(r->dtype, in, at);
        next = r->is_product ? sum * next : sum + next;
        ork_element_set(r->dtype, out, at, r->exclusive ? sum : next);
        sum = next;
    }
}

void ork_running_run(const ork_running *r, const void *in, void *out, int64_t begin, int64_t end)
{
    bool is_float = ork_dtype_table[r->dtype].is_float;
    for (int64_t i = begin; i < end; i++)
        (is_float ? running_real : running_whole)(r, in, out, row_offset(&r->axis, i));
}
