/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that choose which element goes where: select, gather, padding. */
#include "../internal.h"

static void move(size_t size, void *out, int64_t to, const void *in, int64_t from)
{
    memcpy((char *)out + to * (int64_t)size, (const char *)in + from * (int64_t)size, size);
}

void ork_select_run(const ork_select *s, const void *condition, const void *a, const void *b,
                    void *out, int64_t begin, int64_t end)
{
    const ork_loop *loop = &s->loop;
    int last = loop->rank - 1;
    for (int64_t row = begin; row < end; row++) {
        int64_t at[ORK_LOOP_OPERANDS];
        ork_loop_offsets(loop, row, at);
        for (int64_t i = 0; i < loop->dim[last]; i++) {
            bool first = ork_element_get(s->condition, condition, at[1]) != 0.0;
            move(s->element_size, out, at[0], first ? a : b, at[first ? 2 : 3]);
            for (int k = 0; k < ORK_LOOP_OPERANDS; k++)
                at[k] += loop->stride[k][last];
        }
    }
}

void ork_gather_run(const ork_gather *g, const void *in, const void *index, void *out,
                    int64_t begin, int64_t end)
{
    int64_t bytes = g->inner * (int64_t)g->element_size;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = ork_element_get_int(g->index, index, i % g->count);
        at += at < 0 ? g->size : 0;
        at = ork_max64(0, ork_min64(at, g->size - 1)) + i / g->count * g->size;
        memcpy((char *)out + i * bytes, (const char *)in + at * bytes, (size_t)bytes);
    }
}

static const ork_binary_op combinations[] = {
    [ORK_SCATTER_ADD] = ORK_BINARY_ADD,
    [ORK_SCATTER_MUL] = ORK_BINARY_MUL,
    [ORK_SCATTER_MAX] = ORK_BINARY_MAXIMUM,
    [ORK_SCATTER_MIN] = ORK_BINARY_MINIMUM,
};

static void combine(const ork_scatter *s, void *out, int64_t to, const void *updates, int64_t from)
{
    ork_binary_op op = combinations[s->mode];
    if (ork_dtype_table[s->dtype].is_float) {
        double a = ork_element_get(s->dtype, out, to), b = ork_element_get(s->dtype, updates, from);
        ork_element_set(s->dtype, out, to, ork_binary_table[op].evaluate(a, b));
        return;
    }
    bool known;
    int64_t a = ork_element_get_int(s->dtype, out, to);
    int64_t b = ork_element_get_int(s->dtype, updates, from);
    ork_store_whole(s->dtype, out, to, ork_binary_whole(op, a, b, &known));
}

void ork_scatter_run(const ork_scatter *s, const void *in, const void *index, const void *updates,
                     void *out)
{
    size_t element = ork_dtype_table[s->dtype].size;
    memcpy(out, in, (size_t)s->size * element);
    for (int64_t i = 0; i < s->count; i++) {
        int64_t at = ork_element_get_int(s->index, index, i);
        at += at < 0 ? s->size : 0;
        if (at < 0 || at >= s->size)
            continue;
        if (s->mode == ORK_SCATTER_SET)
            move(element, out, at, updates, i);
        else
            combine(s, out, at, updates, i);
    }
}

/* ---- padding ---- */

int64_t ork_padding_source(ork_padding_mode mode, int64_t index, int64_t size)
{
    if (index >= 0 && index < size)
        return index;
    if (mode == ORK_PADDING_CONSTANT)
        return -1;
    if (mode == ORK_PADDING_REPLICATE)
        return index < 0 ? 0 : size - 1;
    return index < 0 ? -index : 2 * (size - 1) - index;
}

typedef struct padded_row {
    int64_t from, to; /* elements; from is below 0 when the row is all padding */
} padded_row;

static padded_row find_row(const ork_padding *p, int64_t row)
{
    padded_row found = {0, 0};
    for (int i = p->rank - 2; i >= 0; i--) {
        int64_t index = row % p->out_dim[i];
        row /= p->out_dim[i];
        found.to += index * p->out_stride[i];
        int64_t source = ork_padding_source(p->mode, index - p->before[i], p->in_dim[i]);
        if (source < 0)
            found.from = -1;
        else if (found.from >= 0)
            found.from += source * p->in_stride[i];
    }
    return found;
}

/* Elements [begin, end) of a row, one by one. */
static void pad_elements(const ork_padding *p, padded_row row, const void *in, void *out,
                         int64_t begin, int64_t end)
{
    int last = p->rank - 1;
    for (int64_t i = begin; i < end; i++) {
        int64_t source = ork_padding_source(p->mode, i - p->before[last], p->in_dim[last]);
        bool inside = source >= 0 && row.from >= 0;
        move(p->element_size, out, row.to + i * p->out_stride[last], inside ? in : p->value,
             inside ? row.from + source * p->in_stride[last] : 0);
    }
}

void ork_padding_run(const ork_padding *p, const void *in, void *out, int64_t begin, int64_t end)
{
    int last = p->rank - 1;
    int64_t size = (int64_t)p->element_size, length = p->out_dim[last], before = p->before[last];
    int64_t first = ork_min64(length, ork_max64(0, before));
    int64_t stop = ork_max64(first, ork_min64(length, before + p->in_dim[last]));
    bool runs = p->in_stride[last] == 1 && p->out_stride[last] == 1;
    for (int64_t i = begin; i < end; i++) {
        padded_row row = find_row(p, i);
        if (!runs || row.from < 0) {
            pad_elements(p, row, in, out, 0, length);
            continue;
        }
        pad_elements(p, row, in, out, 0, first);
        memcpy((char *)out + (row.to + first) * size,
               (const char *)in + (row.from + first - before) * size,
               (size_t)((stop - first) * size));
        pad_elements(p, row, in, out, stop, length);
    }
}
