/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, log lines and progress: what every call of OpenRKNN can tell its caller. */
#ifndef OPENRKNN_ERROR_H
#define OPENRKNN_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A failure, told so that the reader knows what to do next. All texts are UTF-8 and never NULL;
   those with nothing to say are "". */
typedef struct ork_error {
    const char *id;    /* stable: "E0203"; "" when nothing has failed */
    const char *name;  /* stable: "torch-weights-only" */
    const char *what;  /* what happened */
    const char *where; /* file, line or layer, in the user's own names */
    const char *why;   /* the reason */
    const char *fix;   /* what to do */
    int exit_code;     /* what a command line program should exit with */
} ork_error;

typedef enum ork_log_level {
    ORK_LOG_ERROR,
    ORK_LOG_WARNING,
    ORK_LOG_NOTE,
    ORK_LOG_DEBUG,
} ork_log_level;

/* Receives one line without its newline. Called from the thread that called into the library. */
typedef void (*ork_log_fn)(void *user, ork_log_level level, const char *text);

/* Tells how far long work has come: `done` of `total` units of `stage`. Returning false cancels
   the work, which then fails with the error "cancelled". */
typedef bool (*ork_progress_fn)(void *user, const char *stage, uint64_t done, uint64_t total);

#ifdef __cplusplus
}
#endif
#endif
