/* SPDX-License-Identifier: Apache-2.0 */
/* The board's end: hosts come in, each is served by a thread of its own. */
#define _GNU_SOURCE
#include "serve.h"
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_SESSIONS = 64, TEXT = 4096 };

typedef struct place {
    ork_board *board;
    pthread_t thread;
    int fd; /* -1: nobody */
    bool is_used, has_ended;
} place;

struct ork_board {
    ork_board_options options;
    char *token, *chip;
    int fd, wake[2]; /* a byte in wake ends the program, or tells that a session has ended */
    char address[64];
    pthread_mutex_t lock; /* of the places */
    place places[MOST_SESSIONS];
};

/* ---- what the board is ---- */

/* The names in the device tree end with NUL each. */
static char *read_chip(void)
{
    char text[TEXT];
    FILE *file = fopen("/proc/device-tree/compatible", "re");
    const size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    for (size_t i = 0; i + 1 < size; i++)
        text[i] = text[i] ? text[i] : ' ';
    text[size] = '\0';
    return strdup(text);
}

/* ---- listening ---- */

static bool parse_address(ork_diag *diag, const char *text, struct sockaddr_in *address)
{
    char host[256], port[8];
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    if (socket_split(text, host, port) && strtol(port, NULL, 10) <= 65535 &&
        inet_pton(AF_INET, host, &address->sin_addr) == 1) {
        address->sin_port = htons((uint16_t)strtol(port, NULL, 10));
        return true;
    }
    ork_fail(diag, ORK_ERR_USAGE, "'%s' is no address to listen at", text);
    return ork_fix(diag, "write it as 127.0.0.1:9510, or 0.0.0.0:9510 for all networks");
}

static bool check_token(ork_diag *diag, const struct sockaddr_in *address, const char *token)
{
    const bool is_loopback = ntohl(address->sin_addr.s_addr) >> 24 == 127;
    if (is_loopback || (token && *token))
        return true;
    ork_fail(diag, ORK_ERR_BOARD_TOKEN, "others could reach this address, and no token is set");
    return ork_fix(diag, "put a token that hosts must know into a file: --token-file FILE");
}

static bool begin(ork_board *board, ork_diag *diag, struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    const int yes = 1;
    board->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (board->fd >= 0)
        setsockopt(board->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (board->fd < 0 || bind(board->fd, (struct sockaddr *)address, size) != 0 ||
        listen(board->fd, 16) != 0 ||
        getsockname(board->fd, (struct sockaddr *)address, &size) != 0 ||
        pipe2(board->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        const int reason = errno;
        ork_fail(diag, ORK_ERR_BOARD_START, "ork-board cannot listen at %s",
                 board->options.address);
        return ork_why(diag, "%s", strerror(reason));
    }
    char host[INET_ADDRSTRLEN];
    snprintf(board->address, sizeof(board->address), "%s:%d",
             inet_ntop(AF_INET, &address->sin_addr, host, sizeof(host)), ntohs(address->sin_port));
    return true;
}

ork_board *ork_board_new(ork_diag *diag, const ork_board_options *options)
{
    struct sockaddr_in address;
    if (!parse_address(diag, options->address, &address) ||
        !check_token(diag, &address, options->token))
        return NULL;
    ork_board *board = calloc(1, sizeof(*board));
    if (!board)
        return NULL;
    board->options = *options;
    board->token = options->token ? strdup(options->token) : NULL;
    board->chip = options->chip ? strdup(options->chip) : read_chip();
    board->options.token = board->token;
    board->options.chip = board->chip;
    board->fd = board->wake[0] = board->wake[1] = -1;
    if (options->sessions < 1 || options->sessions > MOST_SESSIONS)
        board->options.sessions = MOST_SESSIONS;
    pthread_mutex_init(&board->lock, NULL);
    if (begin(board, diag, &address))
        return board;
    ork_board_free(board);
    return NULL;
}

const char *ork_board_address(const ork_board *board)
{
    return board->address;
}

/* ---- sessions ---- */

static void *serve(void *argument)
{
    place *p = argument;
    ork_board *board = p->board;
    wire w = wire_of_socket(p->fd, board->options.patience);
    serve_host(&w, &board->options);
    pthread_mutex_lock(&board->lock);
    close(p->fd);
    p->fd = -1;
    p->has_ended = true;
    pthread_mutex_unlock(&board->lock);
    const ssize_t told = write(board->wake[1], "", 1); /* a full pipe wakes as well */
    (void)told;
    return NULL;
}

/* Gives the places of sessions that have ended free; how many go on. */
static int tidy(ork_board *board)
{
    int count = 0;
    for (int i = 0; i < MOST_SESSIONS; i++) {
        place *p = &board->places[i];
        pthread_mutex_lock(&board->lock);
        const bool ended = p->is_used && p->has_ended;
        pthread_mutex_unlock(&board->lock);
        if (ended) {
            pthread_join(p->thread, NULL);
            p->is_used = false;
        }
        count += p->is_used;
    }
    return count;
}

static void refuse(const ork_board *board, int fd)
{
    wire w = wire_of_socket(fd, 1);
    uint32_t kind;
    w.hurry = true;
    if (wire_next(&w, &kind)) /* what has not been read would take the answer away */
        wire_skip(&w);
    w = wire_of_socket(fd, 1);
    serve_refusal(&w, board->options.sessions);
    close(fd);
}

static void take_in(ork_board *board, int fd)
{
    place *p = board->places;
    socket_prepare(fd);
    if (tidy(board) >= board->options.sessions) {
        refuse(board, fd);
        return;
    }
    while (p->is_used)
        p++;
    *p = (place){.board = board, .fd = fd, .is_used = true};
    if (pthread_create(&p->thread, NULL, serve, p) == 0)
        return;
    p->is_used = false;
    refuse(board, fd);
}

/* ---- the loop ---- */

static void drain(int fd, bool *stop)
{
    char bytes[64];
    for (ssize_t got; (got = read(fd, bytes, sizeof(bytes))) > 0;)
        *stop = *stop || memchr(bytes, 's', (size_t)got) != NULL;
}

void ork_board_run(ork_board *board)
{
    bool stop = false;
    while (!stop) {
        struct pollfd fds[] = {{.fd = board->fd, .events = POLLIN},
                               {.fd = board->wake[0], .events = POLLIN}};
        const int running = tidy(board);
        const int wait = board->options.idle > 0 && !running ? board->options.idle * 1000 : -1;
        const int ready = poll(fds, 2, wait);
        if (ready == 0)
            return;
        drain(board->wake[0], &stop);
        const int fd = stop || ready < 0 ? -1 : accept4(board->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            take_in(board, fd);
    }
}

void ork_board_stop(ork_board *board)
{
    const ssize_t told = write(board->wake[1], "s", 1);
    (void)told;
}

void ork_board_free(ork_board *board)
{
    if (!board)
        return;
    for (int i = 0; i < MOST_SESSIONS; i++) {
        place *p = &board->places[i];
        pthread_mutex_lock(&board->lock);
        if (p->is_used && p->fd >= 0)
            shutdown(p->fd, SHUT_RDWR);
        pthread_mutex_unlock(&board->lock);
        if (p->is_used)
            pthread_join(p->thread, NULL);
    }
    for (int i = 0; i < 2; i++)
        if (board->wake[i] >= 0)
            close(board->wake[i]);
    if (board->fd >= 0)
        close(board->fd);
    pthread_mutex_destroy(&board->lock);
    free(board->token);
    free(board->chip);
    free(board);
}
