/* SPDX-License-Identifier: Apache-2.0 */
/* Transposes of more than four axes with fewer, where axes keep together: chips know four. Shuffled
   channels and the windows of vision transformers become such that a chip takes. */
#include "rewrite.h"

enum { MOST_AXES = 4 };

typedef struct folding {
    int64_t dim[ORK_MAX_RANK]; /* of the groups, in the input's order */
    int perm[ORK_MAX_RANK], count;
} folding;

/* The next axis of more than one element behind `axis`; rank when there is none. */
static int next_axis(const ork_shape *shape, int axis)
{
    do
        axis++;
    while (axis < shape->rank && shape->dim[axis] == 1);
    return axis;
}

/* Groups of axes that follow each other on both sides. Axes of 1 may stand anywhere, and go. */
static void find_groups(const ork_node *node, folding *f)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    int group_of[ORK_MAX_RANK], first[ORK_MAX_RANK], before = -1;
    f->count = 0;
    for (int i = 0; i < shape->rank; i++) {
        int axis = (int)node->attrs.transpose.perm.v[i];
        if (shape->dim[axis] == 1)
            continue;
        if (before < 0 || next_axis(shape, before) != axis)
            first[f->count++] = axis; /* of a group, in the output's order */
        group_of[axis] = f->count - 1;
        before = axis;
    }
    int place[ORK_MAX_RANK], places = 0;
    for (int axis = 0; axis < shape->rank; axis++) {
        if (shape->dim[axis] == 1)
            continue;
        int group = group_of[axis];
        if (first[group] == axis) {
            place[group] = places;
            f->dim[places++] = 1;
        }
        f->dim[place[group]] *= shape->dim[axis];
    }
    for (int group = 0; group < f->count; group++)
        f->perm[group] = place[group];
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

static bool fold(ork_graph *graph, ork_diag *diag, ork_node *node, const folding *f)
{
    const ork_shape *shape = &node->output->type.shape;
    ork_attrs in = reshape_to(f->count, f->dim), out = reshape_to(shape->rank, shape->dim);
    ork_attrs moved = {.transpose.perm.count = f->count};
    for (int i = 0; i < f->count; i++)
        moved.transpose.perm.v[i] = f->perm[i];
    ork_value *x = ork_graph_insert(graph, diag, node, false, ORK_OP_RESHAPE, &in, node->inputs, 1,
                                    NULL, node->name);
    x = x ? ork_graph_insert(graph, diag, node, false, ORK_OP_TRANSPOSE, &moved, &x, 1, NULL,
                             node->name)
          : NULL;
    ork_value *y =
        x ? ork_graph_insert(graph, diag, node, true, ORK_OP_RESHAPE, &out, &x, 1, NULL, node->name)
          : NULL;
    if (!y)
        return false;
    x->producer->scope = x->producer->inputs[0]->producer->scope = y->producer->scope = node->scope;
    ork_graph_supersede(graph, node->output, y);
    return true;
}

bool ork_pass_fold_axes(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *node = graph->first; node; node = node->next) {
        folding f;
        if (node->op != ORK_OP_TRANSPOSE || node->output->type.shape.rank <= MOST_AXES ||
            ork_shape_count(&node->output->type.shape) == 0)
            continue;
        find_groups(node, &f);
        keep_batch(node, &f);
        if (f.count < 1 || f.count > MOST_AXES)
            continue;
        if (!fold(graph, diag, node, &f))
            return false;
        ++*changes;
    }
    return true;
}
