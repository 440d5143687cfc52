/* SPDX-License-Identifier: Apache-2.0 */
/* Runs ONNX models one after the other, which is quicker than a process for each. A line of stdin
   is one model, its words separated by tabs:

     MODEL  FOLDER  [input|constant  NAME  FILE.npy]...

   `input` are fed, in the order of the model's inputs; `constant` are known when the model is
   imported. Outputs go to FOLDER/0.npy, FOLDER/1.npy ... in their own types. A line of stdout
   answers: "ok" and the number of outputs, or "failed" and the error. */
#define _GNU_SOURCE
#include "import/import.h"
#include "pass/pass.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

typedef struct task {
    ork_diag *diag;
    ork_arena *arena;
    const char *model, *folder;
    ork_import_constant constants[MOST];
    int constant_count;
    ork_tensor feeds[MOST];
    ork_import_input sizes[MOST];
    int feed_count;
} task;

static bool read_npy(task *t, const char *path, ork_tensor *tensor)
{
    ork_file file;
    if (!ork_file_map(t->diag, path, &file))
        return false;
    bool good = ork_npy_read(t->diag, t->arena, file.bytes, tensor);
    ork_file_unmap(&file);
    return good;
}

static bool add_tensor(task *t, const char *kind, const char *name, const char *path)
{
    ork_tensor tensor;
    if (t->feed_count == MOST || t->constant_count == MOST)
        return ork_fail(t->diag, ORK_ERR_USAGE, "more than %d inputs", MOST);
    if (!read_npy(t, path, &tensor))
        return false;
    if (!strcmp(kind, "constant")) {
        t->constants[t->constant_count++] = (ork_import_constant){name, tensor};
        return true;
    }
    ork_import_input *size = &t->sizes[t->feed_count];
    *size = (ork_import_input){.dtype = tensor.type.dtype, .rank = tensor.type.shape.rank};
    memcpy(size->dim, tensor.type.shape.dim, sizeof(size->dim));
    t->feeds[t->feed_count++] = tensor;
    return true;
}

static bool parse(task *t, char *line)
{
    char *rest = line, *words[3];
    t->model = strsep(&rest, "\t");
    t->folder = strsep(&rest, "\t");
    while (rest) {
        for (int i = 0; i < 3; i++)
            words[i] = strsep(&rest, "\t");
        if (!words[2])
            return ork_fail(t->diag, ORK_ERR_USAGE, "a line is cut short");
        if (!add_tensor(t, words[0], words[1], words[2]))
            return false;
    }
    return t->folder || ork_fail(t->diag, ORK_ERR_USAGE, "a line is cut short");
}

static bool feed(task *t, ork_runner *runner)
{
    for (int i = 0; i < t->feed_count; i++) {
        ork_feed feed = {.data = t->feeds[i].data,
                         .dtype = t->feeds[i].type.dtype,
                         .shape = t->feeds[i].type.shape};
        if (!ork_runner_check_feed(runner, t->diag, (size_t)i, &feed))
            return false;
        ork_runner_set_input(runner, (size_t)i, &feed);
    }
    return true;
}

static bool write_outputs(task *t, const ork_graph *graph, const ork_runner *runner)
{
    for (size_t i = 0; i < graph->outputs.count; i++) {
        ork_tensor tensor = {.type = graph->outputs.items[i]->type,
                             .data = (void *)(uintptr_t)ork_runner_output_raw(runner, i)};
        if (!ork_npy_write(t->diag, ork_arena_printf(t->arena, "%s/%zu.npy", t->folder, i),
                           &tensor))
            return false;
    }
    return true;
}

static bool run_plan(task *t, const ork_graph *graph, const ork_plan *plan)
{
    ork_runner *runner = ork_runner_new(t->diag, plan, NULL);
    bool good = runner && feed(t, runner);
    if (good) {
        ork_runner_run(runner);
        good = write_outputs(t, graph, runner);
    }
    ork_runner_free(runner);
    return good;
}

static bool run_graph(task *t, ork_graph *graph)
{
    if ((size_t)t->feed_count != graph->inputs.count)
        return ork_fail(t->diag, ORK_ERR_INPUT_COUNT, "the graph has %zu inputs, not %d",
                        graph->inputs.count, t->feed_count);
    ork_plan_options options = {.family = ORK_FAMILY_LION};
    ork_plan *plan =
        ork_passes_run(graph, t->diag, 3) ? ork_plan_new(t->diag, graph, &options) : NULL;
    bool good = plan && run_plan(t, graph, plan);
    ork_plan_free(plan);
    return good;
}

/* In one line. */
static void print_error(const task *t)
{
    const ork_error *error = ork_diag_error(t->diag);
    char *text = ork_arena_printf(t->arena, "failed %s: %s; %s; %s", error->id, error->what,
                                  error->why, error->where);
    for (char *at = text; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    puts(text);
}

static void run_line(char *line)
{
    task *t = calloc(1, sizeof(*t));
    t->diag = ork_diag_new();
    t->arena = ork_arena_new();
    ork_graph *graph = NULL;
    if (parse(t, line)) {
        ork_import_options options = {.inputs = t->sizes,
                                      .input_count = t->feed_count,
                                      .exact_sizes = true,
                                      .constants = t->constants,
                                      .constant_count = t->constant_count};
        graph = ork_import_onnx(t->diag, t->model, &options);
    }
    if (graph && run_graph(t, graph))
        printf("ok %zu\n", graph->outputs.count);
    else
        print_error(t);
    fflush(stdout);
    ork_graph_free(graph);
    ork_arena_free(t->arena);
    ork_diag_free(t->diag);
    free(t);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        run_line(line);
    }
    free(line);
    return 0;
}
