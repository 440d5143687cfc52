/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's C interface, used as programs use it. */
#define _GNU_SOURCE /* memmem */
#include <rknn_api.h>

#include "graph/graph.h"
#include "rknn/rknn.h"

#include "../packed_network.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A picture whose numbers come out as they went in, and their maxima. */
static const char picture_text[] =
    "graph \"p\" quant target \"rk1808\" {\n"
    "input %0 \"x\" u8[1x3x2x4]{0.5 10} mean [1 2 3] std [2 4 5] reorder [2 1 0]\n"
    "%1 \"flat\" u8[1x24]{0.5 10} = reshape(%0) shape [1 24]\n"
    "%2 \"most\" u8[1x3x1x2]{0.5 10} = max_pool2d(%0) kernel [2 2] stride [2 2] dilation [1 1]\n"
    "output %1 output %2 }";
static const char sum_text[] =
    "graph \"s\" canon { input %0 \"a\" f32[1x6] input %1 \"b\" f32[1x6]\n"
    "%2 \"y\" f32[1x6] = add(%0, %1) output %2 }";
static const char fixed_text[] = "graph \"f\" quant { input %0 \"x\" i16[1x1x2x3]{fl 8}\n"
                                 "%1 \"y\" i16[1x6]{fl 8} = reshape(%0) shape [1 6] output %1 }";
enum { PIXELS = 24, MAXIMA = 6 };

static uint8_t *model_of(const char *text, size_t *size)
{
    ork_diag *diag = ork_diag_new();
    uint8_t *bytes = NULL;
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph || !ork_rknn_write_memory(diag, graph, &bytes, size))
        fail_msg("%s %s", ork_diag_error(diag)->what, ork_diag_error(diag)->where);
    ork_graph_free(graph);
    ork_diag_free(diag);
    return bytes;
}

/* The model's memory is gone before the first run. */
static rknn_context open_model(const char *text, uint32_t flags)
{
    size_t size;
    rknn_context context = 0;
    uint8_t *model = model_of(text, &size);
    assert_int_equal(rknn_init(&context, model, (uint32_t)size, flags), RKNN_SUCC);
    assert_true(context != 0);
    memset(model, 0xff, size);
    free(model);
    return context;
}

/* Pictures of rising bytes, N H W C. */
static void fill(uint8_t picture[PIXELS], int first)
{
    for (int i = 0; i < PIXELS; i++)
        picture[i] = (uint8_t)(first + i * 3);
}

/* What becomes of channel c of the pixel at `at`, by the formula of the model. */
static uint8_t expected(const uint8_t picture[PIXELS], int c, int at)
{
    static const float mean[] = {1, 2, 3}, std[] = {2, 4, 5};
    float real = ((float)picture[at * 3 + 2 - c] - mean[c]) / std[c];
    return (uint8_t)fminf(fmaxf(rintf(real / 0.5f) + 10.0f, 0.0f), 255.0f);
}

static rknn_input picture_input(uint8_t picture[PIXELS])
{
    return (rknn_input){
        .buf = picture, .size = PIXELS, .type = RKNN_TENSOR_UINT8, .fmt = RKNN_TENSOR_NHWC};
}

static void check_results(const uint8_t picture[PIXELS], const uint8_t *flat, const uint8_t *most)
{
    for (int c = 0; c < 3; c++) {
        for (int at = 0; at < 8; at++)
            assert_int_equal(flat[c * 8 + at], expected(picture, c, at));
        for (int x = 0; x < 2; x++) /* bytes rise: the greatest is below and to the right */
            assert_int_equal(most[c * 2 + x], expected(picture, c, 5 + 2 * x));
    }
}

static void get_results(rknn_context context, const uint8_t picture[PIXELS], uint64_t *frame)
{
    rknn_output outputs[2] = {{0}};
    rknn_output_extend extend = {0};
    assert_int_equal(rknn_outputs_get(context, 2, outputs, &extend), RKNN_SUCC);
    assert_int_equal(outputs[0].size, PIXELS);
    assert_int_equal(outputs[1].size, MAXIMA);
    check_results(picture, outputs[0].buf, outputs[1].buf);
    *frame = extend.frame_id;
    assert_int_equal(rknn_outputs_release(context, 2, outputs), RKNN_SUCC);
    assert_null(outputs[0].buf);
}

static void test_attributes(void **state)
{
    (void)state;
    rknn_context context = open_model(picture_text, 0);
    rknn_input_output_num count;
    assert_int_equal(rknn_query(context, RKNN_QUERY_IN_OUT_NUM, &count, sizeof(count)), RKNN_SUCC);
    assert_int_equal(count.n_input, 1);
    assert_int_equal(count.n_output, 2);
    rknn_tensor_attr attr = {.index = 0};
    assert_int_equal(rknn_query(context, RKNN_QUERY_INPUT_ATTR, &attr, sizeof(attr)), RKNN_SUCC);
    assert_string_equal(attr.name, "x");
    assert_int_equal(attr.n_dims, 4);
    const uint32_t reversed[] = {4, 2, 3, 1};
    assert_memory_equal(attr.dims, reversed, sizeof(reversed));
    assert_int_equal(attr.n_elems, PIXELS);
    assert_int_equal(attr.size, PIXELS);
    assert_int_equal(attr.fmt, RKNN_TENSOR_NCHW);
    assert_int_equal(attr.type, RKNN_TENSOR_UINT8);
    assert_int_equal(attr.qnt_type, RKNN_TENSOR_QNT_AFFINE_ASYMMETRIC);
    assert_int_equal(attr.zp, 10);
    assert_true(attr.scale == 0.5f);
    attr.index = 1;
    assert_int_equal(rknn_query(context, RKNN_QUERY_OUTPUT_ATTR, &attr, sizeof(attr)), RKNN_SUCC);
    assert_string_equal(attr.name, "most");
    assert_int_equal(attr.index, 1);
    attr.index = 2;
    assert_int_equal(rknn_query(context, RKNN_QUERY_OUTPUT_ATTR, &attr, sizeof(attr)),
                     RKNN_ERR_PARAM_INVALID);
    rknn_destroy(context);

    context = open_model(sum_text, 0); /* floats are halves on the chip */
    attr.index = 1;
    assert_int_equal(rknn_query(context, RKNN_QUERY_INPUT_ATTR, &attr, sizeof(attr)), RKNN_SUCC);
    assert_string_equal(attr.name, "b");
    assert_int_equal(attr.type, RKNN_TENSOR_FLOAT16);
    assert_int_equal(attr.qnt_type, RKNN_TENSOR_QNT_NONE);
    assert_int_equal(attr.size, 12);
    rknn_destroy(context);

    context = open_model(fixed_text, 0);
    attr.index = 0;
    assert_int_equal(rknn_query(context, RKNN_QUERY_OUTPUT_ATTR, &attr, sizeof(attr)), RKNN_SUCC);
    assert_int_equal(attr.type, RKNN_TENSOR_INT16);
    assert_int_equal(attr.qnt_type, RKNN_TENSOR_QNT_DFP);
    assert_int_equal(attr.fl, 8);
    rknn_destroy(context);
}

/* Inputs stay for further runs. */
static void test_runs(void **state)
{
    (void)state;
    uint8_t picture[PIXELS];
    uint64_t frame;
    rknn_context context = open_model(picture_text, 0);
    for (int i = 0; i < 3; i++) {
        fill(picture, i);
        rknn_input input = picture_input(picture);
        rknn_run_extend extend = {(uint64_t)i + 70};
        assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
        assert_int_equal(rknn_run(context, &extend), RKNN_SUCC);
        get_results(context, picture, &frame);
        assert_int_equal(frame, 70 + i);
        assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
        get_results(context, picture, &frame);
    }
    assert_int_equal(rknn_destroy(context), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_ERR_CTX_INVALID);
    assert_int_equal(rknn_destroy(context), RKNN_ERR_CTX_INVALID);
}

/* Results are those of the frame before, but for the first. */
static void test_asynchronous(void **state)
{
    (void)state;
    uint8_t pictures[5][PIXELS];
    uint64_t frame;
    rknn_context context = open_model(picture_text, RKNN_FLAG_ASYNC_MASK);
    for (int i = 0; i < 5; i++) {
        fill(pictures[i], 10 * i);
        rknn_input input = picture_input(pictures[i]);
        assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
        assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
        int before = i > 0 ? i - 1 : 0;
        get_results(context, pictures[before], &frame);
        assert_int_equal(frame, before);
    }
    rknn_perf_run run;
    assert_int_equal(rknn_query(context, RKNN_QUERY_PERF_RUN, &run, sizeof(run)), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    assert_int_equal(rknn_destroy(context), RKNN_SUCC); /* while it runs */
}

static void test_formats(void **state)
{
    (void)state;
    uint8_t picture[PIXELS], planes[PIXELS], flat[PIXELS], most[MAXIMA];
    uint64_t frame;
    fill(picture, 5);
    for (int at = 0; at < 8; at++)
        for (int c = 0; c < 3; c++)
            planes[c * 8 + at] = picture[at * 3 + c];
    rknn_context context = open_model(picture_text, 0);
    rknn_input input = picture_input(planes);
    input.fmt = RKNN_TENSOR_NCHW;
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    get_results(context, picture, &frame);

    float floats[PIXELS]; /* not only bytes */
    for (int i = 0; i < PIXELS; i++)
        floats[i] = picture[i];
    input = (rknn_input){.buf = floats,
                         .size = sizeof(floats),
                         .type = RKNN_TENSOR_FLOAT32,
                         .fmt = RKNN_TENSOR_NHWC};
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    get_results(context, picture, &frame);

    rknn_output outputs[2] = {/* in memory of the caller, in another order, as floats */
                              {.is_prealloc = 1, .index = 1, .buf = most, .size = sizeof(most)},
                              {.is_prealloc = 1, .index = 0, .buf = flat, .size = sizeof(flat)}};
    assert_int_equal(rknn_outputs_get(context, 2, outputs, NULL), RKNN_SUCC);
    check_results(picture, flat, most);
    assert_int_equal(rknn_outputs_release(context, 2, outputs), RKNN_SUCC);
    assert_ptr_equal(outputs[1].buf, flat);
    rknn_output real = {.want_float = 1};
    assert_int_equal(rknn_outputs_get(context, 1, &real, NULL), RKNN_SUCC);
    assert_int_equal(real.size, PIXELS * 4);
    for (int i = 0; i < PIXELS; i++)
        assert_true(((float *)real.buf)[i] == 0.5f * (float)(flat[i] - 10));
    assert_int_equal(rknn_outputs_release(context, 1, &real), RKNN_SUCC);
    rknn_destroy(context);
}

static void test_pass_through(void **state)
{
    (void)state;
    uint8_t raw[PIXELS];
    fill(raw, 100);
    rknn_context context = open_model(picture_text, 0);
    rknn_input input = {.buf = raw, .size = PIXELS, .pass_through = 1, .type = RKNN_TENSOR_FLOAT32};
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    rknn_output output = {0};
    assert_int_equal(rknn_outputs_get(context, 1, &output, NULL), RKNN_SUCC);
    assert_memory_equal(output.buf, raw, PIXELS);
    rknn_outputs_release(context, 1, &output);
    rknn_destroy(context);

    const int16_t fixed[] = {-32768, -1, 0, 1, 300, 32767};
    context = open_model(fixed_text, 0);
    input = (rknn_input){.buf = (void *)(uintptr_t)fixed, .size = 12, .pass_through = 1};
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    output = (rknn_output){0};
    assert_int_equal(rknn_outputs_get(context, 1, &output, NULL), RKNN_SUCC);
    assert_memory_equal(output.buf, fixed, 12);
    rknn_outputs_release(context, 1, &output);
    rknn_destroy(context);
}

static void test_two_inputs(void **state)
{
    (void)state;
    float a[] = {1, 2, 3, 4, 5, 6}, b[] = {0.5f, 0.25f, -1, -2, 100, 0};
    const uint16_t sums[] = {0x3e00, 0x4080, 0x4000, 0x4000, 0x5690, 0x4600}; /* as halves */
    rknn_context context = open_model(sum_text, 0);
    rknn_input inputs[] = {{.index = 1, .buf = b, .size = sizeof(b)},
                           {.index = 0, .buf = a, .size = sizeof(a)}};
    assert_int_equal(rknn_inputs_set(context, 1, inputs), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_ERR_INPUT_INVALID); /* the other was never set */
    assert_int_equal(rknn_inputs_set(context, 2, inputs), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    rknn_output output = {.want_float = 1};
    assert_int_equal(rknn_outputs_get(context, 1, &output, NULL), RKNN_SUCC);
    assert_int_equal(output.size, sizeof(a));
    for (int i = 0; i < 6; i++)
        assert_true(((float *)output.buf)[i] == a[i] + b[i]);
    rknn_outputs_release(context, 1, &output);
    output = (rknn_output){0};
    assert_int_equal(rknn_outputs_get(context, 1, &output, NULL), RKNN_SUCC);
    assert_int_equal(output.size, sizeof(sums));
    assert_memory_equal(output.buf, sums, sizeof(sums));
    rknn_outputs_release(context, 1, &output);
    rknn_destroy(context);
}

static void test_memory(void **state)
{
    (void)state;
    rknn_context context = open_model(picture_text, 0);
    rknn_tensor_attr in = {.index = 0}, flat = {.index = 0}, most = {.index = 1};
    rknn_query(context, RKNN_QUERY_INPUT_ATTR, &in, sizeof(in));
    rknn_query(context, RKNN_QUERY_OUTPUT_ATTR, &flat, sizeof(flat));
    rknn_query(context, RKNN_QUERY_OUTPUT_ATTR, &most, sizeof(most));
    rknn_tensor_mem *input = rknn_create_mem(context, in.size);
    rknn_tensor_mem *first = rknn_create_mem(context, flat.size * 4);
    rknn_tensor_mem *second = rknn_create_mem(context, most.size);
    assert_non_null(input);
    assert_int_equal(second->size, MAXIMA);
    in.fmt = RKNN_TENSOR_NHWC;
    flat.type = RKNN_TENSOR_FLOAT32;
    most.fmt = RKNN_TENSOR_NHWC;
    assert_int_equal(rknn_set_io_mem(context, input, &in), RKNN_SUCC);
    assert_int_equal(rknn_set_io_mem(context, first, &flat), RKNN_SUCC);
    assert_int_equal(rknn_set_io_mem(context, second, &most), RKNN_SUCC);
    for (int i = 0; i < 2; i++) {
        uint8_t *picture = input->logical_addr;
        fill(picture, i * 7);
        assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
        const uint8_t *maxima = second->logical_addr;
        for (int c = 0; c < 3; c++) {
            for (int at = 0; at < 8; at++)
                assert_true(((float *)first->logical_addr)[c * 8 + at] ==
                            0.5f * (float)(expected(picture, c, at) - 10));
            for (int x = 0; x < 2; x++)
                assert_int_equal(maxima[x * 3 + c], expected(picture, c, 5 + 2 * x));
        }
    }
    in.type = RKNN_TENSOR_INT16;
    assert_int_equal(rknn_set_io_mem(context, input, &in), RKNN_ERR_INPUT_INVALID);
    in.type = RKNN_TENSOR_UINT8;
    assert_int_equal(rknn_set_io_mem(context, second, &in), RKNN_ERR_INPUT_INVALID); /* small */
    strcpy(in.name, "nobody");
    assert_int_equal(rknn_set_io_mem(context, input, &in), RKNN_ERR_PARAM_INVALID);
    assert_int_equal(rknn_destroy_mem(context, input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_ERR_INPUT_INVALID);
    assert_int_equal(rknn_destroy_mem(context, first), RKNN_SUCC);
    rknn_destroy(context);
    assert_int_equal(rknn_destroy_mem(context, second), RKNN_SUCC); /* after the context */
}

static void test_mapping(void **state)
{
    (void)state;
    uint8_t raw[PIXELS];
    fill(raw, 30);
    rknn_context context = open_model(picture_text, 0);
    rknn_tensor_mem in = {0}, out[2] = {{0}};
    assert_int_equal(rknn_inputs_sync(context, 1, &in), RKNN_ERR_INPUT_INVALID);
    assert_int_equal(rknn_inputs_map(context, 1, &in), RKNN_SUCC);
    assert_int_equal(rknn_outputs_map(context, 2, out), RKNN_SUCC);
    assert_int_equal(rknn_outputs_sync(context, 2, out), RKNN_ERR_OUTPUT_INVALID); /* no run yet */
    assert_int_equal(in.size, PIXELS);
    memcpy(in.logical_addr, raw, PIXELS);
    assert_int_equal(rknn_run(context, NULL), RKNN_ERR_INPUT_INVALID);
    assert_int_equal(rknn_inputs_sync(context, 1, &in), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    assert_int_equal(rknn_outputs_sync(context, 2, out), RKNN_SUCC);
    assert_memory_equal(out[0].logical_addr, raw, PIXELS);
    assert_int_equal(rknn_inputs_unmap(context, 1, &in), RKNN_SUCC);
    assert_int_equal(rknn_outputs_unmap(context, 2, out), RKNN_SUCC);
    assert_null(out[0].logical_addr);
    rknn_destroy(context);
}

static void test_reports(void **state)
{
    (void)state;
    uint8_t picture[PIXELS];
    rknn_context context = open_model(picture_text, RKNN_FLAG_COLLECT_PERF_MASK);
    rknn_sdk_version version;
    assert_int_equal(rknn_query(context, RKNN_QUERY_SDK_VERSION, &version, sizeof(version)),
                     RKNN_SUCC);
    assert_non_null(strstr(version.api_version, "OpenRKNN"));
    fill(picture, 0);
    rknn_input input = picture_input(picture);
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    rknn_perf_detail detail;
    assert_int_equal(rknn_query(context, RKNN_QUERY_PERF_DETAIL, &detail, sizeof(detail)),
                     RKNN_SUCC);
    assert_int_equal(strlen(detail.perf_data), detail.data_len);
    assert_non_null(strstr(detail.perf_data, "most"));
    rknn_precompile packed;
    assert_int_equal(rknn_query(context, RKNN_QUERY_PRE_COMPILE, &packed, sizeof(packed)),
                     RKNN_ERR_OUTPUT_INVALID); /* without the flag */
    rknn_destroy(context);
    context = open_model(picture_text, 0);
    assert_int_equal(rknn_query(context, RKNN_QUERY_PERF_DETAIL, &detail, sizeof(detail)),
                     RKNN_ERR_PARAM_INVALID);
    rknn_destroy(context);
    rknn_devices_id *devices = malloc(sizeof(*devices));
    assert_int_equal(rknn_find_devices(devices), RKNN_SUCC);
    assert_int_equal(devices->n_devices, 1);
    free(devices);
}

/* ---- pre-compiled models ---- */

enum { PACKED_INPUT = 3 * 13 * 14, PACKED_OUTPUTS = 3 };

static void run_packed(rknn_context context, rknn_output outputs[PACKED_OUTPUTS])
{
    uint8_t picture[PACKED_INPUT];
    for (int i = 0; i < PACKED_INPUT; i++)
        picture[i] = (uint8_t)(i * 89);
    rknn_input input = {.buf = picture,
                        .size = sizeof(picture),
                        .type = RKNN_TENSOR_UINT8,
                        .fmt = RKNN_TENSOR_NHWC};
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    for (uint32_t i = 0; i < PACKED_OUTPUTS; i++)
        outputs[i] = (rknn_output){.want_float = 1, .index = i};
    assert_int_equal(rknn_outputs_get(context, PACKED_OUTPUTS, outputs, NULL), RKNN_SUCC);
}

/* The file of a context's model, in memory that the context does not own. */
static uint8_t *precompiled(rknn_context context, uint32_t *size)
{
    rknn_precompile packed;
    assert_int_equal(rknn_query(context, RKNN_QUERY_PRE_COMPILE, &packed, sizeof(packed)),
                     RKNN_SUCC);
    uint8_t *copy = malloc(packed.data_len);
    memcpy(copy, packed.model_data, packed.data_len);
    *size = packed.data_len;
    return copy;
}

/* Bytes that stay and are read where they lie, at any address. */
static void check_in_place(const uint8_t *file, uint32_t size, size_t shift,
                           const rknn_output wanted[PACKED_OUTPUTS])
{
    rknn_output outputs[PACKED_OUTPUTS];
    rknn_context context = 0;
    uint8_t *memory = aligned_alloc(64, (size + shift + 63) / 64 * 64);
    memcpy(memory + shift, file, size);
    assert_int_equal(rknn_init(&context, memory + shift, size, RKNN_FLAG_MODEL_STAYS_MASK),
                     RKNN_SUCC);
    run_packed(context, outputs);
    for (uint32_t i = 0; i < PACKED_OUTPUTS; i++)
        assert_memory_equal(outputs[i].buf, wanted[i].buf, wanted[i].size);
    rknn_outputs_release(context, PACKED_OUTPUTS, outputs);
    rknn_destroy(context);
    assert_memory_equal(memory + shift, file, size);
    free(memory);
}

static void test_precompiled(void **state)
{
    (void)state;
    rknn_context plain = open_model(packed_network, RKNN_FLAG_PRECOMPILE_MASK), again = 0;
    rknn_output expected_outputs[PACKED_OUTPUTS], outputs[PACKED_OUTPUTS];
    uint32_t size, size_again;
    uint8_t *file = precompiled(plain, &size);
    assert_int_equal(rknn_init(&again, file, size, RKNN_FLAG_PRECOMPILE_MASK), RKNN_SUCC);
    uint8_t *file_again = precompiled(again, &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(file, file_again, size);
    free(file_again);
    run_packed(plain, expected_outputs);
    check_in_place(file, size, 0, expected_outputs);
    check_in_place(file, size, 1, expected_outputs);
    free(file);
    run_packed(again, outputs);
    for (uint32_t i = 0; i < PACKED_OUTPUTS; i++) {
        assert_int_equal(outputs[i].size, expected_outputs[i].size);
        assert_memory_equal(outputs[i].buf, expected_outputs[i].buf, outputs[i].size);
    }
    rknn_outputs_release(plain, PACKED_OUTPUTS, expected_outputs);
    rknn_outputs_release(again, PACKED_OUTPUTS, outputs);
    rknn_destroy(plain);
    rknn_destroy(again);
}

/* The first byte of a text in the file. */
static uint8_t *find(uint8_t *file, uint32_t size, const char *text)
{
    uint8_t *found = memmem(file, size, text, strlen(text));
    assert_non_null(found);
    return found;
}

static void refused(const uint8_t *file, uint32_t size, int code)
{
    rknn_context context = 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, file, size);
    assert_int_equal(rknn_init(&context, copy, size, 0), code);
    free(copy);
}

static void test_precompiled_for_others(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int at; /* of the byte in it that is changed */
        char byte;
        int code;
    } changes[] = {
        {"\"packing\":{\"format\":1", 20, '2', RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL},
        {"\"machine\":\"", 11, '?', RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL},
        {"\"kernel\":\"", 10, '?', RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL},
        {"\"version\":1,", 10, '9', RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL},
        {"\"layer\":\"first\"", 9, 'F', RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL},
        {"ORKPACK1", 7, '2', RKNN_ERR_MODEL_INVALID},
    };
    rknn_context plain = open_model(packed_network, RKNN_FLAG_PRECOMPILE_MASK);
    uint32_t size;
    uint8_t *file = precompiled(plain, &size);
    rknn_destroy(plain);
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        uint8_t *byte = find(file, size, changes[i].text) + changes[i].at, was = *byte;
        *byte = (uint8_t)changes[i].byte;
        refused(file, size, changes[i].code);
        *byte = was;
    }
    refused(file, size - 1, RKNN_ERR_MODEL_INVALID);
    assert_int_equal(setenv("ORK_BOARD", "rv1126", 1), 0);
    refused(file, size, RKNN_ERR_TARGET_PLATFORM_UNMATCH);
    assert_int_equal(setenv("ORK_BOARD", "rk3399pro", 1), 0);
    refused(file, size, RKNN_SUCC);
    unsetenv("ORK_BOARD");
    free(file);
}

static void test_mistakes(void **state)
{
    (void)state;
    uint8_t picture[PIXELS] = {0};
    rknn_context context = 0;
    char nonsense[] = "RKNN, but not really";
    rknn_init_extend nobody = {.device_id = nonsense};
    assert_int_equal(rknn_init(NULL, nonsense, sizeof(nonsense), 0), RKNN_ERR_PARAM_INVALID);
    assert_int_equal(rknn_init(&context, NULL, 0, 0), RKNN_ERR_MODEL_INVALID);
    assert_int_equal(rknn_init(&context, nonsense, sizeof(nonsense), 0), RKNN_ERR_MODEL_INVALID);
    assert_int_equal(rknn_init2(&context, nonsense, sizeof(nonsense), 0, &nobody),
                     RKNN_ERR_DEVICE_UNAVAILABLE);
    assert_null(rknn_create_mem(77, 10));

    context = open_model(picture_text, 0);
    rknn_input_output_num count;
    rknn_output output = {0};
    rknn_input input = picture_input(picture);
    assert_int_equal(rknn_query(context, RKNN_QUERY_IN_OUT_NUM, &count, 4), RKNN_ERR_PARAM_INVALID);
    assert_int_equal(rknn_query(context, RKNN_QUERY_CMD_MAX, &count, sizeof(count)),
                     RKNN_ERR_PARAM_INVALID);
    assert_int_equal(rknn_query(context, RKNN_QUERY_IN_OUT_NUM, NULL, sizeof(count)),
                     RKNN_ERR_PARAM_INVALID);
    assert_int_equal(rknn_outputs_get(context, 1, &output, NULL), RKNN_ERR_OUTPUT_INVALID);
    input.size = PIXELS - 1;
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_ERR_INPUT_INVALID);
    input = picture_input(picture);
    input.index = 1;
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_ERR_INPUT_INVALID);
    input = picture_input(picture);
    input.type = RKNN_TENSOR_TYPE_MAX;
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_ERR_INPUT_INVALID);
    input = picture_input(picture);
    assert_int_equal(rknn_inputs_set(context, 2, &input), RKNN_ERR_INPUT_INVALID);
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
    uint8_t small[PIXELS - 1];
    output = (rknn_output){.is_prealloc = 1, .buf = small, .size = sizeof(small)};
    assert_int_equal(rknn_outputs_get(context, 1, &output, NULL), RKNN_ERR_OUTPUT_INVALID);
    rknn_output three[3] = {{0}};
    assert_int_equal(rknn_outputs_get(context, 3, three, NULL), RKNN_ERR_OUTPUT_INVALID);
    assert_null(rknn_create_mem(context, 0));
    rknn_tensor_mem own = {.logical_addr = picture};
    assert_int_equal(rknn_destroy_mem(context, &own), RKNN_ERR_PARAM_INVALID);
    rknn_destroy(context);
}

/* ---- threads ---- */

enum { THREADS = 4, FRAMES = 50 };

/* A context of its own for each thread. */
static void *run_alone(void *argument)
{
    const int *number = argument;
    uint8_t picture[PIXELS];
    uint64_t frame;
    rknn_context context = open_model(picture_text, *number % 2 ? RKNN_FLAG_ASYNC_MASK : 0);
    fill(picture, *number);
    rknn_input input = picture_input(picture);
    for (int i = 0; i < FRAMES; i++) {
        assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
        assert_int_equal(rknn_run(context, NULL), RKNN_SUCC);
        get_results(context, picture, &frame);
    }
    assert_int_equal(rknn_destroy(context), RKNN_SUCC);
    return NULL;
}

/* One context for all: calls wait for each other. */
static void *run_together(void *argument)
{
    const rknn_context *context = argument;
    rknn_output outputs[2] = {{0}};
    for (int i = 0; i < FRAMES; i++) {
        assert_int_equal(rknn_run(*context, NULL), RKNN_SUCC);
        assert_int_equal(rknn_outputs_get(*context, 2, outputs, NULL), RKNN_SUCC);
        rknn_outputs_release(*context, 2, outputs);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, run_alone, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint8_t picture[PIXELS];
    fill(picture, 3);
    rknn_input input = picture_input(picture);
    rknn_context context = open_model(picture_text, 0);
    assert_int_equal(rknn_inputs_set(context, 1, &input), RKNN_SUCC);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_together, &context), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rknn_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_asynchronous),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_pass_through),
        cmocka_unit_test(test_two_inputs),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_precompiled),
        cmocka_unit_test(test_precompiled_for_others),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
