/* SPDX-License-Identifier: Apache-2.0 */
/* Transposes of more than four axes with at most four, since chips know no more: axes that keep
   together become one, and where that is not enough, one transpose becomes several. Shuffled
   channels and the windows of vision transformers take one, shuffled pixels two. */
#include "rewrite.h"

enum { MOST_AXES = 4 };

/* A transpose of groups of axes. */
typedef struct folding {
    int64_t dim[ORK_MAX_RANK]; /* of the groups, in the input's order */
    int perm[ORK_MAX_RANK], count;
} folding;

/* The next axis of more than one element behind `axis`; count when there is none. */
static int next_axis(const folding *f, int axis)
{
    do
        axis++;
    while (axis < f->count && f->dim[axis] == 1);
    return axis;
}

/* Makes one group of those that follow each other on both sides. Groups of 1 may stand anywhere,
   and go. */
static folding fold_groups(const folding *f)
{
    folding folded = {.count = 0};
    int group_of[ORK_MAX_RANK], first[ORK_MAX_RANK], before = -1;
    for (int i = 0; i < f->count; i++) {
        int axis = f->perm[i];
        if (f->dim[axis] == 1)
            continue;
        if (before < 0 || next_axis(f, before) != axis)
            first[folded.count++] = axis; /* of a group, in the output's order */
        group_of[axis] = folded.count - 1;
        before = axis;
    }
    int place[ORK_MAX_RANK], places = 0;
    for (int axis = 0; axis < f->count; axis++) {
        if (f->dim[axis] == 1)
            continue;
        int group = group_of[axis];
        if (first[group] == axis) {
            place[group] = places;
            folded.dim[places++] = 1;
        }
        folded.dim[place[group]] *= f->dim[axis];
    }
    for (int group = 0; group < folded.count; group++)
        folded.perm[group] = place[group];
    return folded;
}

static folding folding_of(const ork_node *node)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    folding f = {.count = shape->rank};
    for (int i = 0; i < f.count; i++) {
        f.dim[i] = shape->dim[i];
        f.perm[i] = (int)node->attrs.transpose.perm.v[i];
    }
    return fold_groups(&f);
}

/* Where the groups from `left` up to `middle` have changed places with those up to `right`: a
   transpose of four blocks. *rest is what remains to be done. */
static folding swap_blocks(const folding *f, int left, int middle, int right, folding *rest)
{
    folding swap = {.count = f->count}, after = {.count = f->count};
    int place[ORK_MAX_RANK]; /* of each group afterwards */
    for (int i = 0; i < f->count; i++) {
        bool is_first = i >= left && i < middle, is_second = i >= middle && i < right;
        place[i] = is_first ? i + right - middle : is_second ? i - (middle - left) : i;
        swap.dim[i] = f->dim[i];
        swap.perm[place[i]] = i;
        after.dim[place[i]] = f->dim[i];
    }
    for (int i = 0; i < f->count; i++)
        after.perm[i] = place[f->perm[i]];
    *rest = fold_groups(&after);
    return fold_groups(&swap);
}

/* Takes from *f the swap of blocks that leaves least to do. Bringing a group behind the one that it
   follows in the output leaves one group less, so there is always one that leaves less. */
static folding take_swap(folding *f)
{
    folding best = {.count = 0}, best_rest = {.count = ORK_MAX_RANK + 1};
    for (int left = 0; left < f->count; left++)
        for (int middle = left + 1; middle < f->count; middle++)
            for (int right = middle + 1; right <= f->count; right++) {
                folding rest, swap = swap_blocks(f, left, middle, right, &rest);
                if (rest.count < best_rest.count) {
                    best = swap;
                    best_rest = rest;
                }
            }
    *f = best_rest;
    return best;
}

/* A batch of one stays the first axis. */
static void keep_batch(const ork_node *node, folding *f)
{
    if (node->inputs[0]->type.shape.dim[0] != 1 || node->attrs.transpose.perm.v[0] != 0 ||
        f->count >= MOST_AXES)
        return;
    for (int i = f->count; i > 0; i--) {
        f->dim[i] = f->dim[i - 1];
        f->perm[i] = f->perm[i - 1] + 1;
    }
    f->dim[0] = 1;
    f->perm[0] = 0;
    f->count++;
}

static ork_attrs reshape_to(int count, const int64_t *dims)
{
    ork_attrs attrs = {.reshape.shape.count = count};
    for (int i = 0; i < count; i++)
        attrs.reshape.shape.v[i] = dims[i];
    return attrs;
}

/* Puts a transpose of *x before the node, behind a reshape to its axes. */
static bool insert_transpose(ork_graph *graph, ork_diag *diag, ork_node *node, ork_value **x,
                             const folding *f)
{
    ork_attrs axes = reshape_to(f->count, f->dim);
    ork_attrs moved = {.transpose.perm.count = f->count};
    for (int i = 0; i < f->count; i++)
        moved.transpose.perm.v[i] = f->perm[i];
    ork_value *y =
        ork_graph_insert(graph, diag, node, false, ORK_OP_RESHAPE, &axes, x, 1, NULL, node->name);
    ork_value *z = y ? ork_graph_insert(graph, diag, node, false, ORK_OP_TRANSPOSE, &moved, &y, 1,
                                        NULL, node->name)
                     : NULL;
    if (!z)
        return false;
    y->producer->scope = z->producer->scope = node->scope;
    *x = z;
    return true;
}

static bool fold(ork_graph *graph, ork_diag *diag, ork_node *node, folding f)
{
    const ork_shape *shape = &node->output->type.shape;
    ork_attrs out = reshape_to(shape->rank, shape->dim);
    ork_value *x = node->inputs[0];
    while (f.count > 1) {
        folding step = f;
        if (f.count > MOST_AXES)
            step = take_swap(&f);
        else
            f.count = 0;
        keep_batch(node, &step);
        if (!insert_transpose(graph, diag, node, &x, &step))
            return false;
    }
    ork_value *y =
        ork_graph_insert(graph, diag, node, true, ORK_OP_RESHAPE, &out, &x, 1, NULL, node->name);
    if (!y)
        return false;
    y->producer->scope = node->scope;
    ork_graph_supersede(graph, node->output, y);
    return true;
}

bool ork_pass_fold_axes(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *node = graph->first; node; node = node->next) {
        if (node->op != ORK_OP_TRANSPOSE || node->output->type.shape.rank <= MOST_AXES ||
            ork_shape_count(&node->output->type.shape) == 0)
            continue;
        if (!fold(graph, diag, node, folding_of(node)))
            return false;
        ++*changes;
    }
    return true;
}
