/* SPDX-License-Identifier: Apache-2.0 */
/* Imported ONNX networks compute what ONNX Runtime computed, and what cannot be imported says so.
   The files are made by tests/data/make_onnx_fixtures.py. */
#include "import/import.h"
#include "pass/pass.h"
#include "plan/plan.h"

#define DATA_FOLDER "onnx"
#include "../reader_fixture.h"

#include <math.h>
#include <string.h>

static bool read_npy(fixture *f, const char *name, const char *kind, int index, ork_tensor *tensor)
{
    ork_file file;
    const char *path =
        ork_arena_printf(f->arena, ORK_TEST_DATA "/onnx/%s.%s%d.npy", name, kind, index);
    if (!ork_file_map(f->diag, path, &file))
        return false;
    assert_true(ork_npy_read(f->diag, f->arena, file.bytes, tensor));
    ork_file_unmap(&file);
    return true;
}

static ork_graph *import(fixture *f, const char *name, const ork_import_options *options)
{
    const char *path = ork_arena_printf(f->arena, ORK_TEST_DATA "/onnx/%s.onnx", name);
    return ork_import_onnx(f->diag, path, options);
}

static void fail_with(const fixture *f, const char *name)
{
    const ork_error *error = ork_diag_error(f->diag);
    fail_msg("%s: %s %s; %s; %s", name, error->id, error->what, error->why, error->where);
}

/* ---- numbers --------------------------------------------------------------------------- */

static void compare(const char *name, size_t output, const ork_value *value, const void *got,
                    const ork_tensor *expected)
{
    const ork_type *type = &expected->type;
    if (value->type.dtype != type->dtype || !ork_shape_equal(&value->type.shape, &type->shape))
        fail_msg("%s: output %zu has another type", name, output);
    for (int64_t i = 0; i < ork_shape_count(&type->shape); i++) {
        double have = ork_element_get(type->dtype, got, i);
        double want = ork_element_get(type->dtype, expected->data, i);
        double limit = type->dtype == ORK_F32 ? 1e-4 * fmax(1, fabs(want)) : 0;
        if (!(fabs(have - want) <= limit))
            fail_msg("%s: output %zu, element %lld is %g, not %g", name, output, (long long)i, have,
                     want);
    }
}

static void run(fixture *f, const char *name, ork_graph *graph, int level)
{
    if (!ork_passes_run(graph, f->diag, level))
        fail_with(f, name);
    ork_plan *plan = ork_plan_new(f->diag, graph, &(ork_plan_options){0});
    ork_runner *runner = plan ? ork_runner_new(f->diag, plan, NULL) : NULL;
    if (!runner)
        fail_with(f, name);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        ork_tensor x;
        assert_true(read_npy(f, name, "in", (int)i, &x));
        ork_feed feed = {.data = x.data, .dtype = x.type.dtype, .shape = x.type.shape};
        if (!ork_runner_check_feed(runner, f->diag, i, &feed))
            fail_with(f, name);
        ork_runner_set_input(runner, i, &feed);
    }
    ork_runner_run(runner);
    for (size_t i = 0; i < graph->outputs.count; i++) {
        ork_tensor expected;
        assert_true(read_npy(f, name, "out", (int)i, &expected));
        compare(name, i, graph->outputs.items[i], ork_runner_output_raw(runner, i), &expected);
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
}

static void test_networks(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"layers",   "lines",  "volume",   "elements", "shapes",
                                        "index",    "flow",   "resize",   "samples",  "old",
                                        "external", "halves", "recurrent"};
    for (size_t i = 0; i < ORK_COUNT(names); i++)
        for (int level = 0; level <= 3; level += 3) {
            ork_graph *graph = import(f, names[i], NULL);
            if (!graph)
                fail_with(f, names[i]);
            run(f, names[i], graph, level);
            ork_graph_free(graph);
        }
}

/* Sizes with names: the first is 1 when nobody says otherwise, the others must be said. */
static void test_sizes_that_are_not_fixed(void **state)
{
    fixture *f = *state;
    ork_import_input input = {.rank = 4, .dim = {2, 3, 4, 5}};
    ork_import_options options = {.inputs = &input, .input_count = 1};
    ork_graph *graph = import(f, "dynamic", &options);
    if (!graph)
        fail_with(f, "dynamic");
    run(f, "dynamic", graph, 3);
    ork_graph_free(graph);
    input = (ork_import_input){.rank = 3, .dim = {3, 7, 9}};
    graph = import(f, "dynamic", &options);
    assert_non_null(graph);
    ork_shape wanted = ork_shape_of(2, (int64_t[]){1, 4 * 7 * 9});
    assert_true(ork_shape_equal(&graph->outputs.items[0]->type.shape, &wanted));
    ork_graph_free(graph);
    assert_null(import(f, "dynamic", NULL));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0207");
}

/* ---- parts of networks ------------------------------------------------------------------- */

static size_t count_ops(const ork_graph *graph, ork_op op)
{
    size_t count = 0;
    for (const ork_node *node = graph->first; node; node = node->next)
        count += node->op == op;
    return count;
}

static void test_the_part_between_tensors(void **state)
{
    fixture *f = *state;
    const char *inputs[] = {"r"}, *outputs[] = {"a", "pooled"};
    ork_import_input size = {.rank = 4, .dim = {1, 4, 6, 6}};
    ork_import_options options = {.inputs = &size,
                                  .input_count = 1,
                                  .input_names = inputs,
                                  .input_name_count = 1,
                                  .output_names = outputs,
                                  .output_name_count = 2};
    ork_graph *graph = import(f, "layers", &options);
    if (!graph)
        fail_with(f, "layers");
    assert_int_equal(graph->inputs.count, 1);
    assert_string_equal(graph->inputs.items[0].value->name, "r");
    assert_int_equal(graph->outputs.count, 2);
    assert_string_equal(graph->outputs.items[0]->name, "a");
    assert_string_equal(graph->outputs.items[1]->name, "pooled");
    assert_int_equal(count_ops(graph, ORK_OP_CONV2D), 0);
    assert_int_equal(count_ops(graph, ORK_OP_CONV_TRANSPOSE2D), 1);
    ork_graph_free(graph);
}

/* A shape that comes in as an input. */
static void test_an_input_that_is_known(void **state)
{
    fixture *f = *state;
    int64_t numbers[] = {3, -1}, count = 2;
    ork_import_constant shape = {
        .name = "shape", .value = {.type = ork_type_of(ORK_I64, 1, &count), .data = numbers}};
    ork_import_options options = {.constants = &shape, .constant_count = 1};
    ork_graph *graph = import(f, "computed", &options);
    if (!graph)
        fail_with(f, "computed");
    ork_shape wanted = ork_shape_of(2, (int64_t[]){3, 8});
    assert_true(ork_shape_equal(&graph->outputs.items[0]->type.shape, &wanted));
    assert_int_equal(graph->inputs.count, 1);
    ork_graph_free(graph);
}

/* Weights are used where they lie in the mapped file. */
static void test_weights_are_not_copied(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load(f, "layers.onnx");
    ork_graph *graph = ork_import_onnx_bytes(f->diag, "layers.onnx", bytes, false, NULL);
    assert_non_null(graph);
    const ork_value *weights = ork_graph_find(graph, "w");
    assert_non_null(weights);
    assert_true((const uint8_t *)weights->data >= bytes.data &&
                (const uint8_t *)weights->data < bytes.data + bytes.size);
    ork_graph_free(graph);
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void expect_error(fixture *f, const char *name, const char *id, const char *text)
{
    assert_null(import(f, name, NULL));
    const ork_error *error = ork_diag_error(f->diag);
    if (strcmp(error->id, id) != 0 || !strstr(error->what, text))
        fail_msg("%s: %s %s", name, error->id, error->what);
}

static void test_what_depends_on_computed_values(void **state)
{
    fixture *f = *state;
    expect_error(f, "endless", "E0206", "when it ends is not known");
    assert_non_null(strstr(ork_diag_error(f->diag)->where, "layer 'y' (Loop)"));
    expect_error(f, "computed", "E0206", "its input 1 is not known before the network runs");
    expect_error(f, "found", "E0206",
                 "the size of its result depends on what the network computes");
}

static void test_what_is_not_there(void **state)
{
    fixture *f = *state;
    expect_error(f, "hidden", "E0205", "Unheard");
    expect_error(f, "left_out", "E0206", "without one of its inputs");
    expect_error(f, "not_given", "E0211", "'q' is an output that its operator does not give");
}

static void test_names_that_are_not_there(void **state)
{
    fixture *f = *state;
    const char *outputs[] = {"poled"};
    ork_import_options options = {.output_names = outputs, .output_name_count = 1};
    assert_null(import(f, "layers", &options));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0211");
    assert_non_null(strstr(ork_diag_error(f->diag)->fix, "pooled"));
}

/* A file of weights that is not there, and one that is asked for in memory. */
static void test_weights_in_other_files(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load(f, "external.onnx");
    assert_null(ork_import_onnx_bytes(f->diag, "external.onnx", bytes, false, NULL));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0109");
    assert_null(ork_import_onnx_bytes(f->diag, "/nowhere/external.onnx", bytes, true, NULL));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0101");
}

/* Every file cut short anywhere is refused or imported, and read no further. */
static void test_files_cut_short(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load(f, "flow.onnx");
    for (size_t size = 0; size < bytes.size; size += 7) {
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, bytes.data, size);
        ork_graph *graph =
            ork_import_onnx_bytes(f->diag, "flow.onnx", (ork_bytes){copy, size}, false, NULL);
        assert_true(graph || ork_diag_error_id(f->diag) != ORK_ERR_NONE);
        ork_graph_free(graph);
        free(copy);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_networks),
        TEST(test_sizes_that_are_not_fixed),
        TEST(test_the_part_between_tensors),
        TEST(test_an_input_that_is_known),
        TEST(test_weights_are_not_copied),
        TEST(test_what_depends_on_computed_values),
        TEST(test_what_is_not_there),
        TEST(test_names_that_are_not_there),
        TEST(test_weights_in_other_files),
        TEST(test_files_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
