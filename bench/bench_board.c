/* SPDX-License-Identifier: Apache-2.0 */
/* What the way to a board and back costs: the sample detector on pictures of 640x640 with one
   thread, in this process, and in an ork-board of this process, reached over loopback. Runs of both
   are interleaved; results must be the same.

   usage: bench_board [RUNS] */
#include <openrknn/openrknn.h>

#include "device/device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 640, WARM = 3, MOST = 1000 };

static void *serve(void *board)
{
    ork_board_run(board);
    return NULL;
}

static ork_model *make_model(void)
{
    ork_model *model = ork_model_new();
    const ork_input_size size = {3, {3, SIDE, SIDE}};
    ork_load_options load = ORK_OPTIONS_INIT(ork_load_options);
    ork_build_options build = ORK_OPTIONS_INIT(ork_build_options);
    load.input_sizes = &size;
    load.input_size_count = 1;
    build.do_quantization = true;
    build.dataset = ORK_EXAMPLES "/eyes/calibration.txt";
    if (ork_model_config(model, "mean_values", "123.675 116.28 103.53") &&
        ork_model_config(model, "std_values", "58.395 57.12 57.375") &&
        ork_model_load_pytorch(model, ORK_EXAMPLES "/eyes/eyes.pt", &load) &&
        ork_model_build(model, &build))
        return model;
    fprintf(stderr, "bench_board: %s\n", ork_model_error(model)->what);
    exit(1);
}

static ork_session *make_session(ork_model *model, const char *device_id)
{
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = 1;
    options.device_id = device_id;
    ork_session *session = ork_session_new(model, &options);
    if (session)
        return session;
    fprintf(stderr, "bench_board: %s\n", ork_model_error(model)->what);
    exit(1);
}

typedef struct times {
    double clock[MOST], processor[MOST]; /* milliseconds */
} times;

static double processor_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void run(ork_session *session, const uint8_t *pixels, times *to, int place)
{
    const ork_input input = {
        .data = pixels, .dtype = ORK_U8, .rank = 4, .dims = {1, SIDE, SIDE, 3}};
    ork_session_stats stats;
    const double start = processor_ms();
    if (!ork_session_run(session, &input, 1)) {
        fprintf(stderr, "bench_board: %s\n", ork_session_error(session)->what);
        exit(1);
    }
    ork_session_get_stats(session, &stats);
    to->processor[place] = processor_ms() - start;
    to->clock[place] = stats.last_run_ms;
}

/* Bytes of the outputs, which must be the same. */
static size_t compare(ork_session *here, ork_session *there, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        ork_output_view a, b;
        ork_session_output(here, i, &a);
        ork_session_output(there, i, &b);
        if (memcmp(a.data, b.data, a.count * sizeof(float)) != 0)
            exit(1);
        bytes += a.count; /* of one byte each */
    }
    return bytes;
}

static int by_number(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print(const char *word, double *here, double *there, int runs)
{
    qsort(here, (size_t)runs, sizeof(*here), by_number);
    qsort(there, (size_t)runs, sizeof(*there), by_number);
    const int middle = runs / 2;
    printf("%-14s here %.3f ms, on the board %.3f ms: %.1f %% more (least: %.3f, %.3f: %.1f %%)\n",
           word, here[middle], there[middle], 100 * (there[middle] / here[middle] - 1), here[0],
           there[0], 100 * (there[0] / here[0] - 1));
}

int main(int argc, char **argv)
{
    static times here_times, there_times;
    const int wanted = argc > 1 ? atoi(argv[1]) : 100;
    const int runs = wanted < 1 ? 1 : wanted > MOST ? MOST : wanted;
    uint8_t *pixels = malloc((size_t)SIDE * SIDE * 3);
    char id[96];
    ork_diag *diag = ork_diag_new();
    const ork_board_options options = {.address = "127.0.0.1:0", .threads = 1, .sessions = 1};
    ork_board *board = ork_board_new(diag, &options);
    pthread_t thread;
    if (!pixels || !board || pthread_create(&thread, NULL, serve, board) != 0)
        return 1;
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        pixels[i] = (uint8_t)((unsigned)i * 2654435761u >> 24);
    snprintf(id, sizeof(id), "tcp:%s", ork_board_address(board));
    ork_model *model = make_model();
    ork_session *here = make_session(model, NULL), *there = make_session(model, id);
    for (int i = -WARM; i < runs; i++) {
        run(here, pixels, &here_times, i < 0 ? 0 : i);
        run(there, pixels, &there_times, i < 0 ? 0 : i);
    }
    const size_t outputs = compare(here, there, ork_model_output_count(model));
    printf("%d runs; %d bytes there, %zu bytes back\n", runs, SIDE * SIDE * 3, outputs);
    print("by the clock", here_times.clock, there_times.clock, runs);
    print("processor time", here_times.processor, there_times.processor, runs);
    ork_session_free(here);
    ork_session_free(there);
    ork_model_free(model);
    ork_board_stop(board);
    pthread_join(thread, NULL);
    ork_board_free(board);
    ork_diag_free(diag);
    free(pixels);
    return 0;
}
