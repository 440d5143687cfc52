/* SPDX-License-Identifier: Apache-2.0 */
/* What is computed twice from the same values is computed once: traces repeat what the user's code
   repeats. */
#include "rewrite.h"

#include <string.h>

static const size_t sizes[] = {
    [ORK_ATTR_KIND_INT] = sizeof(ork_attr_INT),     [ORK_ATTR_KIND_FLOAT] = sizeof(ork_attr_FLOAT),
    [ORK_ATTR_KIND_BOOL] = sizeof(ork_attr_BOOL),   [ORK_ATTR_KIND_PAIR] = sizeof(ork_attr_PAIR),
    [ORK_ATTR_KIND_QUAD] = sizeof(ork_attr_QUAD),   [ORK_ATTR_KIND_INTS] = sizeof(ork_attr_INTS),
    [ORK_ATTR_KIND_DTYPE] = sizeof(ork_attr_DTYPE), [ORK_ATTR_KIND_ENUM] = sizeof(int),
};

static bool same_attribute(const ork_attr_info *info, const ork_attrs *a, const ork_attrs *b)
{
    const char *x = (const char *)a + info->offset, *y = (const char *)b + info->offset;
    if (info->kind != ORK_ATTR_KIND_INTS)
        return memcmp(x, y, sizes[info->kind]) == 0;
    const ork_ints *p = (const void *)x, *q = (const void *)y;
    return p->count == q->count && memcmp(p->v, q->v, (size_t)p->count * sizeof(*p->v)) == 0;
}

static bool same_work(const ork_node *a, const ork_node *b)
{
    const ork_op_info *info = &ork_op_table[a->op];
    if (a->op != b->op || a->input_count != b->input_count ||
        a->output->type.dtype != b->output->type.dtype || a->op == ORK_OP_CONVERT)
        return false;
    for (int i = 0; i < a->input_count; i++)
        if (a->inputs[i] != b->inputs[i])
            return false;
    for (int i = 0; i < info->attr_count; i++)
        if (!same_attribute(&info->attrs[i], &a->attrs, &b->attrs))
            return false;
    return true;
}

/* A node before this one, which is marked, that computes the same, looked for among few users of
 * its first input. */
static ork_node *twin_of(const ork_node *node)
{
    enum { MOST = 64 };
    const ork_value *x = node->inputs[0];
    for (size_t i = 0; x && i < x->uses.count && i < MOST; i++) {
        ork_node *other = x->uses.items[i].node;
        if (other != node && x->uses.items[i].port == 0 && other->user && same_work(other, node))
            return other;
    }
    return NULL;
}

bool ork_pass_merge_equal(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    (void)diag;
    for (ork_node *node = graph->first; node; node = node->next)
        node->user = NULL;
    for (ork_node *node = graph->first; node; node = node->next) {
        ork_node *twin = node->input_count > 0 ? twin_of(node) : NULL;
        if (twin && !ork_value_is_output(node->output)) {
            ork_graph_replace(graph, node->output, twin->output);
            ++*changes;
        }
        node->user = node;
    }
    for (ork_node *node = graph->first; node; node = node->next)
        node->user = NULL;
    return true;
}
