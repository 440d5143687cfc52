/* SPDX-License-Identifier: Apache-2.0 */
/* A network in pieces: layers that follow each other on the same side. Values that pieces give each
   other lie in memory, row by row. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

typedef ORK_VEC(ork_value *) values;

typedef struct piece {
    bool there; /* on the NPU */
    const ork_node *first, *end;
    size_t count;
    values inputs, outputs;
    vx_graph vx;        /* there */
    vx_tensor *tensors; /* by value id */
    ork_graph *graph;   /* here */
    ork_plan *plan;
    ork_runner *runner;
} piece;

struct ork_openvx_network {
    ork_arena *arena;
    ork_openvx *driver;
    const ork_graph *graph;
    ork_plan_options options;
    ork_pool *pool;
    ORK_VEC(piece) pieces;
    void **memory; /* by value id, of what goes from piece to piece */
};

static size_t bytes_of(const ork_value *value)
{
    return ork_tensor_bytes(&(ork_tensor){.type = value->type});
}

/* ---- cutting ---- */

static void cut(ork_openvx_network *n)
{
    for (const ork_node *node = n->graph->first; node; node = node->next) {
        const bool there = ork_openvx_takes(n->driver, node);
        piece *last = n->pieces.count ? &n->pieces.items[n->pieces.count - 1] : NULL;
        if (!last || last->there != there) {
            ork_vec_push(n->arena, &n->pieces, ((piece){.there = there, .first = node}));
            last = &n->pieces.items[n->pieces.count - 1];
        }
        last->end = node->next;
        last->count++;
    }
}

static bool contains(const values *list, const ork_value *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == value)
            return true;
    return false;
}

/* What the piece reads of others and what others, or the user, read of it. */
static void find_borders(ork_openvx_network *n, piece *p)
{
    bool *own = ORK_NEW_ARRAY(n->arena, bool, n->graph->values.count);
    for (const ork_node *node = p->first; node != p->end; node = node->next)
        own[node->output->id] = true;
    for (const ork_node *node = p->first; node != p->end; node = node->next) {
        ork_value *out = node->output;
        bool goes_out = ork_value_is_output(out);
        for (int i = 0; i < node->input_count; i++) {
            ork_value *in = node->inputs[i];
            if (in && in->kind != ORK_VALUE_CONSTANT && !own[in->id] && !contains(&p->inputs, in))
                ork_vec_push(n->arena, &p->inputs, in);
        }
        for (size_t i = 0; i < out->uses.count; i++)
            goes_out = goes_out || !own[out->uses.items[i].node->output->id];
        if (goes_out)
            ork_vec_push(n->arena, &p->outputs, out);
    }
}

static bool give_memory(ork_openvx_network *n, const ork_value *value, ork_diag *diag)
{
    if (n->memory[value->id])
        return true;
    const size_t bytes = bytes_of(value);
    n->memory[value->id] = ork_arena_alloc_data(n->arena, bytes ? bytes : 1);
    if (!n->memory[value->id])
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for '%s'", value->name);
    memset(n->memory[value->id], 0, bytes);
    return true;
}

/* ---- pieces that are computed there ---- */

static const struct {
    ork_dtype dtype;
    vx_enum format;
} formats[] = {{ORK_U8, VX_UINT8}, {ORK_I8, VX_INT8}, {ORK_I16, VX_INT16}, {ORK_I32, VX_INT32}};

static vx_enum format_of(ork_dtype dtype)
{
    for (size_t i = 0; i < ORK_COUNT(formats); i++)
        if (formats[i].dtype == dtype)
            return formats[i].format;
    return 0;
}

static vx_tensor create_tensor(ork_openvx *driver, const ork_type *type)
{
    vx_size sizes[ORK_MAX_RANK];
    uint32_t narrow[ORK_MAX_RANK];
    const int rank = type->shape.rank;
    for (int i = 0; i < rank; i++) {
        sizes[i] = (vx_size)type->shape.dim[rank - 1 - i];
        narrow[i] = (uint32_t)sizes[i];
    }
    if (type->quant.scheme != ORK_SCHEME_AFFINE)
        return driver->call.vxCreateTensor(driver->context, (vx_size)rank, sizes,
                                           format_of(type->dtype),
                                           (int8_t)type->quant.fraction_length);
    const vx_tensor_params params = {.num_of_dims = (uint32_t)rank,
                                     .sizes = narrow,
                                     .data_format = format_of(type->dtype),
                                     .quant_format = VX_QUANT_AFFINE,
                                     .quant.affine = {type->quant.scale, type->quant.zero_point}};
    return driver->call.vxCreateTensor2(driver->context, &params, sizeof(params));
}

static bool copy_tensor(ork_openvx *driver, vx_tensor tensor, const ork_type *type, void *data,
                        vx_enum usage)
{
    vx_size begin[ORK_MAX_RANK] = {0}, end[ORK_MAX_RANK], stride[ORK_MAX_RANK];
    vx_size step = ork_dtype_table[type->dtype].size;
    const int rank = type->shape.rank;
    for (int i = 0; i < rank; i++) {
        end[i] = (vx_size)type->shape.dim[rank - 1 - i];
        stride[i] = step;
        step *= end[i];
    }
    return driver->call.vxCopyTensorPatch(tensor, (vx_size)rank, begin, end, stride, data, usage,
                                          VX_MEMORY_HOST) == 0;
}

/* A bias has the scale of its products, which the graph does not write down. */
static ork_type type_there(const ork_node *user, const ork_value *value)
{
    ork_type type = value->type;
    if (value->kind != ORK_VALUE_CONSTANT || user->input_count < 3 || value != user->inputs[2])
        return type;
    const ork_quant *x = &user->inputs[0]->type.quant, *w = &user->inputs[1]->type.quant;
    type.quant = (ork_quant){.scheme = x->scheme,
                             .scale = x->scale * w->scale,
                             .fraction_length = x->fraction_length + w->fraction_length};
    return type;
}

static bool add_tensor(ork_openvx_network *n, piece *p, const ork_node *user,
                       const ork_value *value)
{
    vx_tensor *tensor = &p->tensors[value->id];
    if (*tensor)
        return true;
    const ork_type type = type_there(user, value);
    *tensor = create_tensor(n->driver, &type);
    return *tensor &&
           (value->kind != ORK_VALUE_CONSTANT ||
            copy_tensor(n->driver, *tensor, &type, (void *)(uintptr_t)value->data, VX_WRITE));
}

static bool build_there(ork_openvx_network *n, piece *p)
{
    p->vx = n->driver->call.vxCreateGraph(n->driver->context);
    p->tensors = ORK_NEW_ARRAY(n->arena, vx_tensor, n->graph->values.count);
    for (const ork_node *node = p->first; p->vx && node != p->end; node = node->next) {
        bool good = add_tensor(n, p, node, node->output);
        for (int i = 0; good && i < node->input_count; i++)
            good = !node->inputs[i] || add_tensor(n, p, node, node->inputs[i]);
        if (!good || !openvx_add_layer(n->driver, p->vx, node, p->tensors))
            return false;
    }
    return p->vx && n->driver->call.vxVerifyGraph(p->vx) == 0;
}

static void free_there(ork_openvx_network *n, piece *p)
{
    if (p->vx)
        n->driver->call.vxReleaseGraph(&p->vx);
    for (size_t i = 0; p->tensors && i < n->graph->values.count; i++)
        if (p->tensors[i])
            n->driver->call.vxReleaseTensor(&p->tensors[i]);
    p->tensors = NULL;
    p->vx = NULL;
}

static bool run_there(ork_openvx_network *n, piece *p, ork_diag *diag)
{
    bool good = true;
    for (size_t i = 0; good && i < p->inputs.count; i++)
        good = copy_tensor(n->driver, p->tensors[p->inputs.items[i]->id], &p->inputs.items[i]->type,
                           n->memory[p->inputs.items[i]->id], VX_WRITE);
    good = good && n->driver->call.vxProcessGraph(p->vx) == 0;
    for (size_t i = 0; good && i < p->outputs.count; i++)
        good = copy_tensor(n->driver, p->tensors[p->outputs.items[i]->id],
                           &p->outputs.items[i]->type, n->memory[p->outputs.items[i]->id], VX_READ);
    if (good)
        return true;
    ork_fail(diag, ORK_ERR_DEVICE, "the NPU's driver failed in a run");
    return ork_where(diag, "'%s' and the %zu layers behind it", p->first->name, p->count - 1);
}

/* ---- pieces that are computed here ---- */

/* An input of the piece, as it lies in memory. */
static ork_feed feed_of(const ork_openvx_network *n, const ork_value *input)
{
    const ork_value *whole = ork_graph_find(n->graph, input->name);
    return (ork_feed){.data = n->memory[whole->id],
                      .dtype = input->type.dtype,
                      .shape = input->type.shape,
                      .pass_through = true};
}

static bool build_here(ork_openvx_network *n, piece *p, ork_diag *diag)
{
    bool *is_input = ORK_NEW_ARRAY(n->arena, bool, n->graph->values.count);
    for (size_t i = 0; i < p->inputs.count; i++)
        is_input[p->inputs.items[i]->id] = true;
    p->graph = ork_graph_extract(n->graph, p->outputs.items, p->outputs.count, is_input);
    p->plan = ork_plan_new(diag, p->graph, &n->options);
    p->runner = p->plan ? ork_runner_new(diag, p->plan, n->pool) : NULL;
    for (size_t i = 0; p->runner && i < p->graph->inputs.count; i++) {
        const ork_feed feed = feed_of(n, p->graph->inputs.items[i].value);
        if (!ork_runner_check_feed(p->runner, diag, i, &feed))
            return false;
    }
    return p->runner != NULL;
}

static void run_here(ork_openvx_network *n, piece *p)
{
    for (size_t i = 0; i < p->graph->inputs.count; i++) {
        const ork_feed feed = feed_of(n, p->graph->inputs.items[i].value);
        ork_runner_set_input(p->runner, i, &feed);
    }
    ork_runner_run(p->runner);
    for (size_t i = 0; i < p->outputs.count; i++)
        memcpy(n->memory[p->outputs.items[i]->id], ork_runner_output_raw(p->runner, i),
               bytes_of(p->outputs.items[i]));
}

/* ---- the whole ---- */

static bool build_piece(ork_openvx_network *n, piece *p, ork_diag *diag)
{
    find_borders(n, p);
    for (size_t i = 0; i < p->inputs.count; i++)
        if (!give_memory(n, p->inputs.items[i], diag))
            return false;
    for (size_t i = 0; i < p->outputs.count; i++)
        if (!give_memory(n, p->outputs.items[i], diag))
            return false;
    if (p->there && build_there(n, p))
        return true;
    if (p->there)
        ork_log(
            diag, ORK_LOG_WARNING,
            "the NPU's driver refuses '%s' and the %zu layers behind it: the processor computes "
            "them",
            p->first->name, p->count - 1);
    free_there(n, p);
    p->there = false;
    return build_here(n, p, diag);
}

ork_openvx_network *ork_openvx_network_new(ork_diag *diag, ork_openvx *driver,
                                           const ork_graph *graph, const ork_plan_options *options,
                                           ork_pool *pool)
{
    ork_arena *arena = ork_arena_new();
    ork_openvx_network *n = ORK_NEW(arena, ork_openvx_network);
    *n = (ork_openvx_network){.arena = arena,
                              .driver = driver,
                              .graph = graph,
                              .options = *options,
                              .pool = pool,
                              .memory = ORK_NEW_ARRAY(arena, void *, graph->values.count + 1)};
    n->options.pool = pool;
    cut(n);
    bool good = true;
    for (size_t i = 0; good && i < graph->inputs.count; i++)
        good = give_memory(n, graph->inputs.items[i].value, diag);
    for (size_t i = 0; good && i < n->pieces.count; i++)
        good = build_piece(n, &n->pieces.items[i], diag);
    if (good)
        return n;
    ork_openvx_network_free(n);
    return NULL;
}

void ork_openvx_network_free(ork_openvx_network *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->pieces.count; i++) {
        piece *p = &n->pieces.items[i];
        free_there(n, p);
        ork_runner_free(p->runner);
        ork_plan_free(p->plan);
        ork_graph_free(p->graph);
    }
    ork_arena_free(n->arena);
}

void ork_openvx_network_count(const ork_openvx_network *n, size_t *there, size_t *here,
                              size_t *pieces)
{
    *there = *here = 0;
    *pieces = n->pieces.count;
    for (size_t i = 0; i < n->pieces.count; i++)
        *(n->pieces.items[i].there ? there : here) += n->pieces.items[i].count;
}

void *ork_openvx_input(const ork_openvx_network *n, size_t index)
{
    return n->memory[n->graph->inputs.items[index].value->id];
}

bool ork_openvx_run(ork_openvx_network *n, ork_diag *diag)
{
    for (size_t i = 0; i < n->pieces.count; i++) {
        piece *p = &n->pieces.items[i];
        if (!p->there)
            run_here(n, p);
        else if (!run_there(n, p, diag))
            return false;
    }
    return true;
}

const void *ork_openvx_output(const ork_openvx_network *n, size_t index)
{
    const ork_value *value = n->graph->outputs.items[index];
    return value->kind == ORK_VALUE_CONSTANT ? value->data : n->memory[value->id];
}
