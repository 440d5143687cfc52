/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tests/data/import, made by make_torch_fixtures.py: good ones against the text of their
   graph, bad ones against the error. */
#include "import/import.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA ORK_TEST_DATA "/import/"

/* "3x8x6 f32, 2 i64" */
static int parse_sizes(const char *text, ork_import_input *inputs)
{
    int count = 0;
    while (*text) {
        ork_import_input *input = &inputs[count++];
        *input = (ork_import_input){.dtype = ORK_F32};
        for (;;) {
            char *end;
            input->dim[input->rank++] = strtoll(text, &end, 10);
            text = end;
            if (*text != 'x')
                break;
            text++;
        }
        while (*text == ',' || *text == ' ')
            text++;
    }
    return count;
}

static ork_graph *import(ork_diag *diag, const char *file, const char *sizes, bool exact)
{
    ork_import_input inputs[8];
    char path[512];
    ork_import_options options = {.inputs = inputs, .exact_sizes = exact};
    options.input_count = parse_sizes(sizes, inputs);
    snprintf(path, sizeof(path), "%s%s", DATA, file);
    return ork_import_pytorch(diag, path, options.input_count > 0 ? &options : NULL);
}

static char *read_text(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    *length = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static void test_graphs(void **state)
{
    (void)state;
    static const struct {
        const char *file, *expected, *sizes;
        bool exact;
    } rows[] = {
        {"focus.pt", "focus.txt", "3x8x6", false},     {"focus.pt", "focus.txt", "1x3x8x6", false},
        {"shared.pt", "shared.txt", "2x3x3", false},   {"tied.pt", "tied.txt", "2x3", true},
        {"inplace.pt", "inplace.txt", "1x2x2", false}, {"lists.pt", "lists.txt", "2, 2, 1", true},
        {"shapes.pt", "shapes.txt", "4x2x3", false},   {"types.pt", "types.txt", "1x2", true},
        {"pools.pt", "pools.txt", "1x4x4", false},     {"recorded.pt", "recorded.txt", "", false},
        {"lite.ptl", "lite.txt", "2x3x3", false},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_diag *diag = ork_diag_new();
        ork_graph *graph = import(diag, rows[i].file, rows[i].sizes, rows[i].exact);
        if (!graph)
            print_error("%s: %s\n", rows[i].file, ork_diag_error(diag)->what);
        assert_non_null(graph);
        ork_str text = {0};
        ork_graph_print(graph, &(ork_text_options){.all_constants = true}, &text);
        char path[512];
        size_t length;
        snprintf(path, sizeof(path), "%s%s", DATA, rows[i].expected);
        char *expected = read_text(path, &length);
        assert_string_equal(text.text, expected);
        free(expected);
        ork_str_free(&text);
        ork_graph_free(graph);
        ork_diag_free(diag);
    }
}

static void expect_error(const ork_diag *diag, const char *id, const char *const parts[4])
{
    const ork_error *error = ork_diag_error(diag);
    const char *texts[] = {error->what, error->where, error->why, error->fix};
    assert_string_equal(error->id, id);
    for (int i = 0; i < 4; i++) {
        if (!parts[i] || strstr(texts[i], parts[i]))
            continue;
        print_error("'%s' is not in '%s'\n", parts[i], texts[i]);
        fail();
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *file, *sizes, *id;
        const char *parts[4]; /* in what, where, why, fix */
    } rows[] = {
        {"unknown.pt",
         "1x2x2",
         "E0205",
         {"torch.digamma                    2 x, first in the model (Unknown, code/__torch__.py:",
          "unknown.pt", NULL, "other operators"}},
        {"unknown.pt", "1x2x2", "E0205", {"torch.erfinv"}},
        {"training.pt",
         "2x2x2",
         "E0206",
         {"batch", "layer 'norm' (BatchNorm2d", NULL, "model.eval()"}},
        {"data.pt", "1x4", "E0206", {"torch.arange", "Data", "only when the network runs"}},
        {"counted.pt",
         "1x2",
         "E0206",
         {"int() of a tensor that is known only when the network runs",
          "torch__.py:", "depends on the contents"}},
        {"script_if.pt",
         "3x4x4",
         "E0203",
         {"scripted, not traced: its code has 'if'", "code/__torch__.py:", NULL,
          "torch.jit.trace(model.eval(), torch.zeros(1, 3, 4, 4))"}},
        {"weights.pth",
         "",
         "E0202",
         {"2 tensors and no network", "weights.pth", "0.weight (2x3x3x3)",
          "torch.jit.trace(model.eval(), torch.zeros(1, 3, H, W))"}},
        {"weights.pth", "3x20x30", "E0202", {NULL, NULL, NULL, "torch.zeros(1, 3, 20, 30)"}},
        {"checkpoint.pth",
         "",
         "E0202",
         {"under 'model'", NULL, NULL, "map_location='cpu')['model'])"}},
        {"weights_legacy.pth", "", "E0202", {"2 tensors", NULL, "0.weight (2x3x3x3)"}},
        {"module.pth",
         "",
         "E0202",
         {"whole module of class torch.nn.modules.container.Sequential", NULL, NULL,
          "traced.save('module.pt')"}},
        {"focus.pt", "", "E0207", {"not known", NULL, "forward(x: Tensor)", "input_size_list=[["}},
        {"focus.pt", "3x8x6, 3x8x6", "E0207", {"2 sizes, the network takes 1"}},
        {"focus.pt", "8x6x3", "E0207", {NULL, NULL, NULL, "did you mean [[3, 8, 6]]?"}},
        {"focus.pt",
         "4x8x6",
         "E0208",
         {"conv2d", "layer 'conv' (Conv2d, code/", "wants 12 channels", "[[4, 8, 6]]"}},
        {"shared.pt",
         "7",
         "E0208",
         {"torch._convolution", "layer 'conv' (Conv2d, code/__torch__/"}},
        {"focus.pt", "8x6", "E0208", {"torch.slice", "(Focus, code/__torch__.py:14)"}},
        {"mobile.ptl",
         "2x3x3",
         "E0201",
         {"mobile phones (.ptl)", "mobile.ptl", "conv2d_clamp_run", "torch.zeros(1, 2, 3, 3)"}},
        {"focus.pt", "3x0x6", "E0207", {"cannot have this size"}},
        {"lists.pt", "2", "E0207", {NULL, NULL, "forward(first: Tensor, others: "}},
        {"no_such_file.pt", "", "E0101", {"no_such_file.pt"}},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_diag *diag = ork_diag_new();
        assert_null(import(diag, rows[i].file, rows[i].sizes, false));
        expect_error(diag, rows[i].id, rows[i].parts);
        ork_diag_free(diag);
    }
}

static void test_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *name, *id, *what;
    } rows[] = {
        {"", 0, "net.pt", "E0201", "empty"},
        {"\n<!DOCTYPE html><html>", 22, "net.pt", "E0201", "web page"},
        {"\x08\x07\x12\x07pytorch\x1a\x05"
         "1.13.",
         18, "net.pt", "E0201", "ONNX"},
        {"something", 9, "net.onnx", "E0201", "ONNX"},
        {"RKNN\0\0\0\0", 8, "net.pt", "E0201", "for the chip already"},
        {"\x1c\0\0\0TFL3\0\0", 10, "net.pt", "E0201", "TensorFlow Lite"},
        {"\x1c\0\0\0PTMF\0\0", 10, "net.pt", "E0201", "mobile phones"},
        {"version https://git-lfs", 23, "net.pt", "E0201", "Git LFS"},
        {"\x80\x02}.", 4, "net.pkl", "E0201", "pickle"},
        {"\x01\x02\x03\x04\x05", 5, "net.pt", "E0201", "unknown kind"},
        {"PK\x03\x04 and then nothing", 20, "net.pt", "E0104", ""},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_diag *diag = ork_diag_new();
        ork_bytes bytes = {(const uint8_t *)rows[i].bytes, rows[i].length};
        assert_null(ork_import_pytorch_bytes(diag, rows[i].name, bytes, NULL));
        expect_error(diag, rows[i].id, (const char *const[4]){rows[i].what, rows[i].name});
        ork_diag_free(diag);
    }
}

/* A file that stops anywhere is refused, not read halfway. */
static void test_truncated(void **state)
{
    (void)state;
    size_t length;
    char *text = read_text(DATA "focus.pt", &length);
    for (size_t cut = 0; cut < length; cut += 97) {
        ork_diag *diag = ork_diag_new();
        uint8_t *part = malloc(cut + 1);
        memcpy(part, text, cut);
        assert_null(ork_import_pytorch_bytes(diag, "focus.pt", (ork_bytes){part, cut}, NULL));
        assert_string_equal(ork_diag_error(diag)->id, cut < 4 ? "E0201" : "E0104");
        free(part);
        ork_diag_free(diag);
    }
    free(text);
}

static int warnings;

static void count_warnings(void *user, ork_log_level level, const char *text)
{
    (void)user;
    if (level == ORK_LOG_WARNING && strstr(text, "[[1, 2, 5, 5]]") &&
        strstr(text, "[[1, 2, 3, 3]]"))
        warnings++;
}

static void test_recorded_sizes(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_diag_set_log(diag, count_warnings, NULL, ORK_LOG_DEBUG);
    ork_graph *graph = import(diag, "recorded.pt", "2x5x5", false);
    assert_non_null(graph);
    assert_int_equal(warnings, 1);
    assert_int_equal(graph->inputs.items[0].value->type.shape.dim[3], 5);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* Weights are not copied: constants point into the bytes that were given. */
static void test_weights_stay_in_file(void **state)
{
    (void)state;
    size_t length;
    char *text = read_text(DATA "shared.pt", &length);
    ork_diag *diag = ork_diag_new();
    ork_import_input input = {.rank = 3, .dim = {2, 3, 3}};
    ork_import_options options = {.inputs = &input, .input_count = 1};
    ork_graph *graph = ork_import_pytorch_bytes(
        diag, "shared.pt", (ork_bytes){(const uint8_t *)text, length}, &options);
    assert_non_null(graph);
    const ork_value *weight = ork_graph_find(graph, "conv.weight");
    assert_non_null(weight);
    assert_true((const char *)weight->data > text && (const char *)weight->data < text + length);
    assert_int_equal(weight->uses.count, 2);
    ork_graph_free(graph);
    ork_diag_free(diag);
    free(text);
}

/* The trained detectors, where they are. */
static void test_detectors(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t outputs;
    } rows[] = {{"maps", 3}, {"flat", 1}, {"default", 1}};
    const char *shared = getenv("ORK_SHARED");
    if (!shared)
        skip();
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/models/yolox_nano/yolox_nano_coco_%s.pt", shared,
                 rows[i].file);
        ork_diag *diag = ork_diag_new();
        ork_import_input input = {.rank = 3, .dim = {3, 416, 416}};
        ork_import_options options = {.inputs = &input, .input_count = 1};
        ork_graph *graph = ork_import_pytorch(diag, path, &options);
        assert_non_null(graph);
        assert_int_equal(graph->outputs.count, rows[i].outputs);
        assert_true(ork_graph_verify(graph, diag));
        assert_non_null(ork_graph_find(graph, "backbone.backbone.stem.conv.conv"));
        ork_graph_free(graph);
        ork_diag_free(diag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graphs),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_foreign),        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_recorded_sizes), cmocka_unit_test(test_weights_stay_in_file),
        cmocka_unit_test(test_detectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
