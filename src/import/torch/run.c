/* SPDX-License-Identifier: Apache-2.0 */
/* The import as a whole, for TorchScript and torch.export alike: open the file, choose the sizes of
   the inputs, run the network, collect outputs. */
#include "torch.h"

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

/* ---- outputs --------------------------------------------------------------------------- */

static bool add_outputs(ork_torch *torch, ork_torch_value *value, int depth)
{
    if (torch->graph->outputs.count >= MAX_OUTPUTS || depth > MAX_OUTPUTS || torch->steps_left == 0)
        return ork_build_unsupported(torch->build, "more than %d outputs", MAX_OUTPUTS) != NULL;
    torch->steps_left--;
    if (value->kind == ORK_TORCH_NONE)
        return true;
    if (ork_torch_is_sequence(value)) {
        for (size_t i = 0; i < value->list.count; i++)
            if (!add_outputs(torch, value->list.items[i], depth + 1))
                return false;
        return true;
    }
    ork_value *output = ork_torch_graph_value(torch, value);
    if (!output)
        return ork_why(torch->diag, "it is an output of the network");
    ork_graph_add_output(torch->graph, output);
    return true;
}

typedef struct job {
    ork_diag *diag;
    ork_arena *arena;
    const char *name;
    size_t file_size;
    const char *example;
    const ork_import_options *options;
    const ork_torch_reader *reader;
    ork_torch_archive archive;
} job;

static void start(ork_torch *torch, const job *j, ork_arena *arena, ork_graph *graph)
{
    *torch = (ork_torch){
        .diag = j->diag,
        .arena = arena,
        .graph = graph,
        .reader = j->reader,
        .archive = &j->archive,
        .example = j->example,
        .files = ork_map_new(arena),
        .tensors = ork_map_new(arena),
        .objects = ork_map_new(arena),
        .constants = ork_map_new(arena),
        .site = {.path = ""},
        .steps_left = MAX_STEPS,
        .build = ORK_NEW(arena, ork_build),
    };
    *torch->build = (ork_build){
        .diag = j->diag,
        .arena = arena,
        .graph = graph,
        .names = &ork_torch_names,
        .importer = torch,
        .bytes_left = SPARE_BYTES + 8 * ork_min_size(j->file_size, SIZE_MAX / 16),
    };
}

/* The graph from inputs of known sizes. */
static bool run(ork_torch *torch, const job *j, const ork_import_input *inputs, int in_list)
{
    const ork_import_options *options = j->options;
    ork_torch_value *result = j->reader->run(torch, inputs, in_list);
    if (!result)
        return false;
    if (torch->unknown.count > 0)
        return ork_torch_fail_unknown(torch);
    if (!add_outputs(torch, result, 0))
        return false;
    if (torch->graph->outputs.count == 0)
        return ork_fail(torch->diag, ORK_ERR_UNSUPPORTED, "the network has no output");
    ork_graph_remove_dead(torch->graph);
    if (options->output_name_count > 0 &&
        !ork_build_cut(torch->build, options->output_names, options->output_name_count))
        return false;
    return ork_graph_verify(torch->graph, torch->diag);
}

/* ---- the file -------------------------------------------------------------------------- */

static ork_graph *attempt(const job *j, const ork_import_input *inputs, int in_list)
{
    ork_arena *arena = ork_arena_new();
    ork_graph *graph = ork_graph_new(j->name);
    graph->origin = "pytorch";
    ork_torch torch;
    start(&torch, j, arena, graph);
    if (!run(&torch, j, inputs, in_list)) {
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
static bool was_nhwc(const job *j, const ork_torch_sizes *sizes, int in_list)
{
    ork_graph *graph = sizes->from_nhwc ? attempt(j, sizes->from_nhwc, in_list) : NULL;
    ork_graph_free(graph);
    return graph != NULL;
}

static ork_graph *fail_again(const job *j, const ork_torch_sizes *sizes, int in_list)
{
    ork_diag_clear(j->diag);
    if (was_nhwc(j, sizes, in_list)) {
        ork_fail(j->diag, ORK_ERR_INPUT_SIZE, "input_size_list %s does not fit the network",
                 ork_torch_sizes_text(j->arena, sizes->tries[0], sizes->count, true));
        ork_why(j->diag, "sizes are channels, height, width");
        ork_fix(j->diag, "Looks like NHWC - did you mean %s?",
                ork_torch_sizes_text(j->arena, sizes->from_nhwc, sizes->count, true));
        return NULL;
    }
    ork_diag_clear(j->diag);
    attempt(j, sizes->tries[0], in_list);
    if (sizes->is_user_list && ork_diag_error_id(j->diag) == ORK_ERR_SHAPE)
        ork_fix(j->diag, "check input_size_list: %s was given",
                ork_torch_sizes_text(j->arena, sizes->tries[0], sizes->count, true));
    return NULL;
}

static ork_graph *try_sizes(const job *j, const ork_torch_sizes *sizes, int in_list)
{
    for (int i = 0; i < sizes->try_count; i++) {
        ork_diag_clear(j->diag);
        ork_graph *graph = attempt(j, sizes->tries[i], in_list);
        if (graph) {
            ork_log(j->diag, ORK_LOG_NOTE, "input sizes: %s",
                    ork_torch_sizes_text(j->arena, sizes->tries[i], sizes->count, false));
            return graph;
        }
        if (!depends_on_sizes(j->diag))
            return NULL;
    }
    return fail_again(j, sizes, in_list);
}

static ork_graph *import_archive(job *j)
{
    ork_torch_signature signature;
    ork_torch_sizes sizes;
    ork_graph *scratch = ork_graph_new("");
    ork_torch torch;
    start(&torch, j, j->arena, scratch);
    bool good = j->reader->signature(&torch, &signature);
    ork_graph_free(scratch);
    if (!good || !ork_torch_sizes_choose(j->diag, j->arena, &signature, j->options, &sizes))
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
    j.example = ork_torch_example_input(arena, options, "torch.zeros(1, 3, H, W)");
    if (ork_torch_recognise(diag, arena, name, bytes, options, &zip)) {
        j.reader =
            ork_torch_is_export(arena, zip) ? &ork_torch_export_reader : &ork_torch_script_reader;
        if (j.reader->open(diag, arena, zip, &j.archive))
            graph = import_archive(&j);
    }
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_UNKNOWN_OP)
        ork_torch_fail_mobile(diag, arena, name, &j.archive, options);
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
