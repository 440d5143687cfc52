/* SPDX-License-Identifier: Apache-2.0 */
#include "../every_operator.h"
#include "rknn/rknn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static ork_diag *diag;

static int set_up(void **state)
{
    (void)state;
    diag = ork_diag_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ork_diag_free(diag);
    return 0;
}

static char *text_of(const ork_graph *graph)
{
    ork_str text = {0};
    ork_graph_print(graph, &(ork_text_options){.all_constants = true}, &text);
    return text.text;
}

static ork_graph *parse(const char *text)
{
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s: %s\n%s", ork_diag_error(diag)->what, ork_diag_error(diag)->where, text);
    return graph;
}

static ork_graph *must_read(const uint8_t *data, size_t size)
{
    ork_graph *graph = ork_rknn_read_bytes(diag, (ork_bytes){data, size});
    if (!graph)
        fail_msg("%s: %s (%s)", ork_diag_error(diag)->what, ork_diag_error(diag)->why,
                 ork_diag_error(diag)->where);
    return graph;
}

/* Text -> graph -> file -> graph -> text gives the text; the file of what was read is the file. */
static void check_round_trip(const char *source)
{
    ork_graph *graph = parse(source);
    uint8_t *data, *again;
    size_t size, size_again;
    assert_true(ork_rknn_write_memory(diag, graph, &data, &size));
    ork_graph *back = must_read(data, size);
    char *before = text_of(graph), *after = text_of(back);
    assert_string_equal(before, after);
    assert_true(ork_rknn_write_memory(diag, back, &again, &size_again));
    assert_int_equal(size, size_again);
    assert_memory_equal(data, again, size);
    for (size_t i = 0; i < back->values.count; i++)
        if (back->values.items[i]->data)
            assert_int_equal((size_t)((const uint8_t *)back->values.items[i]->data - data) % 64, 0);
    free(before);
    free(after);
    ork_graph_free(graph);
    ork_graph_free(back);
    free(data);
    free(again);
}

static ork_str all_operators(void)
{
    ork_str text = {0};
    int last = add_every_operator(&text) - 1;
    ork_str_printf(&text, "  output %%11\n  output %%%d\n  output %%0\n  output %%9\n}\n", last);
    return text;
}

static void test_every_operator_comes_back(void **state)
{
    (void)state;
    ork_str text = all_operators();
    check_round_trip(text.text);
    ork_str_free(&text);
}

static void test_quantized_types_come_back(void **state)
{
    (void)state;
    check_round_trip(
        "graph \"q\" quant origin \"onnx\" target \"rk1808\" level 3 {\n"
        "  input %0 \"x\" u8[1x2x4x4]{0.1 128}\n"
        "  const %1 \"w\" i8[4x2x1x1]{axis 0 [0.5 0.25 1 2] [0 0 0 0]} random 1\n"
        "  const %2 \"b\" i32[4]{0.00123456789 0} random 2\n"
        "  const %3 \"d\" i8[4x1x3x3]{axis 0 [0.5 0.1 1 2] [1 2 3 4]} random 3\n"
        "  const %4 \"s\" i16[]{fl 12} random 4\n"
        "  const %5 \"h\" f16[1x4x4x4] random 5\n"
        "  const %6 \"bf\" bf16[2] [1 -2]\n"
        "  const %7 \"yes\" bool[3] [1 0 1]\n"
        "  const %8 \"wide\" i64[2] [9223372036854775807 -9223372036854775808]\n"
        "  const %9 \"e\" f64[2] [0.1 1e300]\n"
        "  %10 \"c\" u8[1x4x4x4]{0.0333333351 3} = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] "
        "groups 1\n"
        "  %11 \"g\" i8[1x4x4x4]{fl -3} = conv2d(%10, %3, _) stride [1 1] dilation [1 1] "
        "pad [1 1 1 1] groups 4\n"
        "  %12 \"r\" i16[1x4x4x4]{fl 7} = convert(%11)\n"
        "  %13 \"a\" i16[1x4x4x4]{fl 6} = add(%12, %4)\n"
        "  %14 \"f\" f32[1x4x4x4] = convert(%13)\n"
        "  output %14\n  output %11\n  output %5\n  output %6\n  output %7\n  output %8\n"
        "  output %9\n}\n");
}

static void test_file_on_disk(void **state)
{
    (void)state;
    char path[] = "/tmp/ork_rknn_XXXXXX";
    close(mkstemp(path));
    ork_str text = all_operators();
    ork_graph *graph = parse(text.text);
    assert_true(ork_rknn_write(diag, graph, path));
    ork_graph *back = ork_rknn_read(diag, path);
    assert_non_null(back);
    char *a = text_of(graph), *b = text_of(back);
    assert_string_equal(a, b);
    free(a);
    free(b);
    ork_str_free(&text);
    ork_graph_free(graph);
    ork_graph_free(back);
    unlink(path);
    assert_null(ork_rknn_read(diag, path));
    assert_int_equal(ork_diag_error_id(diag), ORK_ERR_FILE_OPEN);
}

/* ---- damage ---- */

static void read_and_forget(const uint8_t *data, size_t size)
{
    ork_diag_clear(diag);
    ork_graph *graph = ork_rknn_read_bytes(diag, (ork_bytes){data, size});
    if (graph)
        assert_true(ork_graph_verify(graph, diag));
    else
        assert_int_not_equal(ork_diag_error_id(diag), ORK_ERR_NONE);
    ork_graph_free(graph);
}

static void test_damage_is_told(void **state)
{
    (void)state;
    ork_graph *graph = parse(
        "graph \"g\" quant {\n  input %0 \"x\" u8[1x2x4x4]{0.1 128}\n"
        "  const %1 \"w\" u8[2x2x1x1]{0.5 3} random 1\n"
        "  %2 \"c\" u8[1x2x4x4]{0.2 0} = conv2d(%0, %1) stride [1 1] dilation [1 1] groups 1\n"
        "  %3 \"r\" u8[1x2x4x4]{0.2 0} = relu(%2)\n  output %3\n}\n");
    uint8_t *data;
    size_t size;
    assert_true(ork_rknn_write_memory(diag, graph, &data, &size));
    for (size_t cut = 0; cut < size; cut += 7) {
        uint8_t *part = malloc(cut + 1); /* exact bounds for the address sanitizer */
        memcpy(part, data, cut);
        assert_null(ork_rknn_read_bytes(diag, (ork_bytes){part, cut}));
        assert_string_equal(ork_diag_error(diag)->id, "E0601");
        free(part);
    }
    for (size_t at = 0; at < size; at++) {
        static const uint8_t changes[] = {0x01, 0x04, 0x10, 0x80};
        data[at] ^= changes[at % 4];
        read_and_forget(data, size);
        data[at] ^= changes[at % 4];
    }
    ork_graph_free(graph);
    free(data);
}

/* ---- kinds ---- */

static size_t container(uint8_t *out, uint64_t version, const char *data, size_t data_size,
                        const char *json)
{
    uint64_t sizes[] = {version, data_size}, json_size = strlen(json);
    memcpy(out, "RKNN\0\0\0\0", 8);
    memcpy(out + 8, sizes, 16);
    memcpy(out + 24, data, data_size);
    memcpy(out + 24 + data_size, &json_size, 8);
    memcpy(out + 32 + data_size, json, (size_t)json_size);
    return 32 + data_size + (size_t)json_size;
}

static void expect(const void *data, size_t size, ork_rknn_kind kind, const char *id,
                   const char *told)
{
    ork_rknn_info info;
    ork_bytes bytes = {data, size};
    assert_int_equal(ork_rknn_probe(bytes, &info), kind);
    assert_null(ork_rknn_read_bytes(diag, bytes));
    const ork_error *error = ork_diag_error(diag);
    assert_string_equal(error->id, id);
    if (!strstr(error->what, told) && !strstr(error->why, told))
        fail_msg("'%s' is missing from: %s (%s)", told, error->what, error->why);
    assert_int_not_equal(strlen(error->fix), 0);
}

static void expect_text(const char *text, ork_rknn_kind kind, const char *id, const char *told)
{
    expect(text, strlen(text), kind, id, told);
}

static void test_kinds(void **state)
{
    (void)state;
    uint8_t file[512];
    static const char puma[] = "VPMN\x0e\0\1\0\xb5\0\0\0network";
    static const char lion[] = "VPMN\x0b\0\1\0\x82\0\0\0network";
    const char *json = "{\"version\":\"1.6.0\",\"pre_compile\":0,\"nodes\":[]}";
    size_t size = container(file, 1, puma, sizeof(puma), json);
    expect(file, size, ORK_RKNN_PRECOMPILED, "E0602", "RV1109/RV1126, made by toolkit 1.6.0");
    size = container(file, 1, lion, sizeof(lion), json);
    expect(file, size, ORK_RKNN_PRECOMPILED, "E0602", "RK1806/RK1808/RK3399Pro");
    expect(file, size - 1, ORK_RKNN_TRUNCATED, "E0601", "incomplete");
    size = container(file, 2, "", 0, json);
    expect(file, size, ORK_RKNN_CUSTOM_OP, "E0604", "custom");
    size = container(file, 6, "", 0, json);
    expect(file, size, ORK_RKNN_LATER, "E0604", "version 6");
    size = container(file, 1, "", 0, "{\"nodes\":[");
    expect(file, size, ORK_RKNN_DAMAGED, "E0601", "damaged");
    expect("\x10\0\0\0RKNN\0\0\0\0\0\0\0\0", 16, ORK_RKNN_LATER, "E0604", "RKNN-Toolkit2");
    expect(puma, sizeof(puma), ORK_RKNN_BARE_NBG, "E0602", "0xB5");
    expect("PK\3\4\0\0\0\0", 8, ORK_RKNN_OTHER_MODEL, "E0601", "TorchScript");
    expect("\1\2\3\4\0\0\0\0\0", 9, ORK_RKNN_UNKNOWN, "E0601", "not a .rknn");
    expect_text("CYPTRKNN........", ORK_RKNN_ENCRYPTED, "E0603", "encrypted");
    expect_text("RKN", ORK_RKNN_TRUNCATED, "E0601", "incomplete");
    expect_text("", ORK_RKNN_EMPTY, "E0601", "empty");
    expect_text("\n<!DOCTYPE html><html>", ORK_RKNN_WEB_PAGE, "E0601", "web page");
    expect_text("version https://git-lfs.github.com/spec/v1\n", ORK_RKNN_LFS_POINTER, "E0601",
                "LFS");
    expect_text("just words", ORK_RKNN_TEXT, "E0601", "text");
}

static void test_unknown_operators_are_all_named(void **state)
{
    (void)state;
    uint8_t file[512];
    size_t size = container(file, 1, "", 0,
                            "{\"nodes\":[{\"op\":\"VSI_NN_OP_LSTM\"},{\"op\":\"VSI_NN_OP_LSTM\"},"
                            "{\"op\":\"VSI_NN_OP_PROPOSAL\"}]}");
    expect(file, size, ORK_RKNN_PLAIN, "E0605",
           "2 operators that are not known here: VSI_NN_OP_LSTM, VSI_NN_OP_PROPOSAL");
    size = container(file, 1, "", 0, "{\"nodes\":[{\"op\":\"VSI_NN_OP_LSTM\"}]}");
    expect(file, size, ORK_RKNN_PLAIN, "E0605",
           "1 operator that is not known here: VSI_NN_OP_LSTM");
}

static void test_cycle_is_refused(void **state)
{
    (void)state;
    uint8_t file[1024];
    size_t size = container(
        file, 1, "", 0,
        "{\"nodes\":[{\"op\":\"VSI_NN_OP_RELU\"},{\"op\":\"VSI_NN_OP_RELU\"}],\"connection\":["
        "{\"node_id\":0,\"left\":\"input\",\"left_tensor_id\":0,"
        "\"right_node\":{\"node_id\":1,\"tensor_id\":0}},"
        "{\"node_id\":1,\"left\":\"input\",\"left_tensor_id\":0,"
        "\"right_node\":{\"node_id\":0,\"tensor_id\":0}}]}");
    expect(file, size, ORK_RKNN_PLAIN, "E0601", "cycle");
}

/* ---- the vendor's own files ---- */

static bool vendor_file(char *path, size_t size, const char *name)
{
    const char *shared = getenv("ORK_SHARED");
    if (!shared)
        return false;
    snprintf(path, size, "%s/models/vendor/%s", shared, name);
    return ork_file_exists(path);
}

static void test_vendor_mnist(void **state)
{
    (void)state;
    static const ork_op ops[] = {ORK_OP_CONV2D, ORK_OP_RELU,       ORK_OP_MAX_POOL2D, ORK_OP_CONV2D,
                                 ORK_OP_RELU,   ORK_OP_MAX_POOL2D, ORK_OP_RESHAPE,    ORK_OP_LINEAR,
                                 ORK_OP_LINEAR, ORK_OP_SIGMOID};
    char path[4096];
    if (!vendor_file(path, sizeof(path), "mnist.rknn"))
        skip();
    ork_graph *graph = ork_rknn_read(diag, path);
    if (!graph)
        fail_msg("%s: %s", ork_diag_error(diag)->what, ork_diag_error(diag)->why);
    assert_int_equal(graph->node_count, ORK_COUNT(ops));
    size_t at = 0, weights = 0;
    for (const ork_node *node = graph->first; node; node = node->next)
        assert_int_equal(node->op, ops[at++]);
    for (size_t i = 0; i < graph->values.count; i++)
        if (graph->values.items[i]->kind == ORK_VALUE_CONSTANT)
            weights += (size_t)ork_shape_count(&graph->values.items[i]->type.shape);
    assert_int_equal(weights, 21840);
    assert_string_equal(graph->target, "rv1126");
    assert_true(graph->outputs.items[0]->type.quant.scale == 0.003921568859368563f);
    char *text = text_of(graph);
    uint8_t *data;
    size_t size;
    assert_true(ork_rknn_write_memory(diag, graph, &data, &size));
    ork_graph *back = must_read(data, size);
    char *again = text_of(back);
    assert_string_equal(text, again);
    free(text);
    free(again);
    ork_graph_free(graph);
    ork_graph_free(back);
    free(data);
}

static void expect_vendor(const char *name, const char *id, const char *told)
{
    char path[4096];
    if (!vendor_file(path, sizeof(path), name))
        skip();
    assert_null(ork_rknn_read(diag, path));
    assert_string_equal(ork_diag_error(diag)->id, id);
    assert_non_null(strstr(ork_diag_error(diag)->what, told));
    assert_non_null(strstr(ork_diag_error(diag)->where, name));
}

static void test_vendor_files_that_cannot_be_read(void **state)
{
    (void)state;
    expect_vendor("mobilenet_v1_INT8_rv1109_rv1126.rknn", "E0602", "RV1109/RV1126");
    expect_vendor("mobilenet_v1_UINT8_rv1109_rv1126.rknn", "E0602", "1.7.5b1");
    expect_vendor("multi_input_rk180x.rknn", "E0602", "RK1806/RK1808/RK3399Pro");
    expect_vendor("caffe_rec_debug-1.4.rknn", "E0605", "VSI_NN_OP_LSTM");
    expect_vendor("caffe_rec_debug-1.6.rknn", "E0605", "VSI_NN_OP_LSTM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operator_comes_back),
        cmocka_unit_test(test_quantized_types_come_back),
        cmocka_unit_test(test_file_on_disk),
        cmocka_unit_test(test_damage_is_told),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_unknown_operators_are_all_named),
        cmocka_unit_test(test_cycle_is_refused),
        cmocka_unit_test(test_vendor_mnist),
        cmocka_unit_test(test_vendor_files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
