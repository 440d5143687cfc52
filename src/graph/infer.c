/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules. Each gets a node whose inputs are typed and computes the type of its output. */
#include "infer.h"

#include <stdlib.h>

static const ork_shape *shape_of(const ork_node *node, int port)
{
    return &node->inputs[port]->type.shape;
}

static bool misfit(ork_diag *diag, const ork_node *node, const char *why)
{
    char text[ORK_SHAPE_TEXT];
    ork_fail(diag, ORK_ERR_SHAPE, "%s cannot take an input of shape %s",
             ork_op_table[node->op].name, ork_shape_text(shape_of(node, 0), text, sizeof(text)));
    return ork_why(diag, "%s", why);
}

static bool start(const ork_node *node, ork_type *out)
{
    *out = (ork_type){.dtype = node->inputs[0]->type.dtype, .shape = *shape_of(node, 0)};
    return true;
}

bool ork_infer_same(const ork_node *node, ork_type *out, ork_diag *diag)
{
    (void)diag;
    return start(node, out);
}

/* Size after sliding a window; -1 when it does not fit once. Ceil mode drops a last window that
   would start in the padding behind the input, as PyTorch does. */
static int64_t windows(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                       int64_t after, bool ceil_mode)
{
    int64_t room = in + before + after - dilation * (kernel - 1) - 1;
    if (room < 0 || kernel < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0)
        return -1;
    int64_t count = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (ceil_mode && (count - 1) * stride >= in + before)
        count--;
    return count;
}

bool ork_infer_conv2d(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *x = shape_of(node, 0), *w = shape_of(node, 1);
    int64_t groups = node->attrs.conv2d.groups;
    if (x->rank != 4 || w->rank != 4)
        return misfit(diag, node, "input and weight must have 4 axes");
    if (groups < 1 || x->dim[1] != w->dim[1] * groups || w->dim[0] % groups != 0) {
        misfit(diag, node, "");
        return ork_why(diag,
                       "the weight wants %lld channels (%lld x %lld groups), the input has %lld",
                       (long long)(w->dim[1] * groups), (long long)w->dim[1], (long long)groups,
                       (long long)x->dim[1]);
    }
    out->shape.dim[1] = w->dim[0];
    for (int i = 0; i < 2; i++) {
        out->shape.dim[2 + i] =
            windows(x->dim[2 + i], w->dim[2 + i], node->attrs.conv2d.stride.v[i],
                    node->attrs.conv2d.dilation.v[i], node->attrs.conv2d.pad.v[i],
                    node->attrs.conv2d.pad.v[2 + i], false);
        if (out->shape.dim[2 + i] < 1)
            return misfit(diag, node, "the kernel is larger than the padded input");
    }
    return true;
}

bool ork_infer_conv_transpose2d(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *x = shape_of(node, 0), *w = shape_of(node, 1);
    int64_t groups = node->attrs.conv_transpose2d.groups;
    if (x->rank != 4 || w->rank != 4 || groups < 1 || x->dim[1] != w->dim[0] ||
        x->dim[1] % groups != 0)
        return misfit(diag, node, "the channels of input and weight do not agree");
    out->shape.dim[1] = w->dim[1] * groups;
    for (int i = 0; i < 2; i++) {
        int64_t stride = node->attrs.conv_transpose2d.stride.v[i];
        int64_t dilation = node->attrs.conv_transpose2d.dilation.v[i];
        int64_t size = (x->dim[2 + i] - 1) * stride + dilation * (w->dim[2 + i] - 1) + 1 +
                       node->attrs.conv_transpose2d.output_pad.v[i] -
                       node->attrs.conv_transpose2d.pad.v[i] -
                       node->attrs.conv_transpose2d.pad.v[2 + i];
        if (stride < 1 || dilation < 1 || size < 1)
            return misfit(diag, node, "the output would be empty");
        out->shape.dim[2 + i] = size;
    }
    return true;
}

bool ork_infer_linear(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *x = shape_of(node, 0), *w = shape_of(node, 1);
    if (x->rank < 1 || w->rank != 2 || x->dim[x->rank - 1] != w->dim[1])
        return misfit(diag, node, "the last axis must have as many elements as the weight's rows");
    out->shape.dim[x->rank - 1] = w->dim[0];
    return true;
}

/* Broadcasts axes [0, count) aligned at the right ends given. */
static bool broadcast(const ork_shape *a, int a_rank, const ork_shape *b, int b_rank,
                      ork_shape *out)
{
    int rank = a_rank > b_rank ? a_rank : b_rank;
    for (int i = 1; i <= rank; i++) {
        int64_t da = i <= a_rank ? a->dim[a_rank - i] : 1;
        int64_t db = i <= b_rank ? b->dim[b_rank - i] : 1;
        if (da != db && da != 1 && db != 1)
            return false;
        out->dim[rank - i] = da == 1 ? db : da;
    }
    out->rank = rank;
    return true;
}

bool ork_infer_matmul(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *a = shape_of(node, 0), *b = shape_of(node, 1);
    if (a->rank < 2 || b->rank < 2 || a->dim[a->rank - 1] != b->dim[b->rank - 2] ||
        !broadcast(a, a->rank - 2, b, b->rank - 2, &out->shape))
        return misfit(diag, node, "inner axes differ, or leading axes do not broadcast");
    out->shape.dim[out->shape.rank++] = a->dim[a->rank - 2];
    out->shape.dim[out->shape.rank++] = b->dim[b->rank - 1];
    return true;
}

bool ork_infer_pool2d(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    if (out->shape.rank != 4)
        return misfit(diag, node, "pooling needs 4 axes");
    for (int i = 0; i < 2; i++) {
        int64_t *size = &out->shape.dim[2 + i];
        *size =
            windows(*size, node->attrs.max_pool2d.kernel.v[i], node->attrs.max_pool2d.stride.v[i],
                    node->attrs.max_pool2d.dilation.v[i], node->attrs.max_pool2d.pad.v[i],
                    node->attrs.max_pool2d.pad.v[2 + i], node->attrs.max_pool2d.ceil_mode);
        if (*size < 1)
            return misfit(diag, node, "the window is larger than the padded input");
    }
    return true;
}

bool ork_infer_adaptive_pool2d(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    if (out->shape.rank != 4)
        return misfit(diag, node, "pooling needs 4 axes");
    for (int i = 0; i < 2; i++) {
        out->shape.dim[2 + i] = node->attrs.adaptive_avg_pool2d.size.v[i];
        if (out->shape.dim[2 + i] < 1 || shape_of(node, 0)->dim[2 + i] < 1)
            return misfit(diag, node, "the output would be empty");
    }
    return true;
}

bool ork_infer_binary(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *a = shape_of(node, 0), *b = shape_of(node, 1);
    if (broadcast(a, a->rank, b, b->rank, &out->shape))
        return true;
    char ta[ORK_SHAPE_TEXT], tb[ORK_SHAPE_TEXT];
    return ork_fail(diag, ORK_ERR_SHAPE, "%s cannot combine shapes %s and %s",
                    ork_op_table[node->op].name, ork_shape_text(a, ta, sizeof(ta)),
                    ork_shape_text(b, tb, sizeof(tb)));
}

bool ork_infer_compare(const ork_node *node, ork_type *out, ork_diag *diag)
{
    if (!ork_infer_binary(node, out, diag))
        return false;
    out->dtype = ORK_BOOL;
    return true;
}

bool ork_infer_where(const ork_node *node, ork_type *out, ork_diag *diag)
{
    const ork_shape *c = shape_of(node, 0), *a = shape_of(node, 1), *b = shape_of(node, 2);
    ork_shape ab = {0};
    *out = (ork_type){.dtype = node->inputs[1]->type.dtype};
    if (!broadcast(a, a->rank, b, b->rank, &ab) ||
        !broadcast(c, c->rank, &ab, ab.rank, &out->shape))
        return misfit(diag, node, "condition and values do not broadcast");
    return true;
}

bool ork_infer_reduce(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_ints *axes = &node->attrs.reduce_mean.axes;
    bool keep = node->attrs.reduce_mean.keep_dims;
    bool reduced[ORK_MAX_RANK] = {false};
    for (int i = 0; i < axes->count; i++) {
        if (axes->v[i] < 0 || axes->v[i] >= out->shape.rank)
            return misfit(diag, node, "an axis is out of range");
        reduced[axes->v[i]] = true;
    }
    int rank = 0;
    for (int i = 0; i < out->shape.rank; i++) {
        if (!reduced[i] || keep)
            out->shape.dim[rank++] = reduced[i] ? 1 : out->shape.dim[i];
    }
    out->shape.rank = rank;
    return true;
}

bool ork_infer_arg_extreme(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *x = shape_of(node, 0);
    int64_t axis = node->attrs.arg_max.axis;
    if (axis < 0 || axis >= x->rank || x->dim[axis] < 1)
        return misfit(diag, node, "the axis is out of range, or empty");
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (i != axis || node->attrs.arg_max.keep_dims)
            out->shape.dim[rank++] = i == axis ? 1 : x->dim[i];
    }
    out->shape.rank = rank;
    out->dtype = ORK_I64;
    return true;
}

bool ork_infer_top_k(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    int64_t axis = node->attrs.top_k.axis, k = node->attrs.top_k.k;
    if (axis < 0 || axis >= out->shape.rank || k < 0 || k > out->shape.dim[axis])
        return misfit(diag, node, "the axis is out of range, or has fewer elements");
    out->shape.dim[axis] = k;
    out->dtype = ORK_I64;
    return true;
}

bool ork_infer_running(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    int64_t axis = node->attrs.cum_sum.axis;
    if (axis < 0 || axis >= out->shape.rank)
        return misfit(diag, node, "the axis is out of range");
    return true;
}

bool ork_infer_scatter(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    if (!ork_shape_equal(shape_of(node, 1), shape_of(node, 2)))
        return misfit(diag, node, "there must be a place for each update");
    if (ork_shape_count(&out->shape) < 1 && ork_shape_count(shape_of(node, 1)) > 0)
        return misfit(diag, node, "there is no place to put them");
    if (node->inputs[2]->type.dtype != out->dtype)
        return misfit(diag, node, "updates have another type");
    return true;
}

bool ork_infer_concat(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    int64_t axis = node->attrs.concat.axis;
    if (axis < 0 || axis >= out->shape.rank)
        return misfit(diag, node, "the axis is out of range");
    for (int i = 1; i < node->input_count; i++) {
        const ork_shape *next = shape_of(node, i);
        for (int d = 0; d < out->shape.rank; d++) {
            if (next->rank != out->shape.rank || (d != axis && next->dim[d] != out->shape.dim[d])) {
                char text[ORK_SHAPE_TEXT];
                misfit(diag, node, "");
                return ork_why(diag, "input %d has shape %s", i,
                               ork_shape_text(next, text, sizeof(text)));
            }
        }
        out->shape.dim[axis] += next->dim[axis];
    }
    return true;
}

bool ork_infer_slice(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_ints *begin = &node->attrs.slice.begin, *end = &node->attrs.slice.end,
                   *step = &node->attrs.slice.step;
    if (begin->count != out->shape.rank || end->count != begin->count ||
        step->count != begin->count)
        return misfit(diag, node, "begin, end and step must name every axis");
    for (int i = 0; i < begin->count; i++) {
        if (step->v[i] < 1 || begin->v[i] < 0 || end->v[i] < begin->v[i] ||
            end->v[i] > out->shape.dim[i])
            return misfit(diag, node, "the range lies outside of the input");
        out->shape.dim[i] = (end->v[i] - begin->v[i] + step->v[i] - 1) / step->v[i];
    }
    return true;
}

static bool take_shape(const ork_ints *from, ork_shape *to)
{
    *to = ork_shape_of(from->count, from->v);
    for (int i = 0; i < to->rank; i++)
        if (to->dim[i] < 0)
            return false;
    return true;
}

bool ork_infer_reshape(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    size_t bytes;
    if (!take_shape(&node->attrs.reshape.shape, &out->shape) ||
        !ork_shape_bytes(&out->shape, out->dtype, &bytes) ||
        ork_shape_count(&out->shape) != ork_shape_count(shape_of(node, 0))) {
        char text[ORK_SHAPE_TEXT];
        misfit(diag, node, "");
        return ork_why(diag, "it does not have as many elements as %s",
                       ork_shape_text(&out->shape, text, sizeof(text)));
    }
    return true;
}

bool ork_infer_transpose(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_ints *perm = &node->attrs.transpose.perm;
    unsigned seen = 0;
    for (int i = 0; i < perm->count; i++) {
        if (perm->v[i] < 0 || perm->v[i] >= out->shape.rank)
            return misfit(diag, node, "an axis is out of range");
        seen |= 1u << perm->v[i];
        out->shape.dim[i] = shape_of(node, 0)->dim[perm->v[i]];
    }
    if (perm->count != out->shape.rank || seen != (1u << perm->count) - 1)
        return misfit(diag, node, "perm must name every axis once");
    return true;
}

bool ork_infer_expand(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    ork_shape wanted, result = {0};
    const ork_shape *x = shape_of(node, 0);
    if (!take_shape(&node->attrs.expand.shape, &wanted) ||
        !broadcast(x, x->rank, &wanted, wanted.rank, &result) || !ork_shape_equal(&result, &wanted))
        return misfit(diag, node, "it does not broadcast to the shape wanted");
    out->shape = wanted;
    return true;
}

bool ork_infer_pad(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_ints *before = &node->attrs.pad.before, *after = &node->attrs.pad.after;
    if (before->count != out->shape.rank || after->count != out->shape.rank)
        return misfit(diag, node, "before and after must name every axis");
    for (int i = 0; i < before->count; i++) {
        int64_t size = out->shape.dim[i];
        bool reflect = node->attrs.pad.mode == 1;
        if (before->v[i] < 0 || after->v[i] < 0 ||
            (reflect && (before->v[i] >= size || after->v[i] >= size) &&
             before->v[i] + after->v[i] > 0))
            return misfit(diag, node, "the padding is negative or too wide to reflect");
        out->shape.dim[i] = size + before->v[i] + after->v[i];
    }
    return true;
}

bool ork_infer_resize(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const int64_t *size = node->attrs.resize.size.v;
    if (out->shape.rank != 4 || size[0] < 1 || size[1] < 1)
        return misfit(diag, node, "resizing needs 4 axes and a positive size");
    out->shape.dim[2] = size[0];
    out->shape.dim[3] = size[1];
    return true;
}

bool ork_infer_gather(const ork_node *node, ork_type *out, ork_diag *diag)
{
    start(node, out);
    const ork_shape *x = shape_of(node, 0), *index = shape_of(node, 1);
    int64_t axis = node->attrs.gather.axis;
    if (axis < 0 || axis >= x->rank || x->rank - 1 + index->rank > ORK_MAX_RANK)
        return misfit(diag, node, "the axis is out of range");
    out->shape.rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (i != axis) {
            out->shape.dim[out->shape.rank++] = x->dim[i];
            continue;
        }
        for (int j = 0; j < index->rank; j++)
            out->shape.dim[out->shape.rank++] = index->dim[j];
    }
    return true;
}

bool ork_infer_cast(const ork_node *node, ork_type *out, ork_diag *diag)
{
    (void)diag;
    start(node, out);
    out->dtype = node->attrs.cast.dtype;
    return true;
}

/* The type of a conversion is what its creator says; the shape stays. */
bool ork_infer_convert(const ork_node *node, ork_type *out, ork_diag *diag)
{
    (void)diag;
    start(node, out);
    if (node->output)
        out->dtype = node->output->type.dtype;
    return true;
}
