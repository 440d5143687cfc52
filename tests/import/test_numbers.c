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

static ork_graph *import(ork_diag *diag, const char *path, const ork_type *type)
{
    ork_import_input input = {.dtype = type->dtype, .rank = type->shape.rank};
    for (int i = 0; i < input.rank; i++)
        input.dim[i] = type->shape.dim[i];
    ork_import_options options = {.inputs = &input, .input_count = 1, .exact_sizes = true};
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

/* `input` is the ending of the input's name: "in" or "in0". */
static void check_network(const char *base, const char *input)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_tensor x = load(diag, arena, base, input);
    ork_graph *graph = import(diag, ork_arena_printf(arena, "%s.pt", base), &x.type);
    if (!ork_passes_run(graph, diag, 3))
        fail_msg("%s: %s", base, ork_diag_error(diag)->what);
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){0});
    if (!plan)
        fail_msg("%s: %s", base, ork_diag_error(diag)->what);
    ork_runner *runner = ork_runner_new(diag, plan, NULL);
    assert_non_null(runner);
    ork_feed feed = {.data = x.data, .dtype = x.type.dtype, .shape = x.type.shape};
    assert_true(ork_runner_check_feed(runner, diag, 0, &feed));
    ork_runner_set_input(runner, 0, &feed);
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
        char base[512];
        snprintf(base, sizeof(base), "%s/import/%s", ORK_TEST_DATA, names[i]);
        check_network(base, "in");
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
        char base[1024];
        snprintf(base, sizeof(base), "%s/models/yolox_nano/yolox_nano_coco_%s", shared, names[i]);
        check_network(base, "in0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_detectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
