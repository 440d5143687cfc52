/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of torch.export: names and places of layers, and archives that are wrong in every way a
   reader has to notice. Results are compared in test_numbers.c. */
#include "../zip_writer.h"
#include "import/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DATA ORK_TEST_DATA "/export/"

static ork_graph *import_file(ork_diag *diag, const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", DATA, file);
    return ork_import_pytorch(diag, path, NULL);
}

/* parts: in what, where, why, fix */
static void expect_error(const ork_diag *diag, const char *label, const char *id,
                         const char *const parts[4])
{
    const ork_error *error = ork_diag_error(diag);
    const char *texts[] = {error->what, error->where, error->why, error->fix};
    if (strcmp(error->id, id) != 0)
        fail_msg("%s: %s instead of %s: %s", label, error->id, id, error->what);
    for (int i = 0; i < 4; i++)
        if (parts[i] && !strstr(texts[i], parts[i]))
            fail_msg("%s: '%s' is not in '%s'", label, parts[i], texts[i]);
}

/* ---- good files ------------------------------------------------------------------------ */

static const ork_node *find_node(const ork_graph *graph, const char *name)
{
    for (const ork_node *node = graph->first; node; node = node->next)
        if (!strcmp(node->name, name))
            return node;
    return NULL;
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *file, *node, *scope;
    } rows[] = {
        {"layers.pt2", "conv", "Conv2d, make_export_fixtures.py:"},
        {"layers.pt2", "act", "ReLU, make_export_fixtures.py:"},
        {"layers.pt2", "act_1", "ReLU, make_export_fixtures.py:"}, /* called twice */
        {"layers.pt2", "head.1", "LayerNorm, make_export_fixtures.py:"},
        {"layers.pt2", "mul", "Layers, make_export_fixtures.py:"},
        {"layers_core.pt2", "conv", "Conv2d, make_export_fixtures.py:"},
        {"settings.pt2", "inner", "Linear, make_export_fixtures.py:"}, /* in a graph inside */
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_diag *diag = ork_diag_new();
        ork_graph *graph = import_file(diag, rows[i].file);
        assert_non_null(graph);
        const ork_node *node = find_node(graph, rows[i].node);
        if (!node)
            fail_msg("%s has no layer '%s'", rows[i].file, rows[i].node);
        if (!ork_starts_with(node->scope, rows[i].scope))
            fail_msg("%s: '%s' stands at '%s'", rows[i].file, rows[i].node, node->scope);
        ork_graph_free(graph);
        ork_diag_free(diag);
    }
}

/* Weights are used where they lie in the file. */
static void test_weights_stay(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_file file;
    assert_true(ork_file_map(diag, DATA "attention.pt2", &file));
    ork_graph *graph = ork_import_pytorch_bytes(diag, "attention.pt2", file.bytes, NULL);
    assert_non_null(graph);
    int inside = 0;
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        const uint8_t *data = value->kind == ORK_VALUE_CONSTANT ? value->data : NULL;
        inside += data >= file.bytes.data && data < file.bytes.data + file.bytes.size;
    }
    assert_int_equal(inside, 4); /* qkv.weight, qkv.bias, norm.weight, norm.bias */
    ork_graph_free(graph);
    ork_file_unmap(&file);
    ork_diag_free(diag);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *id;
        const char *parts[4];
    } rows[] = {
        {"unknown.pt2",
         "E0205",
         {"torch.erfinv                     2 x, first in the model (Unknown, "
          "make_export_fixtures.py:",
          "unknown.pt2"}},
        {"unknown.pt2", "E0205", {"torch.special_i0"}},
        {"training.pt2",
         "E0206",
         {"batch", "layer 'norm' (BatchNorm2d, make_export_fixtures.py:", NULL, "model.eval()"}},
        {"branch.pt2", "E0206", {"torch.cond", "the model (Branch", "one fixed sequence"}},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_diag *diag = ork_diag_new();
        assert_null(import_file(diag, rows[i].file));
        expect_error(diag, rows[i].file, rows[i].id, rows[i].parts);
        ork_diag_free(diag);
    }
}

/* ---- archives made here ---------------------------------------------------------------- */

#define INT(n)   "{\"as_int\":" #n "}"
#define INTS(n)  "[" INT(n) "]"
#define META     "\"dtype\":7,\"sizes\":" INTS(4) ",\"strides\":" INTS(1) ",\"storage_offset\":" INT(0)
#define ROW(key) "{\"path_name\":\"weight_0\",\"use_pickle\":false,\"tensor_meta\":{" key "}}"
#define W(row)   "{\"config\":{\"w\":" row "}}"

/* A network that adds its weight w to the input x, both [4]. */
#define ARGS                                                                                       \
    "[{\"name\":\"self\",\"arg\":{\"as_tensor\":{\"name\":\"x\"}},\"kind\":1},"                    \
    "{\"name\":\"other\",\"arg\":{\"as_tensor\":{\"name\":\"p_w\"}},\"kind\":1}]"
#define NODE(target, args)                                                                         \
    "{\"target\":\"" target "\",\"inputs\":" args                                                  \
    ",\"outputs\":[{\"as_tensor\":{\"name\":\"add\"}}],\"metadata\":{}}"
#define GRAPH(nodes, values)                                                                       \
    "{\"inputs\":[],\"outputs\":[],\"nodes\":[" nodes "],\"tensor_values\":{" values "}}"
#define X(sizes) "\"x\":{\"dtype\":7,\"sizes\":[" sizes "]}"
#define INPUTS                                                                                     \
    "[{\"parameter\":{\"arg\":{\"name\":\"p_w\"},\"parameter_name\":\"w\"}},"                      \
    "{\"user_input\":{\"arg\":{\"as_tensor\":{\"name\":\"x\"}}}}]"
#define OUTPUTS                    "[{\"user_output\":{\"arg\":{\"as_tensor\":{\"name\":\"add\"}}}}]"
#define SIGNATURE(inputs, outputs) "{\"input_specs\":" inputs ",\"output_specs\":" outputs "}"
#define MODULE(graph, signature)                                                                   \
    "{\"graph_module\":{\"graph\":" graph ",\"signature\":" signature                              \
    "},\"schema_version\":{\"major\":8,\"minor\":1},\"torch_version\":\"2.9\"}"
#define GOOD_NODE       NODE("torch.ops.aten.add.Tensor", ARGS)
#define GOOD_GRAPH      GRAPH(GOOD_NODE, X(INT(4)))
#define GOOD            MODULE(GOOD_GRAPH, SIGNATURE(INPUTS, OUTPUTS))
#define WITH_NODE(node) MODULE(GRAPH(node, X(INT(4))), SIGNATURE(INPUTS, OUTPUTS))
#define WITH_ARG(arg)                                                                              \
    WITH_NODE(NODE("torch.ops.aten.add.Tensor",                                                    \
                   "[{\"name\":\"self\",\"arg\":{\"as_tensor\":{\"name\":\"x\"}},\"kind\":1},"     \
                   "{\"name\":\"other\",\"arg\":" arg ",\"kind\":1}]"))
#define WITH_INPUTS(inputs) MODULE(GOOD_GRAPH, SIGNATURE(inputs, OUTPUTS))

typedef struct archive_case {
    const char *label, *program, *weights, *id;
    const char *parts[4];
} archive_case;

static ork_graph *import_archive(ork_diag *diag, const char *program, const char *weights)
{
    static const float numbers[4] = {1, 2, 3, 4};
    zip_archive a = {0};
    zip_add(&a, "net/archive_format", "pt2", 3);
    zip_add(&a, "net/models/model.json", program, strlen(program));
    zip_add(&a, "net/data/weights/model_weights_config.json", weights, strlen(weights));
    zip_add(&a, "net/data/weights/weight_0", numbers, sizeof(numbers));
    zip_add(&a, "net/data/constants/model_constants_config.json", "{}", 2);
    zip_finish(&a);
    ork_graph *graph = ork_import_pytorch_bytes(
        diag, "net.pt2", (ork_bytes){(uint8_t *)a.bytes.text, a.bytes.length}, NULL);
    ork_graph_free(graph);
    zip_free(&a);
    return graph;
}

static void test_good_archives(void **state)
{
    (void)state;
    static const char *const programs[] = {
        GOOD,
        WITH_ARG("{\"as_float\":\"-Infinity\"}"),
        WITH_ARG("{\"as_int\":3}"),
        WITH_ARG("{\"as_sym_int\":{\"as_int\":3}}"),
        WITH_ARG("{\"as_optional_tensor\":{\"as_tensor\":{\"name\":\"p_w\"}}}"),
        WITH_NODE(NODE("torch.ops.aten.add.Tensor",
                       "[{\"name\":\"other\",\"arg\":{\"as_int\":3}},"
                       "{\"name\":\"self\",\"arg\":{\"as_tensor\":{\"name\":\"x\"}}}]")),
    };
    for (size_t i = 0; i < ORK_COUNT(programs); i++) {
        ork_diag *diag = ork_diag_new();
        if (!import_archive(diag, programs[i], W(ROW(META))))
            fail_msg("archive %zu: %s", i, ork_diag_error(diag)->what);
        ork_diag_free(diag);
    }
}

static const archive_case bad_archives[] = {
    {"no JSON",
     "{\"graph_module\":",
     W(ROW(META)),
     "E0106",
     {NULL, "net.pt2", "models/model.json"}},
    {"no object",
     "[]",
     W(ROW(META)),
     "E0204",
     {"graph_module is missing", NULL, NULL, "torch.export.save"}},
    {"no graph", MODULE("7", SIGNATURE(INPUTS, OUTPUTS)), W(ROW(META)), "E0204", {"no network"}},
    {"too new",
     "{\"graph_module\":{\"graph\":{},\"signature\":{}},\"schema_version\":{\"major\":9,\"minor\":"
     "2},"
     "\"torch_version\":\"3.1\"}",
     W(ROW(META)),
     "E0201",
     {"version 9.2", NULL, "torch 3.1", "newer release"}},
    {"too old",
     "{\"graph_module\":{\"graph\":{},\"signature\":{}},\"schema_version\":4}",
     W(ROW(META)),
     "E0201",
     {"5 to 8 can be read", NULL, NULL, "torch 2.5 or newer"}},
    {"no weights", GOOD, "{}", "E0204", {"tensor 'w' is not in the file"}},
    {"weights are no JSON", GOOD, "{,", "E0106", {NULL, "net.pt2", "model_weights_config.json"}},
    {"no record",
     GOOD,
     "{\"config\":{\"w\":{\"path_name\":\"weight_9\",\"tensor_meta\":{" META "}}}}",
     "E0104",
     {"data/weights/weight_9 is missing"}},
    {"a record outside",
     GOOD,
     "{\"config\":{\"w\":{\"path_name\":\"../../archive_format\",\"tensor_meta\":{" META "}}}}",
     "E0104",
     {"is missing"}},
    {"too large",
     GOOD,
     W(ROW("\"dtype\":7,\"sizes\":" INTS(5) ",\"strides\":" INTS(1) ",\"storage_offset\":" INT(0))),
     "E0104",
     {"the tensor 'w' reaches beyond its record weight_0"}},
    {"offset outside",
     GOOD,
     W(ROW("\"dtype\":7,\"sizes\":" INTS(4) ",\"strides\":" INTS(1) ",\"storage_offset\":" INT(1))),
     "E0104",
     {"reaches beyond"}},
    {"strides that overflow",
     GOOD,
     W(ROW("\"dtype\":7,\"sizes\":" INTS(4) ",\"strides\":" INTS(
         9223372036854775807) ",\"storage_offset\":" INT(0))),
     "E0104",
     {"reaches beyond"}},
    {"sizes that overflow",
     GOOD,
     W(ROW("\"dtype\":7,\"sizes\":[" INT(4294967296) "," INT(4294967296) "],\"strides\":[" INT(
         0) "," INT(0) "],\"storage_offset\":" INT(0))),
     "E0104",
     {"reaches beyond"}},
    {"negative size",
     GOOD,
     W(ROW(
         "\"dtype\":7,\"sizes\":" INTS(-4) ",\"strides\":" INTS(1) ",\"storage_offset\":" INT(0))),
     "E0204",
     {"'w' is not described well"}},
    {"a size without a value",
     GOOD,
     W(ROW("\"dtype\":7,\"sizes\":[{\"as_expr\":{\"expr_str\":\"s0\"}}],\"strides\":" INTS(
         1) ",\"storage_offset\":" INT(0))),
     "E0204",
     {"not described well"}},
    {"nine axes",
     GOOD,
     W(ROW("\"dtype\":7,\"sizes\":[1,2,3,4,5,6,7,8,9]")),
     "E0204",
     {"not described"}},
    {"no description", GOOD, W("{\"path_name\":\"weight_0\"}"), "E0204", {"not described well"}},
    {"complex numbers",
     GOOD,
     W(ROW(
         "\"dtype\":10,\"sizes\":" INTS(2) ",\"strides\":" INTS(1) ",\"storage_offset\":" INT(0))),
     "E0206",
     {"ComplexFloatStorage cannot be used"}},
    {"a type unknown",
     GOOD,
     W(ROW(
         "\"dtype\":99,\"sizes\":" INTS(4) ",\"strides\":" INTS(1) ",\"storage_offset\":" INT(0))),
     "E0206",
     {"'w', a tensor of a type that is not known"}},
    {"pickled",
     GOOD,
     "{\"config\":{\"w\":{\"path_name\":\"weight_0\",\"use_pickle\":true}}}",
     "E0206",
     {"'w', a pickled object"}},
    {"an unset name",
     WITH_ARG("{\"as_tensor\":{\"name\":\"y\"}}"),
     W(ROW(META)),
     "E0204",
     {"the graph uses 'y' before it is set", NULL, NULL, "torch.export.export("}},
    {"no name", WITH_ARG("{\"as_tensor\":7}"), W(ROW(META)), "E0204", {"a value without a name"}},
    {"no argument", WITH_ARG("[]"), W(ROW(META)), "E0204", {"no object with one member"}},
    {"two members",
     WITH_ARG("{\"as_int\":1,\"as_float\":2}"),
     W(ROW(META)),
     "E0204",
     {"no object with one member"}},
    {"a number of text",
     WITH_ARG("{\"as_int\":\"1\"}"),
     W(ROW(META)),
     "E0204",
     {"string stands where a whole number"}},
    {"a float of text",
     WITH_ARG("{\"as_float\":\"much\"}"),
     W(ROW(META)),
     "E0204",
     {"stands where a number"}},
    {"no list", WITH_ARG("{\"as_ints\":1}"), W(ROW(META)), "E0204", {"stands where a list"}},
    {"a kind unknown", WITH_ARG("{\"as_complex\":{}}"), W(ROW(META)), "E0206", {"'as_complex'"}},
    {"no target", WITH_NODE("{\"inputs\":[]}"), W(ROW(META)), "E0204", {"no target"}},
    {"no node", WITH_NODE("7"), W(ROW(META)), "E0204", {"no target"}},
    {"an operator unknown",
     WITH_NODE(NODE("torch.ops.mine.twist.default", ARGS)),
     W(ROW(META)),
     "E0205",
     {"ops.mine.twist", "net.pt2"}},
    {"a target of nothing", WITH_NODE(NODE("torch.ops.", ARGS)), W(ROW(META)), "E0205", {"ops."}},
    {"a higher-order operator unknown",
     WITH_NODE(NODE("torch.ops.higher_order.scan", ARGS)),
     W(ROW(META)),
     "E0205",
     {"ops.higher_order.scan"}},
    {"a graph that is none",
     WITH_NODE(NODE("torch.ops.higher_order.wrap_with_set_grad_enabled", ARGS)),
     W(ROW(META)),
     "E0204",
     {"argument 1 of a node is no graph"}},
    {"a Python function unknown",
     WITH_NODE(NODE("_operator.matmul", ARGS)),
     W(ROW(META)),
     "E0205",
     {"_operator.matmul"}},
    {"no output",
     MODULE(GOOD_GRAPH, SIGNATURE(INPUTS, "[]")),
     W(ROW(META)),
     "E0206",
     {"no output"}},
    {"an output unset",
     MODULE(GOOD_GRAPH,
            SIGNATURE(INPUTS, "[{\"user_output\":{\"arg\":{\"as_tensor\":{\"name\":\"z\"}}}}]")),
     W(ROW(META)),
     "E0204",
     {"uses 'z'"}},
    {"a loss",
     MODULE(GOOD_GRAPH, SIGNATURE(INPUTS, "[{\"gradient_to_parameter\":{}}]")),
     W(ROW(META)),
     "E0206",
     {"'gradient_to_parameter'"}},
    {"a custom object",
     WITH_INPUTS("[{\"custom_obj\":{\"arg\":{\"name\":\"p_w\"},\"custom_obj_name\":\"w\"}},"
                 "{\"user_input\":{\"arg\":{\"as_tensor\":{\"name\":\"x\"}}}}]"),
     W(ROW(META)),
     "E0206",
     {"an input of the kind 'custom_obj'"}},
    {"a number that is a tensor",
     WITH_INPUTS(
         "[{\"constant_input\":{\"name\":\"p_w\",\"value\":{\"as_tensor\":{\"name\":\"q\"}}}},"
         "{\"user_input\":{\"arg\":{\"as_tensor\":{\"name\":\"x\"}}}}]"),
     W(ROW(META)),
     "E0204",
     {"uses 'q' before it is set"}},
    {"an input that is a number of nothing",
     WITH_INPUTS("[{\"user_input\":{\"arg\":{\"as_sym_int\":{\"as_name\":\"p_w\"}}}},"
                 "{\"user_input\":{\"arg\":{\"as_tensor\":{\"name\":\"x\"}}}}]"),
     W(ROW(META)),
     "E0206",
     {"these arguments are not supported: (a tensor, None)"}},
    {"sizes unknown",
     MODULE(GRAPH(GOOD_NODE, ""), SIGNATURE(INPUTS, OUTPUTS)),
     W(ROW(META)),
     "E0207",
     {"not known", NULL, "forward(x: Tensor)"}},
    {"sizes of nothing",
     MODULE(GRAPH(GOOD_NODE, X(INT(0))), SIGNATURE(INPUTS, OUTPUTS)),
     W(ROW(META)),
     "E0207",
     {"cannot have this size"}},
    {"sizes beyond memory",
     MODULE(GRAPH(GOOD_NODE, X(INT(4294967296) "," INT(4294967296))), SIGNATURE(INPUTS, OUTPUTS)),
     W(ROW(META)),
     "E0207",
     {"cannot have this size"}},
};

static void test_bad_archives(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORK_COUNT(bad_archives); i++) {
        const archive_case *c = &bad_archives[i];
        ork_diag *diag = ork_diag_new();
        if (import_archive(diag, c->program, c->weights))
            fail_msg("%s: no error", c->label);
        expect_error(diag, c->label, c->id, c->parts);
        ork_diag_free(diag);
    }
}

/* Packages that hold something else. */
static void test_packages(void **state)
{
    (void)state;
    static const struct {
        const char *names[4], *id;
        const char *parts[4];
    } rows[] = {
        {{"net/archive_format", "net/data/aotinductor/model/model.so"},
         "E0201",
         {"AOTInductor", "net.pt2", "machine code", "torch.export.save"}},
        {{"net/archive_format"}, "E0201", {"without a network"}},
        {{"net/archive_format", "net/models/a.json", "net/models/b.json"},
         "E0201",
         {"several networks: a, b"}},
        {{"net/archive_format", "net/models/a.json"}, "E0106", {NULL, "net.pt2", "models/a.json"}},
        {{"serialized_exported_program.json"},
         "E0106",
         {NULL, "net.pt2", "serialized_exported_program.json"}},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        zip_archive a = {0};
        ork_diag *diag = ork_diag_new();
        for (int k = 0; k < 4 && rows[i].names[k]; k++)
            zip_add(&a, rows[i].names[k], "x", 1);
        zip_finish(&a);
        ork_bytes bytes = {(uint8_t *)a.bytes.text, a.bytes.length};
        assert_null(ork_import_pytorch_bytes(diag, "net.pt2", bytes, NULL));
        expect_error(diag, rows[i].names[0], rows[i].id, rows[i].parts);
        zip_free(&a);
        ork_diag_free(diag);
    }
}

/* Ends of files are lost on the way. */
static void test_truncated(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_file file;
    assert_true(ork_file_map(diag, DATA "layers.pt2", &file));
    for (size_t size = 0; size < file.bytes.size; size += 97) {
        ork_bytes bytes = {file.bytes.data, size};
        assert_null(ork_import_pytorch_bytes(diag, "layers.pt2", bytes, NULL));
        assert_string_equal(ork_diag_error(diag)->where, "layers.pt2");
    }
    ork_file_unmap(&file);
    ork_diag_free(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),       cmocka_unit_test(test_weights_stay),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_good_archives),
        cmocka_unit_test(test_bad_archives), cmocka_unit_test(test_packages),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
