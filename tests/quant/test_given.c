/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that are quantized in their files. Those of tests/data/quantized give what ONNX Runtime
   and PyTorch give, to within one step of the last rounding; make_quantized_fixtures.py and
   make_torch_quantized.py made them. */
#include "diagram/diagram.h"
#include "import/import.h"
#include "pass/pass.h"
#include "quant/quant.h"
#include "rknn/rknn.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA ORK_TEST_DATA "/quantized/"

typedef struct fixture {
    ork_diag *diag;
    ork_arena *arena;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    f->diag = ork_diag_new();
    f->arena = ork_arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ork_arena_free(f->arena);
    ork_diag_free(f->diag);
    free(f);
    return 0;
}

static void must(const fixture *f, const char *what, bool good)
{
    const ork_error *e = ork_diag_error(f->diag);
    if (!good)
        fail_msg("%s: %s %s | %s | %s", what, e->id, e->what, e->where, e->why);
}

static ork_tensor load(fixture *f, const char *name)
{
    ork_file file;
    ork_tensor tensor;
    char path[512];
    snprintf(path, sizeof(path), DATA "%s.npy", name);
    must(f, path, ork_file_map(f->diag, path, &file));
    must(f, path, ork_npy_read(f->diag, f->arena, file.bytes, &tensor));
    ork_file_unmap(&file);
    return tensor;
}

static ork_graph *import(fixture *f, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), DATA "%s", name);
    bool is_torch = strcmp(name + strlen(name) - 3, ".pt") == 0;
    ork_import_input input = {.rank = 4, .dim = {1, 2, 12, 12}};
    ork_import_options options = {.inputs = &input, .input_count = 1};
    return is_torch ? ork_import_pytorch(f->diag, path, &options)
                    : ork_import_onnx(f->diag, path, NULL);
}

static ork_graph *on_integers(fixture *f, const char *name)
{
    ork_graph *graph = import(f, name);
    must(f, name, graph != NULL);
    assert_true(ork_graph_is_quantized(graph) || strstr(name, "dynamic") ||
                strstr(name, "sixteen"));
    must(f, name, ork_passes_run(graph, f->diag, 3));
    must(f, name, ork_quantize_as_given(f->diag, graph));
    return graph;
}

static ork_runner *runner_of(fixture *f, const ork_graph *graph, ork_family family,
                             const ork_tensor *x, ork_plan **plan)
{
    *plan = ork_plan_new(f->diag, graph, &(ork_plan_options){.family = family});
    must(f, graph->name, *plan != NULL);
    ork_runner *runner = ork_runner_new(f->diag, *plan, NULL);
    assert_non_null(runner);
    ork_feed feed = {.data = x->data, .dtype = x->type.dtype, .shape = x->type.shape};
    must(f, graph->name, ork_runner_check_feed(runner, f->diag, 0, &feed));
    ork_runner_set_input(runner, 0, &feed);
    ork_runner_run(runner);
    return runner;
}

/* Share of equal numbers; none may be further away than `most` steps. Floats are equal to 1e-5. */
static double compare(const char *name, const ork_value *output, const float *got,
                      const ork_tensor *expected, int most)
{
    double step = output->type.quant.scheme == ORK_SCHEME_NONE
                      ? 1e-3
                      : (double)ork_quant_step(&output->type.quant);
    int64_t count = ork_shape_count(&expected->type.shape), equal = 0;
    assert_int_equal(count, ork_shape_count(&output->type.shape));
    for (int64_t i = 0; i < count; i++) {
        double want = ork_element_get(expected->type.dtype, expected->data, i);
        double steps = fabs((double)got[i] - want) / step;
        equal += steps < 0.01;
        if (steps > most + 0.01)
            fail_msg("%s: element %lld is %g, not %g: %g steps", name, (long long)i, (double)got[i],
                     want, steps);
    }
    return (double)equal / (double)count;
}

static bool has_floats(const ork_graph *graph)
{
    for (const ork_node *node = graph->first; node; node = node->next)
        if (node->output->type.dtype == ORK_F32)
            return true;
    return false;
}

/* ---- ONNX ---------------------------------------------------------------------------------- */

/* least: of equal numbers, in percent. What the chips round in a way of their own is below 100. */
static const struct onnx_case {
    const char *name;
    bool both_ways, stays_float;
    int least;
} onnx_cases[] = {
    {"conv_u8u8", true, false, 100},
    {"conv_s8s8", true, false, 100},
    {"conv_u8s8_channels", true, false, 100},
    {"conv_s8s8_channels", true, false, 100},
    {"depthwise_channels", true, false, 100},
    {"conv_relu", false, false, 100},
    {"conv_relu_signed", false, false, 99},
    {"conv_clip", false, false, 100},
    {"conv_float_bias", false, false, 100},
    {"conv_trained", false, false, 100},
    {"deconv", false, false, 100},
    {"deconv_channels", false, false, 100},
    {"gemm", true, false, 99}, /* half a step in the bias makes up for rounding down */
    {"gemm_channels", true, false, 99},
    {"matmul", true, false, 99},
    {"add", true, false, 95}, /* with 8-bit weights */
    {"add_signed", true, false, 95},
    {"mul", true, false, 100},
    {"concat", true, false, 95},  /* 15 bits of mantissa */
    {"sigmoid", true, false, 95}, /* a table with 16 nodes for each power of two */
    {"leaky_relu", true, false, 100},
    {"average_pool", true, false, 100},
    {"global_average_pool", true, false, 100},
    {"relu", false, false, 100},
    {"tanh", false, false, 100},
    {"hard_sigmoid", false, false, 100},
    {"softmax", true, false, 100},
    {"reduce_mean", false, false, 100},
    {"max_pool", true, false, 100},
    {"max_pool_signed", true, false, 100},
    {"transpose", true, false, 100},
    {"reshape", true, false, 100},
    {"slice", true, false, 100},
    {"resize", true, false, 100},
    {"sixteen_bits", false, true, 100},
    {"dynamic", false, true, 100},
    {"partly", false, true, 100},
};

static void check_onnx(fixture *f, const struct onnx_case *row, const char *way, ork_family family)
{
    const char *name = ork_arena_printf(f->arena, "%s.%s.onnx", row->name, way);
    ork_graph *graph = on_integers(f, name);
    ork_tensor x = load(f, "x"), expected = load(f, row->name);
    ork_plan *plan;
    ork_runner *runner = runner_of(f, graph, family, &x, &plan);
    double share =
        compare(name, graph->outputs.items[0], ork_runner_output(runner, 0), &expected, 1);
    if (share * 100 < row->least)
        fail_msg("%s: only %.2f %% are equal", name, share * 100);
    assert_int_equal(has_floats(graph), row->stays_float);
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_graph_free(graph);
}

static void test_onnx(void **state)
{
    static const ork_family families[] = {ORK_FAMILY_LION, ORK_FAMILY_PUMA};
    for (size_t i = 0; i < ORK_COUNT(onnx_cases); i++)
        for (size_t k = 0; k < ORK_COUNT(families); k++) {
            check_onnx(*state, &onnx_cases[i], "qdq", families[k]);
            if (onnx_cases[i].both_ways)
                check_onnx(*state, &onnx_cases[i], "qop", families[k]);
        }
}

/* However the file says it, the network is the same. */
static void test_both_ways(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < ORK_COUNT(onnx_cases); i++) {
        const char *name = onnx_cases[i].name;
        if (!onnx_cases[i].both_ways)
            continue;
        ork_graph *a = on_integers(f, ork_arena_printf(f->arena, "%s.qdq.onnx", name));
        ork_graph *b = on_integers(f, ork_arena_printf(f->arena, "%s.qop.onnx", name));
        const ork_graph_diff *diff = ork_graph_compare(f->arena, a, b, 0);
        if (diff->rows.count > 0 || diff->weight_difference > 0)
            fail_msg("%s: %s", name, diff->rows.count ? diff->rows.items[0].what : "weights");
        ork_graph_free(a);
        ork_graph_free(b);
    }
}

/* The container holds it all: scales for each channel, those of biases, halves that stay float. */
static void test_container(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < ORK_COUNT(onnx_cases); i++) {
        const char *name = ork_arena_printf(f->arena, "%s.qdq.onnx", onnx_cases[i].name);
        ork_graph *graph = on_integers(f, name);
        uint8_t *data;
        size_t size;
        must(f, name, ork_rknn_write_memory(f->diag, graph, &data, &size));
        ork_graph *read = ork_rknn_read_bytes(f->diag, (ork_bytes){data, size});
        must(f, name, read != NULL);
        const ork_graph_diff *diff = ork_graph_compare(f->arena, graph, read, 0);
        if (diff->rows.count > 0 || diff->weight_difference > 0)
            fail_msg("%s: %s", name, diff->rows.count ? diff->rows.items[0].what : "weights");
        assert_int_equal(read->stage, ORK_STAGE_QUANT);
        ork_graph_free(read);
        ork_graph_free(graph);
        free(data);
    }
}

/* ---- PyTorch --------------------------------------------------------------------------------- */

static void check_torch(fixture *f, const char *name)
{
    ork_graph *graph = on_integers(f, ork_arena_printf(f->arena, "%s.pt", name));
    ork_tensor x = load(f, ork_arena_printf(f->arena, "%s.in", name));
    ork_plan *plan;
    ork_runner *runner = runner_of(f, graph, ORK_FAMILY_LION, &x, &plan);
    for (size_t i = 0; i < graph->outputs.count; i++) {
        ork_tensor expected = load(f, ork_arena_printf(f->arena, "%s.out%zu", name, i));
        double share =
            compare(name, graph->outputs.items[i], ork_runner_output(runner, i), &expected, 4);
        if (share < 0.75)
            fail_msg("%s: output %zu: only %.2f %% are equal", name, i, share * 100);
    }
    assert_false(has_floats(graph));
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_graph_free(graph);
}

static void test_torch(void **state)
{
    check_torch(*state, "torch");
    check_torch(*state, "torch_channels");
    check_torch(*state, "torch_frozen");
}

/* ---- numbers that cannot be ------------------------------------------------------------------ */

static void test_bad_numbers(void **state)
{
    static const struct {
        const char *file, *id, *what;
    } rows[] = {
        {"bad_zero_scale.onnx", "E0503", "a scale of 0"},
        {"bad_negative_scale.onnx", "E0503", "a scale of -0.5"},
        {"bad_nan_scale.onnx", "E0503", "a scale of nan"},
        {"bad_infinite_scale.onnx", "E0503", "a scale of inf"},
        {"bad_tiny_scale.onnx", "E0503", "a scale of 0"},
        {"bad_count.onnx", "E0503", "3 scales for 4 channels"},
        {"bad_zero_count.onnx", "E0503", "3 zero points for 4 scales"},
        {"bad_axis.onnx", "E0503", "axis 4 of a tensor with 4 axes"},
        {"bad_empty.onnx", "E0503", "0 scales for 4 channels"},
        {"bad_torch_zero.pt", "E0503", "a zero point of 300"},
        {"bad_torch_scale.pt", "E0503", "a scale of 0"},
        {"bad_torch_type.pt", "E0206", "quint8 and qint8"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        assert_null(import(f, rows[i].file));
        const ork_error *e = ork_diag_error(f->diag);
        if (strcmp(e->id, rows[i].id) != 0 || !strstr(e->what, rows[i].what) || !*e->where)
            fail_msg("%s: %s %s | %s", rows[i].file, e->id, e->what, e->where);
        ork_diag_clear(f->diag);
    }
}

/* ---- the rewrite ------------------------------------------------------------------------------
 */

/* Bodies of graphs: %0 is an input of 1x2x4x4 floats; what the nodes become, without names. */
#define WEIGHT             "const %9 \"w\" i8[2x2x1x1]{axis 0 [0.5 0.25] [0 0]} [1 2 3 -4]\n"
#define QUANTIZE(id, from) "%" id " \"q" id "\" u8[1x2x4x4]{0.5 10} = convert(%" from ")\n"
#define REAL(id, from)     "%" id " \"r" id "\" f32[1x2x4x4] = convert(%" from ")\n"

static const struct rewrite_case {
    const char *what, *before, *after;
} rewrites[] = {
    {"a layer between conversions",
     WEIGHT QUANTIZE("1", "0") REAL("2", "1") "%3 \"w2\" f32[2x2x1x1] = convert(%9)\n"
                                              "%4 \"c\" f32[1x2x4x4] = conv2d(%2, %3) stride [1 1] "
                                              "dilation [1 1] groups 1\n" QUANTIZE("5", "4")
                                                  REAL("6", "5") "output %6",
     "u8[1x2x4x4]{0.5 10} conv2d(u8[1x2x4x4]{0.5 10}, u8[2x2x1x1]{axis 0})"},
    {"a value that is needed as floats too",
     QUANTIZE("1", "0") REAL("2", "1") "%3 \"s\" f32[1x2x4x4] = sigmoid(%2)\n" QUANTIZE(
         "4", "3") "%5 \"e\" f32[1x2x4x4] = exp(%3)\n" REAL("6", "4") "output %6 output %5",
     "f32[1x2x4x4] convert(u8[1x2x4x4]{0.5 10}) f32[1x2x4x4] sigmoid(f32[1x2x4x4]) "
     "u8[1x2x4x4]{0.5 10} convert(f32[1x2x4x4]) f32[1x2x4x4] exp(f32[1x2x4x4])"},
    {"movement before the first conversion",
     "%1 \"t\" f32[1x4x4x2] = transpose(%0) perm [0 2 3 1]\n"
     "%2 \"q\" u8[1x4x4x2]{0.5 10} = convert(%1) %3 \"r\" f32[1x4x4x2] = convert(%2) output %3",
     "u8[1x4x4x2]{0.5 10} transpose(u8[1x2x4x4]{0.5 10})"},
    {"movement behind the last one",
     QUANTIZE("1", "0") REAL("2", "1") "%3 \"t\" f32[1x4x4x2] = transpose(%2) perm [0 2 3 1]\n"
                                       "%4 \"e\" f32[1x4x4x2] = exp(%3) output %4",
     "u8[1x4x4x2]{0.5 10} transpose(u8[1x2x4x4]{0.5 10}) f32[1x4x4x2] "
     "convert(u8[1x4x4x2]{0.5 10}) f32[1x4x4x2] exp(f32[1x4x4x2])"},
    {"two conversions with nothing between",
     QUANTIZE("1", "0")
         REAL("2", "1") "%3 \"q\" u8[1x2x4x4]{0.25 3} = convert(%2) " REAL("4", "3") "output %4",
     "u8[1x2x4x4]{0.25 3} convert(u8[1x2x4x4]{0.5 10})"},
    {"signed bytes",
     "%1 \"q\" i8[1x2x4x4]{0.5 -118} = convert(%0)\n" REAL(
         "2", "1") "%3 \"n\" f32[1x2x4x4] = neg(%2)\n %4 \"p\" i8[1x2x4x4]{0.5 -128} = "
                   "convert(%3)\n" REAL("5", "4") "output %5",
     "u8[1x2x4x4]{0.5 0} neg(u8[1x2x4x4]{0.5 10})"},
    {"a number beside a quantized tensor",
     "const %8 \"c\" f32[] [-2]\n" QUANTIZE("1", "0")
         REAL("2", "1") "%3 \"m\" f32[1x2x4x4] = mul(%2, %8)\n" QUANTIZE("4", "3")
             REAL("5", "4") "output %5",
     "u8[1x2x4x4]{0.5 10} mul(u8[1x2x4x4]{0.5 10}, u8[]{0.00784313772 255})"},
    {"several numbers beside it",
     "const %8 \"c\" f32[4] [-2 1 0.5 3]\n" QUANTIZE("1", "0")
         REAL("2", "1") "%3 \"m\" f32[1x2x4x4] = mul(%2, %8)\n" QUANTIZE("4", "3")
             REAL("5", "4") "output %5",
     "f32[1x2x4x4] convert(u8[1x2x4x4]{0.5 10}) f32[1x2x4x4] mul(f32[1x2x4x4], f32[4]) "
     "u8[1x2x4x4]{0.5 10} convert(f32[1x2x4x4])"},
    {"channels of the inputs",
     "const %9 \"w\" i8[2x2x1x1]{axis 1 [0.5 0.25] [0 0]} [1 2 3 -4]\n" QUANTIZE("1", "0")
         REAL("2", "1") "%3 \"w2\" f32[2x2x1x1] = convert(%9)\n"
                        "%4 \"c\" f32[1x2x4x4] = conv2d(%2, %3) stride [1 1] dilation [1 1] groups "
                        "1\n" QUANTIZE("5", "4") REAL("6", "5") "output %6",
     "f32[1x2x4x4] convert(u8[1x2x4x4]{0.5 10}) "
     "f32[1x2x4x4] conv2d(f32[1x2x4x4], f32[2x2x1x1]) u8[1x2x4x4]{0.5 10} convert(f32[1x2x4x4])"},
    {"a clamp that cuts nothing off",
     WEIGHT QUANTIZE("1", "0") REAL(
         "2", "1") "%3 \"w2\" f32[2x2x1x1] = convert(%9)\n"
                   "%4 \"c\" f32[1x2x4x4] = conv2d(%2, %3) stride [1 1] dilation [1 1] groups 1\n"
                   "%5 \"k\" f32[1x2x4x4] = clip(%4) high 6\n"
                   "%6 \"q\" u8[1x2x4x4]{0.0235294122 0} = convert(%5)\n" REAL("7",
                                                                               "6") "output %7",
     "u8[1x2x4x4]{0.0235294122 0} conv2d(u8[1x2x4x4]{0.5 10}, u8[2x2x1x1]{axis 0})"},
};

static void add_type(ork_str *text, const ork_value *value)
{
    char shape[ORK_SHAPE_TEXT];
    const ork_type *type = &value->type;
    ork_shape_text(&type->shape, shape, sizeof(shape));
    ork_str_printf(text, "%s[%s]", ork_dtype_table[type->dtype].name,
                   type->shape.rank ? shape : "");
    if (type->quant.scheme == ORK_SCHEME_AFFINE)
        ork_str_printf(text, "{%.9g %d}", (double)type->quant.scale, type->quant.zero_point);
    if (type->quant.scheme == ORK_SCHEME_PER_CHANNEL)
        ork_str_printf(text, "{axis %d}", type->quant.axis);
}

static void test_rewrites(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < ORK_COUNT(rewrites); i++) {
        const char *text = ork_arena_printf(
            f->arena, "graph \"n\" canon { input %%0 \"x\" f32[1x2x4x4]\n%s }", rewrites[i].before);
        ork_graph *graph = ork_graph_parse(f->diag, text, strlen(text));
        must(f, rewrites[i].what, graph != NULL);
        must(f, rewrites[i].what, ork_quantize_as_given(f->diag, graph));
        ork_str got = {0};
        for (const ork_node *node = graph->first; node; node = node->next) {
            ork_str_printf(&got, "%s", got.length ? " " : "");
            add_type(&got, node->output);
            ork_str_printf(&got, " %s(", ork_op_table[node->op].name);
            for (int k = 0; k < node->input_count; k++) {
                ork_str_printf(&got, "%s", k ? ", " : "");
                add_type(&got, node->inputs[k]);
            }
            ork_str_printf(&got, ")");
        }
        if (strcmp(got.text, rewrites[i].after) != 0)
            fail_msg("%s:\n%s\nnot\n%s", rewrites[i].what, got.text, rewrites[i].after);
        ork_str_free(&got);
        ork_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_onnx, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(test_container, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rewrites, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
