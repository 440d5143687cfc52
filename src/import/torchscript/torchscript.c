/* SPDX-License-Identifier: Apache-2.0 */
/* The import as a whole: open the file, give the network its inputs, run it, collect outputs. */
#include "torchscript.h"

#include <string.h>

enum {
    MAX_OUTPUTS = 1024,
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* libFuzzer: many small runs find more */
    MAX_STEPS = 1000,
    SPARE_BYTES = 32 * 1024,
#else
    MAX_STEPS = 400000,             /* expressions; a large transformer has 40 thousand */
    SPARE_BYTES = 64 * 1024 * 1024, /* for constants computed during import */
#endif
};

/* ---- inputs of the network ------------------------------------------------------------- */

static const char *type_name(const ork_ts_expr *type)
{
    return type && type->kind == ORK_TS_GLOBAL ? type->text : "";
}

static bool is_generic(const ork_ts_expr *type, const char *name)
{
    return type && type->kind == ORK_TS_SUBSCRIPT && !strcmp(type_name(type->object), name);
}

/* Tensors that a parameter of this type takes; *open is set when it is a list, which takes any
   number; -1 when it takes something else. */
static int count_tensors(const ork_ts_expr *type, bool *open)
{
    if (!type || !strcmp(type_name(type), "Tensor"))
        return 1;
    if (is_generic(type, "Optional"))
        return count_tensors(type->items.items[0], open);
    if (is_generic(type, "List") && !strcmp(type_name(type->items.items[0]), "Tensor")) {
        *open = true;
        return 0;
    }
    if (!is_generic(type, "Tuple"))
        return -1;
    int total = 0;
    for (size_t i = 0; i < type->items.count; i++) {
        int count = count_tensors(type->items.items[i], open);
        if (count < 0)
            return -1;
        total += count;
    }
    return total;
}

typedef struct feeder {
    const ork_import_input *inputs;
    int count, used, in_list; /* in_list: how many a list takes */
} feeder;

static ork_ts_value *feed_tensor(ork_ts *ts, feeder *f, const char *name)
{
    const ork_import_input *input = &f->inputs[f->used++];
    ork_type type = ork_type_of(input->dtype, input->rank, input->dim);
    return ork_ts_tensor(ts, ork_graph_add_input(ts->graph, name, &type));
}

static ork_ts_value *feed(ork_ts *ts, feeder *f, const ork_ts_expr *type, const char *name)
{
    if (!type || type->kind != ORK_TS_SUBSCRIPT)
        return feed_tensor(ts, f, name);
    if (is_generic(type, "Optional"))
        return feed(ts, f, type->items.items[0], name);
    bool is_list = is_generic(type, "List");
    size_t count = is_list ? (size_t)f->in_list : type->items.count;
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (size_t i = 0; i < count; i++)
        items[i] = feed(ts, f, type->items.items[is_list ? 0 : i],
                        ork_arena_printf(ts->arena, "%s_%zu", name, i));
    return ork_ts_list(ts, is_list ? ORK_TS_LIST : ORK_TS_TUPLE, items, count);
}

/* ---- outputs --------------------------------------------------------------------------- */

static bool add_outputs(ork_ts *ts, ork_ts_value *value, int depth)
{
    if (ts->graph->outputs.count >= MAX_OUTPUTS || depth > MAX_OUTPUTS || ts->steps_left == 0)
        return ork_build_unsupported(ts->build, "more than %d outputs", MAX_OUTPUTS) != NULL;
    ts->steps_left--;
    if (value->kind == ORK_TS_NONE)
        return true;
    if (ork_ts_is_sequence(value)) {
        for (size_t i = 0; i < value->list.count; i++)
            if (!add_outputs(ts, value->list.items[i], depth + 1))
                return false;
        return true;
    }
    ork_value *output = ork_ts_graph_value(ts, value);
    if (!output)
        return ork_why(ts->diag, "it is an output of the network");
    ork_graph_add_output(ts->graph, output);
    return true;
}

/* What to do instead of operators that are asked for most. */
static const struct {
    const char *name, *instead;
} substitutes[] = {
    {"torch.grid_sampler", "no replacement"},
    {"torch.einsum", "torch.matmul with permute"},
    {"torch.adaptive_max_pool2d", "max_pool2d with a fixed window"},
    {"torch.argmax", "run it after the network"},
    {"torch.topk", "run it after the network"},
    {"torch.sort", "run it after the network"},
    {"torch.nonzero", "run it after the network"},
    {"ops.torchvision.nms", "run it after the network"},
    {"torch.max_pool3d", "2-D layers"},
    {"torch._native_multi_head_attention", "trace outside of torch.no_grad()"},
    {"torch._transformer_encoder_layer_fwd", "trace outside of torch.no_grad()"},
};

static const char *substitute(ork_ts *ts, const char *name)
{
    for (size_t i = 0; i < ORK_COUNT(substitutes); i++)
        if (!strcmp(substitutes[i].name, name))
            return ork_arena_printf(ts->arena, "; instead: %s", substitutes[i].instead);
    if (ork_starts_with(name, "ops.quantized.") || strstr(name, "quantize_per_"))
        return "; instead: the float model, which is quantized here";
    return "";
}

static bool fail_unknown(ork_ts *ts)
{
    const char *list = "";
    for (size_t i = 0; i < ts->unknown.count; i++) {
        const ork_ts_unknown_op *op = ts->unknown.items[i];
        list = ork_arena_printf(ts->arena, "%s\n    %-32s %zu x, first in %s%s", list, op->name,
                                op->count, op->place, substitute(ts, op->name));
    }
    ork_fail(ts->diag, ORK_ERR_UNKNOWN_OP, "%zu operator%s not known:%s", ts->unknown.count,
             ts->unknown.count == 1 ? " is" : "s are", list);
    return ork_fix(ts->diag, "write these parts of the model with other operators, or leave them "
                             "out of the traced module and run them after the network");
}

/* ---- one run --------------------------------------------------------------------------- */

typedef struct job {
    ork_diag *diag;
    ork_arena *arena;
    const char *name;
    size_t file_size;
    const char *example;
    const ork_import_options *options;
    ork_ts_archive archive;
} job;

static void start(ork_ts *ts, const job *j, ork_arena *arena, ork_graph *graph)
{
    *ts = (ork_ts){
        .diag = j->diag,
        .arena = arena,
        .graph = graph,
        .archive = &j->archive,
        .example = j->example,
        .files = ork_map_new(arena),
        .tensors = ork_map_new(arena),
        .objects = ork_map_new(arena),
        .constants = ork_map_new(arena),
        .steps_left = MAX_STEPS,
        .build = ORK_NEW(arena, ork_build),
    };
    *ts->build = (ork_build){
        .diag = j->diag,
        .arena = arena,
        .graph = graph,
        .names = &ork_ts_names,
        .importer = ts,
        .bytes_left = SPARE_BYTES + 8 * ork_min_size(j->file_size, SIZE_MAX / 16),
    };
}

static ork_ts_function *find_forward(ork_ts *ts, ork_ts_module **module)
{
    ork_ts_value *top = ork_ts_from_pickle(ts, ts->archive->module, "", "data", ORK_PICKLE_DEPTH);
    if (!top)
        return NULL;
    ork_ts_function *forward = NULL;
    if (top->kind == ORK_TS_MODULE && top->module->type)
        forward = ork_ts_find_method(top->module->type, "forward");
    if (!forward) {
        if (ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
            ork_fail(ts->diag, ORK_ERR_TORCH_CODE,
                     "the file has no network: there is no forward()");
        return NULL;
    }
    *module = top->module;
    return ork_ts_parse_function(ts->diag, ts->arena, forward) ? forward : NULL;
}

/* "Tensor", "Tuple[Tensor, Tensor]" */
static const char *type_text(ork_arena *arena, const ork_ts_expr *type)
{
    if (!type)
        return "Tensor";
    if (type->kind != ORK_TS_SUBSCRIPT)
        return type->text ? type->text : "?";
    const char *text = ork_arena_printf(arena, "%s[", type_name(type->object));
    for (size_t i = 0; i < type->items.count; i++)
        text = ork_arena_printf(arena, "%s%s%s", text, i ? ", " : "",
                                type_text(arena, type->items.items[i]));
    return ork_arena_printf(arena, "%s]", text);
}

static bool read_signature(ork_ts *ts, ork_arena *arena, ork_ts_signature *signature)
{
    ork_ts_module *module;
    const ork_ts_function *forward = find_forward(ts, &module);
    *signature = (ork_ts_signature){.text = ""};
    for (size_t i = 1; forward && i < forward->parameters.count; i++) {
        const ork_ts_parameter *parameter = &forward->parameters.items[i];
        int count = count_tensors(parameter->type, &signature->has_list);
        const char *type = type_text(arena, parameter->type);
        if (count < 0)
            return ork_fail(ts->diag, ORK_ERR_UNSUPPORTED, "forward() takes '%s' of type %s",
                            parameter->name, type);
        signature->tensors += count;
        signature->text = ork_arena_printf(arena, "%s%s%s: %s", signature->text, i > 1 ? ", " : "",
                                           parameter->name, type);
    }
    return forward != NULL;
}

/* The graph from inputs of known sizes. */
static bool run(ork_ts *ts, const ork_import_options *options, const ork_import_input *inputs,
                int count, int in_list)
{
    ork_ts_module *module;
    ork_ts_function *forward = find_forward(ts, &module);
    if (!forward)
        return false;
    size_t parameters = forward->parameters.count;
    ork_ts_value **args = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, parameters + 1);
    feeder f = {.inputs = inputs, .count = count, .in_list = in_list};
    for (size_t i = 1; i < parameters; i++)
        args[i - 1] =
            feed(ts, &f, forward->parameters.items[i].type, forward->parameters.items[i].name);
    ork_ts_value *result = ork_ts_call(ts, module, forward, args, parameters - 1);
    if (!result)
        return false;
    if (ts->unknown.count > 0)
        return fail_unknown(ts);
    if (!add_outputs(ts, result, 0))
        return false;
    if (ts->graph->outputs.count == 0)
        return ork_fail(ts->diag, ORK_ERR_UNSUPPORTED, "the network has no output");
    ork_graph_remove_dead(ts->graph);
    if (options->output_name_count > 0 &&
        !ork_build_cut(ts->build, options->output_names, options->output_name_count))
        return false;
    return ork_graph_verify(ts->graph, ts->diag);
}

/* ---- the file -------------------------------------------------------------------------- */

static ork_graph *attempt(const job *j, const ork_import_input *inputs, int count, int in_list)
{
    ork_arena *arena = ork_arena_new();
    ork_graph *graph = ork_graph_new(j->name);
    graph->origin = "pytorch";
    ork_ts ts;
    start(&ts, j, arena, graph);
    if (!run(&ts, j->options, inputs, count, in_list)) {
        ork_graph_free(graph);
        graph = NULL;
    }
    ork_arena_free(arena);
    return graph;
}

/* Errors that other sizes may cure. */
static bool depends_on_sizes(const ork_diag *diag)
{
    ork_error_id id = ork_diag_error_id(diag);
    return id == ORK_ERR_SHAPE || id == ORK_ERR_UNSUPPORTED;
}

/* The list is wrong in one well-known way if the network runs with its axes in another order. */
static bool was_nhwc(const job *j, const ork_ts_sizes *sizes, int in_list)
{
    ork_graph *graph =
        sizes->from_nhwc ? attempt(j, sizes->from_nhwc, sizes->count, in_list) : NULL;
    ork_graph_free(graph);
    return graph != NULL;
}

static ork_graph *fail_again(const job *j, const ork_ts_sizes *sizes, int in_list)
{
    ork_diag_clear(j->diag);
    if (was_nhwc(j, sizes, in_list)) {
        ork_fail(j->diag, ORK_ERR_INPUT_SIZE, "input_size_list %s does not fit the network",
                 ork_ts_sizes_text(j->arena, sizes->tries[0], sizes->count, true));
        ork_why(j->diag, "sizes are channels, height, width");
        ork_fix(j->diag, "Looks like NHWC - did you mean %s?",
                ork_ts_sizes_text(j->arena, sizes->from_nhwc, sizes->count, true));
        return NULL;
    }
    ork_diag_clear(j->diag);
    attempt(j, sizes->tries[0], sizes->count, in_list);
    if (sizes->is_user_list && ork_diag_error_id(j->diag) == ORK_ERR_SHAPE)
        ork_fix(j->diag, "check input_size_list: %s was given",
                ork_ts_sizes_text(j->arena, sizes->tries[0], sizes->count, true));
    return NULL;
}

static ork_graph *try_sizes(const job *j, const ork_ts_sizes *sizes, int in_list)
{
    for (int i = 0; i < sizes->try_count; i++) {
        ork_diag_clear(j->diag);
        ork_graph *graph = attempt(j, sizes->tries[i], sizes->count, in_list);
        if (graph) {
            ork_log(j->diag, ORK_LOG_NOTE, "input sizes: %s",
                    ork_ts_sizes_text(j->arena, sizes->tries[i], sizes->count, false));
            return graph;
        }
        if (!depends_on_sizes(j->diag))
            return NULL;
    }
    return fail_again(j, sizes, in_list);
}

static ork_graph *import_archive(job *j, const ork_import_options *options)
{
    ork_ts_signature signature;
    ork_ts_sizes sizes;
    ork_graph *scratch = ork_graph_new("");
    ork_ts ts;
    start(&ts, j, j->arena, scratch);
    bool good = read_signature(&ts, j->arena, &signature);
    ork_graph_free(scratch);
    if (!good || !ork_ts_sizes_choose(j->diag, j->arena, &j->archive, &signature, options, &sizes))
        return NULL;
    return try_sizes(j, &sizes, sizes.count - signature.tensors);
}

ork_graph *ork_import_pytorch_bytes(ork_diag *diag, const char *name, ork_bytes bytes,
                                    const ork_import_options *options)
{
    static const ork_import_options none;
    ork_zip *zip;
    ork_arena *arena = ork_arena_new();
    job j = {.diag = diag,
             .arena = arena,
             .name = ork_build_model_name(arena, name),
             .file_size = bytes.size};
    ork_graph *graph = NULL;
    ork_diag_clear(diag);
    if (!options)
        options = &none;
    j.options = options;
    j.example = ork_ts_example_input(arena, options, "torch.zeros(1, 3, H, W)");
    if (ork_ts_recognise(diag, arena, name, bytes, options, &zip) &&
        ork_ts_archive_open(diag, arena, zip, &j.archive))
        graph = import_archive(&j, options);
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_UNKNOWN_OP)
        ork_ts_fail_mobile(diag, arena, name, &j.archive, options);
    if (!graph)
        ork_where(diag, "%s", name);
    ork_arena_free(arena);
    return graph;
}

ork_graph *ork_import_pytorch(ork_diag *diag, const char *path, const ork_import_options *options)
{
    ork_file file;
    ork_diag_clear(diag);
    if (!ork_file_map(diag, path, &file))
        return NULL;
    ork_graph *graph = ork_import_pytorch_bytes(diag, path, file.bytes, options);
    if (graph)
        ork_graph_keep_file(graph, file);
    else
        ork_file_unmap(&file);
    return graph;
}
