/* SPDX-License-Identifier: Apache-2.0 */
/* Imported networks compute what PyTorch computed: file, passes, plan and kernels together. Inputs
   and expected outputs lie beside the files as .npy. */
#include "import/import.h"
#include "pass/pass.h"
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ork_tensor load(ork_diag *diag, ork_arena *arena, const char *base, const char *ending)
{
    ork_file file;
    ork_tensor tensor;
    const char *path = ork_arena_printf(arena, "%s.%s.npy", base, ending);
    if (!ork_file_map(diag, path, &file))
        fail_msg("%s is missing", path);
    assert_true(ork_npy_read(diag, arena, file.bytes, &tensor));
    ork_file_unmap(&file);
    return tensor;
}

enum { MAX_INPUTS = 4 };

/* Inputs of a network: base.in.npy, or base.in0.npy and so on. */
static int load_inputs(ork_diag *diag, ork_arena *arena, const char *base, const char *ending,
                       ork_tensor *inputs)
{
    int count = 0;
    if (strcmp(ending, "in") == 0)
        inputs[count++] = load(diag, arena, base, ending);
    while (count < MAX_INPUTS && strcmp(ending, "in") != 0) {
        const char *name = ork_arena_printf(arena, "in%d", count);
        FILE *file = fopen(ork_arena_printf(arena, "%s.%s.npy", base, name), "rb");
        if (!file)
            break;
        fclose(file);
        inputs[count++] = load(diag, arena, base, name);
    }
    return count;
}

static ork_graph *import(ork_diag *diag, const char *path, const ork_tensor *tensors, int count)
{
    ork_import_input inputs[MAX_INPUTS] = {0};
    for (int k = 0; k < count; k++) {
        const ork_type *type = &tensors[k].type;
        inputs[k].dtype = type->dtype;
        inputs[k].rank = type->shape.rank;
        for (int i = 0; i < inputs[k].rank; i++)
            inputs[k].dim[i] = type->shape.dim[i];
    }
    ork_import_options options = {.inputs = inputs, .input_count = count, .exact_sizes = true};
    ork_graph *graph = ork_import_pytorch(diag, path, &options);
    if (!graph)
        fail_msg("%s: %s", path, ork_diag_error(diag)->what);
    return graph;
}

static void compare(const char *base, const float *got, const ork_tensor *expected)
{
    int64_t count = ork_shape_count(&expected->type.shape);
    for (int64_t i = 0; i < count; i++) {
        double want = ork_element_get(expected->type.dtype, expected->data, i);
        if (fabs(got[i] - want) > 2e-4 * (1 + fabs(want)))
            fail_msg("%s: element %lld is %g, not %g", base, (long long)i, got[i], want);
    }
}

/* `input` is the ending of the first input's name: "in" or "in0". */
static void check_network(const char *base, const char *file, const char *input)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_tensor x[MAX_INPUTS];
    int count = load_inputs(diag, arena, base, input, x);
    ork_graph *graph = import(diag, file, x, count);
    if (!ork_passes_run(graph, diag, 3))
        fail_msg("%s: %s", base, ork_diag_error(diag)->what);
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){0});
    if (!plan)
        fail_msg("%s: %s", base, ork_diag_error(diag)->what);
    ork_runner *runner = ork_runner_new(diag, plan, NULL);
    assert_non_null(runner);
    for (int i = 0; i < count; i++) {
        ork_feed feed = {.data = x[i].data, .dtype = x[i].type.dtype, .shape = x[i].type.shape};
        assert_true(ork_runner_check_feed(runner, diag, (size_t)i, &feed));
        ork_runner_set_input(runner, (size_t)i, &feed);
    }
    ork_runner_run(runner);
    for (size_t i = 0; i < graph->outputs.count; i++) {
        ork_tensor expected = load(diag, arena, base, ork_arena_printf(arena, "out%zu", i));
        assert_true(ork_shape_equal(&expected.type.shape, &graph->outputs.items[i]->type.shape));
        compare(base, ork_runner_output(runner, i), &expected);
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_graph_free(graph);
    ork_arena_free(arena);
    ork_diag_free(diag);
}

static void test_fixtures(void **state)
{
    (void)state;
    static const char *const names[] = {
        "focus",    "shared", "tied",      "inplace",  "shapes",    "pools",   "edges",  "picking",
        "computed", "sizes",  "recurrent", "scripted", "attention", "ordered", "sampled"};
    for (size_t i = 0; i < ORK_COUNT(names); i++) {
        char base[512], file[520];
        snprintf(base, sizeof(base), "%s/import/%s", ORK_TEST_DATA, names[i]);
        snprintf(file, sizeof(file), "%s.pt", base);
        check_network(base, file, "in");
    }
}

/* Archives of torch.export, as exported and after run_decompositions(). */
static void test_exported(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"layers", "layers.pt2"},       {"layers", "layers_core.pt2"},
        {"dynamic", "dynamic.pt2"},     {"dynamic", "dynamic_core.pt2"},
        {"written", "written.pt2"},     {"written", "written_core.pt2"},
        {"inputs", "inputs.pt2"},       {"inputs", "inputs_core.pt2"},
        {"settings", "settings.pt2"},   {"settings", "settings_core.pt2"},
        {"attention", "attention.pt2"}, {"attention", "attention_core.pt2"},
        {"attention", "attention.pt"},  {"attention", "old.pt2"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        char base[512], file[512];
        snprintf(base, sizeof(base), "%s/export/%s", ORK_TEST_DATA, rows[i][0]);
        snprintf(file, sizeof(file), "%s/export/%s", ORK_TEST_DATA, rows[i][1]);
        check_network(base, file, "in0");
    }
}

/* The trained detectors, where they are. */
static void test_detectors(void **state)
{
    (void)state;
    static const char *const names[] = {"maps", "flat", "default"};
    const char *shared = getenv("ORK_SHARED");
    if (!shared)
        skip();
    for (size_t i = 0; i < ORK_COUNT(names); i++) {
        char base[1024], file[1032];
        snprintf(base, sizeof(base), "%s/models/yolox_nano/yolox_nano_coco_%s", shared, names[i]);
        snprintf(file, sizeof(file), "%s.pt", base);
        check_network(base, file, "in0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_exported),
        cmocka_unit_test(test_detectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
