/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the protocol in one process, over loopback: what threads and sanitizers should see.
 */
#include "device/device.h"
#include "device/socket.h"
#include "device/wire.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOSTS = 4, RUNS = 8, PIXELS = 3 * 16 * 16 };

static const char network[] =
    "graph \"n\" quant target \"rk1808\" {\n"
    "  input %0 \"x\" u8[1x3x16x16]{0.5 1} mean [1 2 3] std [1 2 3] reorder [2 1 0]\n"
    "  %1 \"p\" u8[1x3x8x8]{0.5 1} = max_pool2d(%0) kernel [2 2] stride [2 2] dilation [1 1] "
    "pad [0 0 0 0] ceil_mode false\n"
    "  %2 \"r\" u8[1x3x8x8]{0.5 1} = relu(%1)\n"
    "  output %2\n"
    "}\n";

typedef struct fixture {
    ork_diag *diag;
    ork_board *board;
    pthread_t thread;
    ork_graph *graph;
    char id[96];
} fixture;

static void *serve(void *board)
{
    ork_board_run(board);
    return NULL;
}

static fixture start(const char *token, int sessions)
{
    const ork_board_options options = {.address = "127.0.0.1:0",
                                       .token = token,
                                       .chip = "rockchip,rk1808",
                                       .sessions = sessions,
                                       .patience = 1};
    fixture f = {.diag = ork_diag_new()};
    f.graph = ork_graph_parse(f.diag, network, sizeof(network) - 1);
    assert_non_null(f.graph);
    f.board = ork_board_new(f.diag, &options);
    assert_non_null(f.board);
    assert_int_equal(pthread_create(&f.thread, NULL, serve, f.board), 0);
    snprintf(f.id, sizeof(f.id), "tcp:%s", ork_board_address(f.board));
    return f;
}

static void stop(fixture *f)
{
    ork_board_stop(f->board);
    pthread_join(f->thread, NULL);
    ork_board_free(f->board);
    ork_graph_free(f->graph);
    ork_diag_free(f->diag);
}

/* What the simulator computes. */
static void compute(const ork_graph *graph, const ork_feed *feed, uint8_t *result, size_t size)
{
    const ork_plan_options options = {.family = ORK_FAMILY_LION};
    ork_diag *diag = ork_diag_new();
    ork_plan *plan = ork_plan_new(diag, graph, &options);
    ork_runner *runner = ork_runner_new(diag, plan, NULL);
    ork_runner_set_input(runner, 0, feed);
    ork_runner_run(runner);
    memcpy(result, ork_runner_output_raw(runner, 0), size);
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_diag_free(diag);
}

static ork_feed feed_of(uint8_t pixels[PIXELS], int seed)
{
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (uint8_t)(i * 7 + seed * 31);
    return (ork_feed){.data = pixels,
                      .dtype = ORK_U8,
                      .shape = {.rank = 4, .dim = {1, 16, 16, 3}},
                      .is_nhwc = true};
}

/* ---- hosts ---- */

typedef struct host {
    const fixture *f;
    int seed;
    bool layers, good;
} host;

static bool run_layers(ork_remote *remote, ork_diag *diag, const ork_feed *feed)
{
    ork_remote_value value = {0};
    int count = 0;
    if (!ork_remote_start(remote, diag, feed))
        return false;
    while (ork_remote_next(remote, diag, &value) && value.name)
        count++;
    return !value.name && count == 3;
}

static void *work(void *argument)
{
    host *h = argument;
    uint8_t pixels[PIXELS], expected[3 * 8 * 8];
    const ork_feed feed = feed_of(pixels, h->seed);
    const ork_remote_options options = {.layers = h->layers};
    ork_diag *diag = ork_diag_new();
    compute(h->f->graph, &feed, expected, sizeof(expected));
    ork_link *link = ork_link_open(diag, h->f->id);
    ork_remote *remote = link ? ork_remote_new(diag, link, h->f->graph, &options) : NULL;
    h->good = remote != NULL;
    for (int i = 0; h->good && i < RUNS; i++)
        h->good =
            (h->layers ? run_layers(remote, diag, &feed) : ork_remote_run(remote, diag, &feed)) &&
            memcmp(ork_remote_output_raw(remote, 0), expected, sizeof(expected)) == 0;
    ork_remote_free(remote);
    ork_diag_free(diag);
    return NULL;
}

static void test_several_hosts(void **state)
{
    (void)state;
    fixture f = start(NULL, 0);
    host hosts[HOSTS];
    pthread_t threads[HOSTS];
    for (int i = 0; i < HOSTS; i++) {
        hosts[i] = (host){&f, i, i % 2 == 1, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &hosts[i]), 0);
    }
    for (int i = 0; i < HOSTS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(hosts[i].good);
    }
    stop(&f);
}

/* ---- doors ---- */

static void expect_refused(fixture *f, const char *id)
{
    ork_diag_clear(f->diag);
    assert_null(ork_link_open(f->diag, f->id));
    assert_string_equal(ork_diag_error(f->diag)->id, id);
}

static void test_tokens(void **state)
{
    (void)state;
    fixture f = start("sesame", 0);
    unsetenv("ORK_BOARD_TOKEN");
    expect_refused(&f, "E0820");
    setenv("ORK_BOARD_TOKEN", "sesam", 1);
    expect_refused(&f, "E0820");
    setenv("ORK_BOARD_TOKEN", "sesame", 1);
    ork_link *link = ork_link_open(f.diag, f.id);
    assert_non_null(link);
    assert_string_equal(ork_link_board(link).chip, "rockchip,rk1808");
    ork_link_free(link);
    unsetenv("ORK_BOARD_TOKEN");
    stop(&f);
}

static void test_too_many(void **state)
{
    (void)state;
    fixture f = start(NULL, 1);
    ork_link *link = ork_link_open(f.diag, f.id);
    assert_non_null(link);
    expect_refused(&f, "E0821");
    ork_link_free(link);
    stop(&f);
}

static void test_an_open_address_needs_a_token(void **state)
{
    (void)state;
    const ork_board_options options = {.address = "0.0.0.0:0"};
    ork_diag *diag = ork_diag_new();
    assert_null(ork_board_new(diag, &options));
    assert_string_equal(ork_diag_error(diag)->id, "E0820");
    ork_diag_free(diag);
}

/* ---- ends that vanish ---- */

static int connect_raw(const fixture *f)
{
    char address[256], port[8];
    assert_true(socket_split(ork_board_address(f->board), address, port));
    const int fd = socket_connect(address, port, 10);
    assert_true(fd >= 0);
    return fd;
}

static void expect_closed(int fd)
{
    char bytes[256];
    ssize_t got = 1;
    while (got > 0) {
        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000), 1);
        got = recv(fd, bytes, sizeof(bytes), 0);
    }
    close(fd);
}

static void test_hosts_that_vanish(void **state)
{
    static const char begun[] = "ORKW\1\0\0\0\377\0\0\0\0\0\0\0begun";
    (void)state;
    fixture f = start(NULL, 0);
    for (size_t size = 0; size < sizeof(begun); size++) { /* at every byte of a frame */
        const int fd = connect_raw(&f);
        assert_int_equal(send(fd, begun, size, 0), (ssize_t)size);
        close(fd);
    }
    const int silent = connect_raw(&f); /* patience is one second here */
    assert_int_equal(send(silent, begun, sizeof(begun), 0), (ssize_t)sizeof(begun));
    expect_closed(silent);
    host h = {&f, 1, false, false};
    work(&h);
    assert_true(h.good);
    stop(&f);
}

static void test_a_board_that_ends(void **state)
{
    (void)state;
    uint8_t pixels[PIXELS];
    const ork_feed feed = feed_of(pixels, 0);
    const ork_remote_options options = {0};
    fixture f = start(NULL, 0);
    ork_diag *diag = ork_diag_new();
    ork_remote *remote = ork_remote_new(diag, ork_link_open(diag, f.id), f.graph, &options);
    assert_non_null(remote);
    assert_true(ork_remote_run(remote, diag, &feed));
    ork_board_stop(f.board); /* sessions are ended with it */
    pthread_join(f.thread, NULL);
    ork_board_free(f.board);
    for (int i = 0; i < 2; i++) {
        assert_false(ork_remote_run(remote, diag, &feed));
        assert_string_equal(ork_diag_error(diag)->id, "E0817");
    }
    ork_remote_free(remote);
    ork_graph_free(f.graph);
    ork_diag_free(f.diag);
    ork_diag_free(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_hosts),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_an_open_address_needs_a_token),
        cmocka_unit_test(test_hosts_that_vanish),
        cmocka_unit_test(test_a_board_that_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
