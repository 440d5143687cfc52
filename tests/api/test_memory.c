/* SPDX-License-Identifier: Apache-2.0 */
/* What a session says of its memory, held against what the system says. */
#include <openrknn/openrknn.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* 134 MB of tensors and 3 MB of weights: much beside what a program needs anyhow, and beside the
   pages of 2 MB that some systems give. */
static const char network[] =
    "graph \"g\" canon { input %0 \"x\" f32[1x64x512x512]\n"
    "const %1 \"w\" f32[64x64x1x1] random 1 const %2 \"v\" f32[200x4096] random 2\n"
    "%3 \"wide\" f32[1x64x512x512] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] "
    "groups 1\n"
    "%4 \"small\" f32[1x64x8x8] = max_pool2d(%3) kernel [64 64] stride [64 64] dilation [1 1]\n"
    "%5 \"flat\" f32[1x4096] = reshape(%4) shape [1 4096]\n"
    "%6 \"full\" f32[1x200] = linear(%5, %2, _)\n"
    "output %6 }";

static const int64_t input_dims[] = {1, 64, 512, 512};
enum { INPUT_COUNT = 64 * 512 * 512 };

typedef struct fixture {
    ork_model *model;
    float *input;
} fixture;

static int set_up(void **state)
{
    fixture *f = *state = calloc(1, sizeof(*f));
    char path[] = "/tmp/ork-memory-XXXXXX";
    const int file = mkstemp(path);
    assert_int_equal(write(file, network, strlen(network)), (int)strlen(network));
    close(file);
    f->model = ork_model_new();
    f->input = calloc(INPUT_COUNT, sizeof(*f->input));
    ork_build_options options = ORK_OPTIONS_INIT(ork_build_options);
    const bool good = ork_model_load(f->model, path, NULL) && ork_model_build(f->model, &options);
    unlink(path);
    if (!good)
        fail_msg("%s", ork_model_error(f->model)->what);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ork_model_free(f->model);
    free(f->input);
    free(f);
    return 0;
}

static ork_session *new_session(const fixture *f)
{
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = 2;
    ork_session *session = ork_session_new(f->model, &options);
    assert_non_null(session);
    return session;
}

static void run(const fixture *f, ork_session *session)
{
    ork_input input = {.data = f->input, .dtype = ORK_F32, .format = ORK_NCHW, .rank = 4};
    memcpy(input.dims, input_dims, sizeof(input_dims));
    assert_true(ork_session_run(session, &input, 1));
}

/* Sanitizers and emulators have memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__)
    #define SYSTEM_TELLS 0
#elif defined(__has_feature)
    #if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
        #define SYSTEM_TELLS 0
    #endif
#endif
#if !defined(SYSTEM_TELLS)
    #define SYSTEM_TELLS 1
#endif

static void test_system_agrees(void **state)
{
    const fixture *f = *state;
    ork_session *first = new_session(f); /* what is made once, it makes */
    run(f, first);
    const size_t before = ork_session_memory(first)->process_bytes;
    if (!SYSTEM_TELLS || before == 0) {
        ork_session_free(first);
        skip();
    }
    ork_session *session = new_session(f);
    run(f, session);
    const ork_memory_report *report = ork_session_memory(session);
    const double grown = (double)(report->process_bytes - before);
    if (grown < 0.95 * (double)report->total_bytes || grown > 1.05 * (double)report->total_bytes)
        fail_msg("the session says %zu bytes, the system %.0f", report->total_bytes, grown);
    ork_session_free(session);
    ork_session_free(first);
}

static void test_parts(void **state)
{
    const fixture *f = *state;
    ork_session *session = new_session(f);
    const ork_memory_report *r = ork_session_memory(session);
    const size_t picture = INPUT_COUNT * sizeof(float);
    assert_true(r->weight_bytes >= (size_t)200 * 4096 * 4);
    assert_true(r->tensor_bytes >= 2 * picture && r->tensor_bytes < 3 * picture);
    assert_int_equal(r->output_bytes, 0); /* the output is float itself */
    assert_true(r->live_bytes <= r->tensor_bytes);
    assert_int_equal(r->total_bytes, r->weight_bytes + r->parameter_bytes + r->tensor_bytes +
                                         r->scratch_bytes + r->output_bytes);
    assert_int_equal(r->buffers[0].first, 0); /* the input */
    assert_string_equal(r->buffers[0].value, "x");
    int last = 0;
    for (int i = 0; i < r->buffer_count; i++)
        last = r->buffers[i].last > last ? r->buffers[i].last : last;
    assert_int_equal(last, r->moment_count - 1); /* the output */
    char *text = ork_memory_chart(r, 1);
    assert_non_null(strstr(text, "smaller ones"));
    ork_text_free(text);
    ork_session_free(session);
}

static void test_chip(void **state)
{
    const fixture *f = *state;
    const ork_npu_memory_report *r = ork_model_estimate_memory(f->model, NULL);
    assert_non_null(r);
    assert_string_equal(r->target, "rk1808");
    assert_int_equal(r->weight_bytes, 64 * 64 + 200 * 4096);
    assert_int_equal(r->internal_bytes, 2 * INPUT_COUNT);
    char *text = ork_npu_memory_text(r);
    assert_non_null(strstr(text, "NPU memory:\n    maximum allocation : 32.79 MiB\n"));
    ork_text_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_system_agrees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chip, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
