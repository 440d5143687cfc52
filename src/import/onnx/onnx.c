/* SPDX-License-Identifier: Apache-2.0 */
/* The import as a whole: choose inputs and outputs, import what lies between. */
#include "onnx.h"

#include <string.h>

enum {
    OLDEST = 7,
    NEWEST = 22,
    MAX_STEPS = 400000,             /* nodes; loops count each time */
    SPARE_BYTES = 64 * 1024 * 1024, /* for constants computed during import */
};

typedef struct job {
    ork_onnx onnx;
    const ork_import_options *options;
    ork_onnx_frame frame;
} job;

/* ---- inputs ---------------------------------------------------------------------------- */

static const ork_onnx_value_info *find_info(const ork_onnx_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->inputs.count; i++)
        if (!strcmp(graph->inputs.items[i].name, name))
            return &graph->inputs.items[i];
    for (size_t i = 0; i < graph->values.count; i++)
        if (!strcmp(graph->values.items[i].name, name))
            return &graph->values.items[i];
    for (size_t i = 0; i < graph->outputs.count; i++)
        if (!strcmp(graph->outputs.items[i].name, name))
            return &graph->outputs.items[i];
    return NULL;
}

/* "[N, 3, height, width]" as the file has it. */
static const char *info_text(ork_arena *arena, const ork_onnx_value_info *info)
{
    const char *text = "[";
    for (int i = 0; i < info->rank && i < ORK_MAX_RANK; i++) {
        const char *comma = i > 0 ? ", " : "";
        if (info->dim[i] >= 0)
            text = ork_arena_printf(arena, "%s%s%lld", text, comma, (long long)info->dim[i]);
        else
            text = ork_arena_printf(arena, "%s%s%s", text, comma,
                                    info->dim_name[i] ? info->dim_name[i] : "?");
    }
    return ork_arena_printf(arena, "%s]", text);
}

static bool fail_size(job *j, const char *name, const char *what, const char *fix)
{
    ork_fail(j->onnx.diag, ORK_ERR_INPUT_SIZE, "input '%s': %s", name, what);
    return ork_fix(j->onnx.diag, "%s", fix);
}

/* The user's size; one axis fewer than the model has means one picture. */
static bool user_size(job *j, const ork_onnx_value_info *info, const char *name,
                      const ork_import_input *given, ork_shape *shape)
{
    *shape = ork_shape_of(given->rank, given->dim);
    if (!info || !info->has_shape || info->rank == given->rank)
        return true;
    if (j->options->exact_sizes || info->rank != given->rank + 1 || given->rank == ORK_MAX_RANK) {
        const char *what = ork_arena_printf(j->onnx.arena, "%d sizes were given for %s",
                                            given->rank, info_text(j->onnx.arena, info));
        return fail_size(j, name, what, "give one size for each axis, or all but the first");
    }
    memmove(shape->dim + 1, shape->dim, (size_t)given->rank * sizeof(*shape->dim));
    shape->dim[0] = info->dim[0] > 0 ? info->dim[0] : 1;
    shape->rank++;
    return true;
}

static bool file_size(job *j, const ork_onnx_value_info *info, const char *name, ork_shape *shape)
{
    const char *fix = "give input_size_list, one list of sizes for each input: [[3, 416, 416]]";
    if (!info || !info->has_shape || info->rank > ORK_MAX_RANK)
        return fail_size(j, name, "the file does not say its size", fix);
    *shape = (ork_shape){.rank = info->rank};
    for (int i = 0; i < info->rank; i++) {
        shape->dim[i] = info->dim[i];
        if (info->dim[i] < 0 && i == 0)
            shape->dim[i] = 1;
        else if (info->dim[i] < 0)
            return fail_size(j, name,
                             ork_arena_printf(j->onnx.arena, "its size %s is not fixed",
                                              info_text(j->onnx.arena, info)),
                             fix);
    }
    if (info->rank > 0 && info->dim[0] < 0)
        ork_log(j->onnx.diag, ORK_LOG_NOTE, "input '%s' %s: the first size becomes 1", name,
                info_text(j->onnx.arena, info));
    return true;
}

static bool add_input(job *j, const char *name, int index)
{
    ork_onnx *onnx = &j->onnx;
    const ork_onnx_value_info *info = find_info(onnx->model->graph, name);
    ork_type type = {.dtype = ORK_F32};
    if (info && !info->is_tensor)
        return ork_fail(onnx->diag, ORK_ERR_UNSUPPORTED, "input '%s' is not a tensor", name);
    if (info && info->type != ORK_ONNX_UNDEFINED && !ork_onnx_dtype(info->type, &type.dtype))
        return ork_fail(onnx->diag, ORK_ERR_UNSUPPORTED, "input '%s' is of %s", name,
                        ork_onnx_type_name(info->type));
    bool good = index < j->options->input_count
                    ? user_size(j, info, name, &j->options->inputs[index], &type.shape)
                    : file_size(j, info, name, &type.shape);
    size_t bytes;
    if (!good)
        return false;
    if (!ork_shape_bytes(&type.shape, type.dtype, &bytes))
        return fail_size(j, name, "a size that cannot be", "sizes are positive whole numbers");
    ork_map_set(j->frame.values, name, ork_graph_add_input(onnx->graph, name, &type));
    return true;
}

static bool add_constant(job *j, const ork_import_constant *constant)
{
    ork_onnx *onnx = &j->onnx;
    void *data;
    const ork_type *type = &constant->value.type;
    ork_value *value = ork_build_constant(onnx->build, type->dtype, &type->shape, &data);
    if (!value)
        return false;
    memcpy(data, constant->value.data, ork_tensor_bytes(&constant->value));
    ork_value_rename(onnx->graph, value, constant->name);
    ork_map_set(j->frame.values, constant->name, value);
    return true;
}

static bool is_in_model(const ork_onnx_graph *graph, const char *name)
{
    return ork_map_get(graph->producers, name) || ork_map_get(graph->weights, name) ||
           find_info(graph, name);
}

/* Every name that the model knows, for "did you mean". */
static bool fail_name(job *j, const char *name)
{
    const ork_onnx_graph *graph = j->onnx.model->graph;
    ORK_VEC(const char *) names = {0};
    for (size_t i = 0; i < graph->inputs.count; i++)
        ork_vec_push(j->onnx.arena, &names, graph->inputs.items[i].name);
    for (size_t i = 0; i < graph->nodes.count; i++)
        for (size_t k = 0; k < graph->nodes.items[i].outputs.count; k++)
            ork_vec_push(j->onnx.arena, &names, graph->nodes.items[i].outputs.items[k]);
    ork_fail(j->onnx.diag, ORK_ERR_TENSOR_NAME, "no tensor of the model is called '%s'", name);
    const char *nearest = ork_nearest_name(name, names.items, names.count);
    if (nearest)
        return ork_fix(j->onnx.diag, "did you mean '%s'?", nearest);
    return ork_fix(j->onnx.diag, "inputs and outputs are names of tensors, not of layers");
}

static bool check_names(job *j, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (!is_in_model(j->onnx.model->graph, names[i]))
            return fail_name(j, names[i]);
    return true;
}

/* Weights may be listed among the inputs as well; they are no inputs then. */
static bool add_inputs(job *j)
{
    const ork_onnx_graph *graph = j->onnx.model->graph;
    const ork_import_options *options = j->options;
    int index = 0;
    for (int i = 0; i < options->constant_count; i++)
        if (!add_constant(j, &options->constants[i]))
            return false;
    for (int i = 0; i < options->input_name_count; i++)
        if (!add_input(j, options->input_names[i], index++))
            return false;
    for (size_t i = 0; options->input_name_count == 0 && i < graph->inputs.count; i++) {
        const char *name = graph->inputs.items[i].name;
        if (!ork_map_get(graph->weights, name) && !ork_map_get(j->frame.values, name) &&
            !add_input(j, name, index++))
            return false;
    }
    if (options->input_count > index)
        return ork_fail(j->onnx.diag, ORK_ERR_INPUT_SIZE,
                        "%d sizes were given, the model has %d input%s", options->input_count,
                        index, index == 1 ? "" : "s");
    return true;
}

/* ---- outputs --------------------------------------------------------------------------- */

static bool add_output(job *j, const char *name)
{
    ork_onnx *onnx = &j->onnx;
    ork_value *value = ork_onnx_value(onnx, &j->frame, name);
    if (value && !ork_onnx_is_unknown(value))
        ork_graph_add_output(onnx->graph, value);
    return value != NULL;
}

static bool add_outputs(job *j)
{
    const ork_onnx_graph *graph = j->onnx.model->graph;
    const ork_import_options *options = j->options;
    for (int i = 0; i < options->output_name_count; i++)
        if (!add_output(j, options->output_names[i]))
            return false;
    for (size_t i = 0; options->output_name_count == 0 && i < graph->outputs.count; i++)
        if (!add_output(j, graph->outputs.items[i].name))
            return false;
    return true;
}

typedef struct unknown_list {
    ork_arena *arena;
    const char *text;
} unknown_list;

static void add_unknown(void *user, const char *key, void *value)
{
    unknown_list *list = user;
    const ork_onnx_unknown *unknown = value;
    list->text = ork_arena_printf(list->arena, "%s\n    %-32s %zu x, first in %s", list->text, key,
                                  unknown->count, unknown->place);
}

static bool fail_unknown(ork_onnx *onnx)
{
    unknown_list list = {.arena = onnx->arena, .text = ""};
    size_t count = ork_map_count(onnx->unknown);
    ork_map_each(onnx->unknown, add_unknown, &list);
    ork_fail(onnx->diag, ORK_ERR_UNKNOWN_OP, "%zu operator%s not known:%s", count,
             count == 1 ? " is" : "s are", list.text);
    return ork_fix(onnx->diag, "export the model without them, or end it before them with "
                               "outputs=[...] and compute the rest after the network");
}

/* ---- the file -------------------------------------------------------------------------- */

static bool check_version(ork_onnx *onnx)
{
    const ork_onnx_model *model = onnx->model;
    int64_t version = ork_onnx_version(model->opsets.items, model->opsets.count, "");
    if (version > NEWEST)
        ork_log(onnx->diag, ORK_LOG_WARNING,
                "operator set %lld is newer than %d, the newest known; its operators are taken as "
                "those of %d",
                (long long)version, NEWEST, NEWEST);
    else if (version > 0 && version < OLDEST)
        ork_log(onnx->diag, ORK_LOG_NOTE, "operator set %lld is older than %d", (long long)version,
                OLDEST);
    return true;
}

static bool run(job *j, ork_bytes bytes)
{
    ork_onnx *onnx = &j->onnx;
    ork_onnx_model *model = ORK_NEW(onnx->arena, ork_onnx_model);
    if (!ork_onnx_model_read(onnx->diag, onnx->arena, bytes, model))
        return false;
    onnx->model = model;
    j->frame = (ork_onnx_frame){
        .graph = model->graph,
        .opsets = model->opsets.items,
        .opset_count = model->opsets.count,
        .values = ork_map_new(onnx->arena),
        .state = ORK_NEW_ARRAY(onnx->arena, uint8_t, model->graph->nodes.count + 1),
    };
    const ork_import_options *options = j->options;
    if (!check_version(onnx) || !check_names(j, options->input_names, options->input_name_count) ||
        !check_names(j, options->output_names, options->output_name_count) || !add_inputs(j) ||
        !add_outputs(j))
        return false;
    if (ork_map_count(onnx->unknown) > 0)
        return fail_unknown(onnx);
    if (onnx->graph->outputs.count == 0)
        return ork_fail(onnx->diag, ORK_ERR_UNSUPPORTED, "the network has no output");
    ork_graph_remove_dead(onnx->graph);
    if (options->output_name_count > 0)
        ork_build_drop_unused_inputs(onnx->build);
    return ork_graph_verify(onnx->graph, onnx->diag);
}

static const char *folder_of(ork_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? ork_arena_strndup(arena, path, (size_t)(slash + 1 - path)) : "";
}

static void start(job *j, ork_diag *diag, ork_arena *arena, ork_graph *graph, size_t file_size)
{
    ork_onnx *onnx = &j->onnx;
    onnx->diag = diag;
    onnx->arena = arena;
    onnx->graph = graph;
    onnx->files = ork_map_new(arena);
    onnx->unknown = ork_map_new(arena);
    onnx->steps_left = MAX_STEPS;
    onnx->build = ORK_NEW(arena, ork_build);
    *onnx->build = (ork_build){
        .diag = diag,
        .arena = arena,
        .graph = graph,
        .names = &ork_onnx_names,
        .importer = onnx,
        .bytes_left = SPARE_BYTES + 8 * ork_min_size(file_size, SIZE_MAX / 16),
    };
}

ork_graph *ork_import_onnx_bytes(ork_diag *diag, const char *name, ork_bytes bytes, bool is_path,
                                 const ork_import_options *options)
{
    static const ork_import_options none;
    ork_arena *arena = ork_arena_new();
    job j = {.options = options ? options : &none};
    ork_graph *graph = ork_graph_new(ork_build_model_name(arena, name));
    ork_diag_clear(diag);
    graph->origin = "onnx";
    start(&j, diag, arena, graph, bytes.size);
    j.onnx.folder = is_path ? folder_of(arena, name) : NULL;
    if (!run(&j, bytes)) {
        ork_where(diag, "%s", name);
        ork_graph_free(graph);
        graph = NULL;
    }
    ork_arena_free(arena);
    return graph;
}

ork_graph *ork_import_onnx(ork_diag *diag, const char *path, const ork_import_options *options)
{
    ork_file file;
    ork_diag_clear(diag);
    if (!ork_file_map(diag, path, &file))
        return NULL;
    ork_graph *graph = ork_import_onnx_bytes(diag, path, file.bytes, true, options);
    if (graph)
        ork_graph_keep_file(graph, file);
    else
        ork_file_unmap(&file);
    return graph;
}
