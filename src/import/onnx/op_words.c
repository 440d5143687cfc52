/* SPDX-License-Identifier: Apache-2.0 */
/* TfIdfVectorizer: how often known sequences of numbers occur in a row of them. */
#include "onnx.h"

#include <string.h>

enum { MOST_COMPARISONS = 1 << 16 }; /* one for each known sequence, place and distance */

typedef struct counter {
    ork_onnx *onnx;
    const ork_onnx_call *call;
    ork_value *x;        /* rows x length, i64 */
    const int64_t *pool; /* of sequences, behind each other */
    const ork_onnx_attribute *starts, *indexes, *weights;
    int64_t pool_size, fewest, most, skips, comparisons;
    ork_value **columns; /* of the output: how often each sequence occurs, rows x 1 */
    int64_t width;
    int mode;
} counter;

static const char *const modes[] = {"TF", "IDF", "TFIDF"};
enum { TF, IDF, TFIDF };

static ork_value *add2(const counter *c, ork_op op, ork_value *a, ork_value *b)
{
    return ork_build_add2(c->onnx->build, op, a, b);
}

/* Where the sequence stands with `distance` between its elements: rows x places, 1 or 0. */
static ork_value *found(const counter *c, const int64_t *sequence, int64_t length, int64_t distance)
{
    int64_t places = c->x->type.shape.dim[1] - (length - 1) * distance;
    ork_value *all = NULL;
    for (int64_t i = 0; i < length; i++) {
        ork_value *part =
            ork_build_slice(c->onnx->build, c->x, 1, i * distance, i * distance + places, 1);
        part = add2(c, ORK_OP_EQUAL, part,
                    ork_build_scalar(c->onnx->build, ORK_I64, (double)sequence[i]));
        all = i == 0 ? part : add2(c, ORK_OP_LOGICAL_AND, all, part);
        if (!all)
            return NULL;
    }
    return ork_build_cast(c->onnx->build, all, ORK_F32);
}

/* Counts one sequence at all distances; alone an element has none. */
static bool count_sequence(counter *c, const int64_t *sequence, int64_t length, int64_t column)
{
    ork_ints places = {.count = 1, .v = {1}};
    int64_t row = c->x->type.shape.dim[1];
    for (int64_t distance = 1; distance <= (length == 1 ? 1 : c->skips + 1); distance++) {
        if ((length - 1) * distance >= row)
            break;
        if (++c->comparisons > MOST_COMPARISONS)
            return ork_build_unsupported(c->onnx->build, "with so many sequences") != NULL;
        ork_value *here = found(c, sequence, length, distance);
        here =
            here ? ork_build_reduce(c->onnx->build, ORK_OP_REDUCE_SUM, here, &places, true) : NULL;
        if (here && c->columns[column])
            here = add2(c, ORK_OP_ADD, c->columns[column], here);
        if (!(c->columns[column] = here))
            return false;
    }
    return true;
}

static bool count_all(counter *c)
{
    size_t sequence = 0;
    for (size_t i = 0; i < c->starts->integers.count; i++) {
        int64_t length = (int64_t)i + 1, begin = c->starts->integers.items[i];
        int64_t end =
            i + 1 < c->starts->integers.count ? c->starts->integers.items[i + 1] : c->pool_size;
        if (begin < 0 || end > c->pool_size || end < begin || (end - begin) % length != 0)
            return ork_build_bad_shape(c->onnx->build, "counts that do not fit its pool") != NULL;
        for (; begin < end; begin += length, sequence++) {
            if (sequence >= c->indexes->integers.count ||
                c->indexes->integers.items[sequence] < 0 ||
                c->indexes->integers.items[sequence] >= c->width)
                return ork_build_bad_shape(c->onnx->build, "an index outside of its output") !=
                       NULL;
            if (length >= c->fewest && length <= c->most &&
                !count_sequence(c, c->pool + begin, length, c->indexes->integers.items[sequence]))
                return false;
        }
    }
    return true;
}

/* Weights come in the order of the sequences. */
static double weight_of_column(const counter *c, int64_t column)
{
    for (size_t i = 0; c->weights && i < c->weights->numbers.count; i++)
        if (i < c->indexes->integers.count && c->indexes->integers.items[i] == column)
            return (double)c->weights->numbers.items[i];
    return 1;
}

static ork_value *finished(const counter *c, int64_t column)
{
    ork_shape shape = ork_shape_of(2, (int64_t[]){c->x->type.shape.dim[0], 1});
    ork_value *y = c->columns[column];
    if (!y)
        return ork_build_filled(c->onnx->build, ORK_F32, &shape, 0.0);
    if (c->mode == IDF)
        y = ork_build_cast(c->onnx->build, ork_onnx_with_number(c->onnx, ORK_OP_GREATER, y, 0.0),
                           ORK_F32);
    return c->mode == TF
               ? y
               : ork_onnx_with_number(c->onnx, ORK_OP_MUL, y, weight_of_column(c, column));
}

static bool read_counter(ork_onnx *onnx, const ork_onnx_call *call, counter *c)
{
    const ork_onnx_attribute *pool = ork_onnx_attribute_of(call, "pool_int64s");
    const ork_shape *shape = &call->in[0]->type.shape;
    *c = (counter){.onnx = onnx,
                   .call = call,
                   .starts = ork_onnx_attribute_of(call, "ngram_counts"),
                   .indexes = ork_onnx_attribute_of(call, "ngram_indexes"),
                   .weights = ork_onnx_attribute_of(call, "weights"),
                   .fewest = ork_onnx_int(call, "min_gram_length", 1),
                   .most = ork_onnx_int(call, "max_gram_length", 1),
                   .skips = ork_onnx_int(call, "max_skip_count", 0)};
    if (!pool || !c->starts || !c->indexes || c->skips < 0 || c->skips > INT16_MAX)
        return ork_build_unsupported(onnx->build, "of other things than whole numbers") != NULL;
    if (shape->rank < 1 || shape->rank > 2)
        return ork_build_bad_shape(onnx->build, "a tensor with %d axes", shape->rank) != NULL;
    c->pool = pool->integers.items;
    c->pool_size = (int64_t)pool->integers.count;
    for (size_t i = 0; i < c->indexes->integers.count; i++)
        if (c->indexes->integers.items[i] >= c->width)
            c->width = c->indexes->integers.items[i] + 1;
    if (c->width < 1 || c->width > MOST_COMPARISONS)
        return ork_build_unsupported(onnx->build, "with so many sequences") != NULL;
    int64_t rows[] = {shape->rank == 2 ? shape->dim[0] : 1, shape->dim[shape->rank - 1]};
    c->x = ork_build_cast(onnx->build, ork_build_reshape_to(onnx->build, call->in[0], 2, rows),
                          ORK_I64);
    c->columns = ORK_NEW_ARRAY(onnx->arena, ork_value *, (size_t)c->width);
    return c->x && ork_onnx_choice(onnx, call, "mode", modes, ORK_COUNT(modes), TF, &c->mode);
}

ORK_ONNX_HANDLER(count_sequences)
{
    counter c;
    int rank = call->in[0]->type.shape.rank;
    if (!read_counter(onnx, call, &c) || !count_all(&c))
        return false;
    ork_value **parts = ORK_NEW_ARRAY(onnx->arena, ork_value *, (size_t)c.width);
    for (int64_t i = 0; i < c.width; i++)
        parts[i] = finished(&c, i);
    ork_value *y = ork_build_concat(onnx->build, parts, (int)c.width, 1);
    return ork_onnx_result(call, rank == 1 ? ork_build_reshape_to(onnx->build, y, 1, &c.width) : y);
}
