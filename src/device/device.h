/* SPDX-License-Identifier: Apache-2.0 */
/* Boards: how to find them, and how to run networks on them. A host talks to the program
   `ork-board` on the board, through the system's adb server or directly over TCP; docs/board.md has
   the protocol. Both ends stand here: the host's first, the board's at the end. */
#ifndef ORK_DEVICE_H
#define ORK_DEVICE_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../plan/plan.h"

/* ---- a connection ---------------------------------------------------------------------- */

typedef struct ork_link ork_link;

/* device_id: adb's serial number, "tcp:HOST:PORT" for an ork-board that listens there, or NULL for
   the only board there is. Over adb, ork-board is copied to the board unless it is there already,
   and started. The log tells what happens. NULL on failure, with an error of its own for everything
   that can be the matter. */
ork_link *ork_link_open(ork_diag *diag, const char *device_id);
void ork_link_free(ork_link *link);

/* What the board says of itself. */
typedef struct ork_board_info {
    const char *id;      /* "0123456789ABCDEF", "tcp:192.168.1.7:9510" */
    const char *version; /* of ork-board */
    const char *machine; /* "aarch64" */
    const char *chip;    /* its device tree's names: "rockchip,rk1808-evb rockchip,rk1808", or "" */
    int processors;
} ork_board_info;
ork_board_info ork_link_board(const ork_link *link);

/* ---- what is connected ----------------------------------------------------------------- */

/* Texts are "" where there is nothing to say. */
typedef struct ork_device_row {
    const char *id, *state, *model;    /* as adb tells them */
    const char *error, *problem, *fix; /* the error's id and texts, when it cannot be used */
} ork_device_row;
typedef ORK_VEC(ork_device_row) ork_device_rows;
/* In the arena. Fails when adb cannot be asked; no device is no failure. */
bool ork_devices_list(ork_diag *diag, ork_arena *arena, ork_device_rows *rows);

/* Something that boards need, and how it is. */
typedef struct ork_checkup_row {
    const char *name; /* "adb server" */
    bool is_good;
    const char *text;        /* what was found, or what is wrong */
    const char *error, *fix; /* "" when it is good */
} ork_checkup_row;
typedef ORK_VEC(ork_checkup_row) ork_checkup_rows;
/* Looks at everything that stands between this computer and a board; with device_id, or `connect`,
   also connects with the board. */
void ork_checkup_run(ork_arena *arena, const char *device_id, bool connect, ork_checkup_rows *rows);

/* ---- running there --------------------------------------------------------------------- */

/* A network on a board. */
typedef struct ork_remote ork_remote;

typedef struct ork_remote_options {
    ork_family family; /* whose integer arithmetic */
    int threads;       /* 0: as many as the board has processors */
    bool layers;       /* runs tell every value of the network */
} ork_remote_options;

/* Sends the graph, which must live longer. Takes the link over, in any case. NULL on failure. */
ork_remote *ork_remote_new(ork_diag *diag, ork_link *link, const ork_graph *graph,
                           const ork_remote_options *options);
void ork_remote_free(ork_remote *remote);
ork_board_info ork_remote_board(const ork_remote *remote);

/* One checked feed for each input (ork_feed_check), sent straight from where they lie. After a lost
   connection every run fails: make a new one. */
bool ork_remote_run(ork_remote *remote, ork_diag *diag, const ork_feed *feeds);

/* The same in parts, for networks with `layers`: start, then next until there is no value any more.
   A value is given as real numbers, in the order in which the board computes; it is valid until the
   next call. */
typedef struct ork_remote_value {
    const char *name; /* NULL: the run has ended, its outputs are there */
    bool is_nhwc;     /* as in ork_observation */
    const float *data;
    int64_t count;
} ork_remote_value;
bool ork_remote_start(ork_remote *remote, ork_diag *diag, const ork_feed *feeds);
bool ork_remote_next(ork_remote *remote, ork_diag *diag, ork_remote_value *value);

/* As ork_runner_output_raw and ork_runner_output. */
const void *ork_remote_output_raw(const ork_remote *remote, size_t index);
const float *ork_remote_output(const ork_remote *remote, size_t index);

typedef struct ork_remote_stats {
    size_t arena_bytes, weight_bytes;
    int threads;
    double seconds; /* of the last run, as the board measured it, without the way there and back */
} ork_remote_stats;
ork_remote_stats ork_remote_get_stats(const ork_remote *remote);

/* ---- the board's end ------------------------------------------------------------------- */

typedef struct ork_board_options {
    const char *address; /* "127.0.0.1:9510"; port 0 takes a free one */
    const char *token;   /* that hosts must know, or NULL */
    const char *chip;    /* NULL: what the device tree says */
    int threads;         /* of a session whose host does not ask for a number; 0: all processors */
    int sessions;        /* at one time; further hosts are told to come back */
    int patience;        /* seconds without a byte in the middle of a frame, then a host is gone */
    int idle;            /* seconds without a session, then the program ends; 0: never */
} ork_board_options;

typedef struct ork_board ork_board;

/* Begins to listen. NULL on failure: an address that is no such thing, or is taken; one that others
   can reach, without a token. */
ork_board *ork_board_new(ork_diag *diag, const ork_board_options *options);
void ork_board_free(ork_board *board); /* ends and waits for all sessions */
/* "127.0.0.1:9510" */
const char *ork_board_address(const ork_board *board);
/* Serves hosts until ork_board_stop, which a signal handler may call, or until it has been idle for
   long enough. */
void ork_board_run(ork_board *board);
void ork_board_stop(ork_board *board);

#endif
