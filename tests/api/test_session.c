/* SPDX-License-Identifier: Apache-2.0 */
/* The sample detector in integers: the same bits from every instruction set and any number of
   threads, before and after a trip through a file. */
#include <openrknn/openrknn.h>

#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define EYES ORK_TEST_DATA "/../../examples/eyes/"

typedef struct kind {
    const char *quantized_dtype;
    ork_dtype dtype;
    int side; /* of the picture */
} kind;

typedef struct fixture {
    const kind *kind;
    ork_model *model;
    char folder[64], list[128], file[128];
    uint8_t *pixels; /* side x side x 3 */
} fixture;

enum { SIDE = 416 };
static const kind as_shipped = {"asymmetric_quantized-u8", ORK_U8, SIDE};

static void fail_if(const ork_model *model, bool failed)
{
    const ork_error *e = ork_model_error(model);
    if (failed)
        fail_msg("%s %s | %s | %s", e->id, e->what, e->where, e->why);
}

static void build(fixture *f)
{
    const ork_input_size size = {3, {3, f->kind->side, f->kind->side}};
    ork_load_options load = ORK_OPTIONS_INIT(ork_load_options);
    load.input_sizes = &size;
    load.input_size_count = 1;
    FILE *list = fopen(f->list, "w");
    assert_non_null(list);
    fprintf(list, EYES "test/00000.jpg\n" EYES "test/00001.jpg\n");
    fclose(list);
    ork_build_options options = ORK_OPTIONS_INIT(ork_build_options);
    options.do_quantization = true;
    options.dataset = f->list;
    assert_true(ork_model_config(f->model, "vendor_exact", "1")); /* soon done, in emulators */
    assert_true(ork_model_config(f->model, "quantized_dtype", f->kind->quantized_dtype));
    assert_true(ork_model_config(f->model, "mean_values", "123.675 116.28 103.53"));
    assert_true(ork_model_config(f->model, "std_values", "58.395 57.12 57.375"));
    fail_if(f->model, !ork_model_load(f->model, EYES "eyes.pt", &load));
    fail_if(f->model, !ork_model_build(f->model, &options));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    f->kind = *state ? *state : &as_shipped;
    strcpy(f->folder, "/tmp/ork-session-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->list, sizeof(f->list), "%s/list.txt", f->folder);
    snprintf(f->file, sizeof(f->file), "%s/eyes.rknn", f->folder);
    f->model = ork_model_new();
    int side = f->kind->side, bytes = side * side * 3;
    f->pixels = malloc((size_t)bytes);
    uint32_t seed = 1;
    for (int i = 0; i < bytes; i++) { /* noise over a gradient */
        seed = seed * 1664525u + 1013904223u;
        f->pixels[i] = (uint8_t)((uint32_t)(i / 3 % side) * 208 / (uint32_t)side + (seed >> 26));
    }
    build(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ork_model_free(f->model);
    unlink(f->list);
    unlink(f->file);
    rmdir(f->folder);
    free(f->pixels);
    free(f);
    return 0;
}

/* All raw outputs, one after the other. */
static uint8_t *run(const fixture *f, ork_model *model, int threads, size_t *size)
{
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = threads;
    ork_session *session = ork_session_new(model, &options);
    fail_if(model, !session);
    int side = f->kind->side;
    ork_input input = {
        .data = f->pixels, .dtype = ORK_U8, .format = ORK_NHWC, .rank = 3, .dims = {side, side, 3}};
    assert_true(ork_session_run(session, &input, 1));
    uint8_t *all = NULL;
    *size = 0;
    for (int i = 0; i < ork_model_output_count(model); i++) {
        ork_output_view view;
        assert_true(ork_session_output(session, i, &view));
        assert_int_equal(view.raw_dtype, f->kind->dtype);
        size_t bytes = view.count * (view.raw_dtype == ORK_I16 ? 2 : 1);
        all = realloc(all, *size + bytes);
        memcpy(all + *size, view.raw, bytes);
        *size += bytes;
    }
    ork_session_free(session);
    return all;
}

static void expect_same(const fixture *f, ork_model *model, int threads, const uint8_t *expected,
                        size_t expected_size)
{
    size_t size;
    uint8_t *got = run(f, model, threads, &size);
    assert_int_equal(size, expected_size);
    assert_memory_equal(got, expected, size);
    free(got);
}

static void test_same_bits_everywhere(void **state)
{
    const fixture *f = *state;
    size_t size;
    ork_cpu_limit(1u << ORK_ISA_C);
    uint8_t *expected = run(f, f->model, 2, &size);
    for (int isa = ORK_ISA_C + 1; isa < ORK_ISA_COUNT; isa++) {
        ork_cpu_limit(UINT32_MAX);
        if (!(ork_cpu_features() & 1u << isa))
            continue;
        ork_cpu_limit((2u << isa) - 1);
        expect_same(f, f->model, 1, expected, size);
    }
    ork_cpu_limit(UINT32_MAX);
    for (int threads = 1; threads <= 4; threads++)
        expect_same(f, f->model, threads, expected, size);
    fail_if(f->model, !ork_model_export(f->model, f->file));
    ork_model *again = ork_model_new();
    fail_if(again, !ork_model_load(again, f->file, NULL));
    expect_same(f, again, 2, expected, size);
    ork_model_free(again);
    free(expected);
}

static void expect_refused(ork_session *session, const ork_input *input, int count, const char *id)
{
    assert_false(ork_session_run(session, input, count));
    assert_string_equal(ork_session_error(session)->id, id);
}

static void test_wrong_inputs(void **state)
{
    const fixture *f = *state;
    ork_session *session = ork_session_new(f->model, NULL);
    ork_input input = {.data = f->pixels, .dtype = ORK_U8, .rank = 4, .dims = {1, SIDE, SIDE, 3}};
    expect_refused(session, &input, 0, "E0701");
    expect_refused(session, &input, 2, "E0701");
    input.format = ORK_NCHW;
    expect_refused(session, &input, 1, "E0702");
    assert_non_null(strstr(ork_session_error(session)->fix, "nhwc"));
    input.format = ORK_NHWC;
    input.dtype = ORK_I64;
    expect_refused(session, &input, 1, "E0703");
    input.dtype = ORK_U8;
    assert_true(ork_session_run(session, &input, 1));
    assert_string_equal(ork_session_error(session)->id, "");
    ork_session_free(session);
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.target = "rk1808";
    options.device_id = "tcp:127.0.0.1:0"; /* where nothing can listen */
    assert_null(ork_session_new(f->model, &options));
    assert_string_equal(ork_model_error(f->model)->id, "E0802");
}

static void test_eyes_are_found(void **state)
{
    const fixture *f = *state;
    ork_session *session = ork_session_new(f->model, NULL);
    ork_detect_options options = ORK_OPTIONS_INIT(ork_detect_options);
    options.letterbox = ORK_LETTERBOX_CENTER;
    ork_detector *detector = ork_detector_new(session, &options);
    assert_non_null(detector);
    assert_int_equal(ork_detector_class_count(detector), 3);
    ork_picture picture;
    const ork_detection *boxes;
    int count;
    fail_if(f->model, !ork_picture_read(f->model, EYES "test/00001.jpg", &picture));
    assert_true(ork_detector_run(detector, &picture, &boxes, &count));
    assert_int_equal(count, 5); /* two irises with their pupils, and a shut eye */
    for (int i = 0; i < count; i++)
        assert_true(boxes[i].score > 0.8f && boxes[i].left < boxes[i].right);
    ork_picture_free(&picture);
    ork_detector_free(detector);
    ork_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_everywhere),
        cmocka_unit_test(test_wrong_inputs),
        cmocka_unit_test(test_eyes_are_found),
    };
    /* Smaller pictures, for the sake of emulators: the layers are the same. */
    static kind i8 = {"dynamic_fixed_point-i8", ORK_I8, 96};
    static kind i16 = {"dynamic_fixed_point-i16", ORK_I16, 96};
    const struct CMUnitTest other_types[] = {
        {"test_same_bits_of_i8", test_same_bits_everywhere, set_up, tear_down, &i8},
        {"test_same_bits_of_i16", test_same_bits_everywhere, set_up, tear_down, &i16},
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) +
           cmocka_run_group_tests(other_types, NULL, NULL);
}
