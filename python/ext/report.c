/* SPDX-License-Identifier: Apache-2.0 */
/* Failures, log lines and the progress bar. */
#include "ext.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct error_row {
    const char *id, *name, *fix;
    int exit_code;
} error_row;

static const error_row error_rows[] = {
#define ORK_ERROR(symbol, id, name, exit_code, fix) [ORK_PY_##symbol] = {id, name, fix, exit_code},
#include "base/errors.def"
#undef ORK_ERROR
};

/* ---- failures -------------------------------------------------------------------------- */

/* Texts are UTF-8, except that a path inside may be anything. */
PyObject *ork_py_text(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyObject *ork_py_fail_with(ork_py_state *state, const ork_error *error)
{
    const char *texts[] = {error->id,    error->name, error->what,
                           error->where, error->why,  error->fix};
    PyObject *args = PyTuple_New(7);
    if (!args)
        return NULL;
    for (Py_ssize_t i = 0; i < 6; i++) {
        PyObject *text = ork_py_text(texts[i]);
        if (!text) {
            Py_DECREF(args);
            return NULL;
        }
        PyTuple_SET_ITEM(args, i, text);
    }
    PyObject *exit_code = PyLong_FromLong(error->exit_code);
    if (exit_code) {
        PyTuple_SET_ITEM(args, 6, exit_code);
        PyErr_SetObject(state->failure, args);
    }
    Py_DECREF(args);
    return NULL;
}

PyObject *ork_py_fail(ork_py_state *state, ork_py_error error, const char *where, const char *why,
                      const char *fix, const char *what, ...)
{
    char text[1024];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof(text), what, args);
    va_end(args);
    const error_row *row = &error_rows[error];
    return ork_py_fail_with(state, &(ork_error){.id = row->id,
                                                .name = row->name,
                                                .what = text,
                                                .where = where ? where : "",
                                                .why = why ? why : "",
                                                .fix = fix ? fix : row->fix,
                                                .exit_code = row->exit_code});
}

PyObject *ork_py_fail_from(ork_py_model *self, const ork_error *error)
{
    if (self->signal_type) {
        PyErr_Restore(self->signal_type, self->signal_value, self->signal_trace);
        self->signal_type = self->signal_value = self->signal_trace = NULL;
        return NULL;
    }
    return ork_py_fail_with(self->state, error);
}

/* ---- log lines ------------------------------------------------------------------------- */

static void erase_bar(ork_py_model *self)
{
    if (!self->progress.drawn)
        return;
    char blank[200];
    snprintf(blank, sizeof(blank), "\r%*s\r", self->progress.drawn, "");
    PySys_FormatStderr("%s", blank);
    self->progress.drawn = 0;
}

/* Through sys.stderr and not the descriptor, so that a notebook or a test harness that replaces it
   sees the line. */
static void print_line(ork_py_model *self, char letter, const char *line, size_t length)
{
    PyObject *text = PyUnicode_DecodeUTF8(line, (Py_ssize_t)length, "replace");
    if (text)
        PySys_FormatStderr("%c %U\n", letter, text);
    else
        PyErr_Clear();
    Py_XDECREF(text);
    if (self->log_file)
        fprintf(self->log_file, "%c %.*s\n", letter, (int)length, line);
}

void ork_py_print(ork_py_model *self, char letter, const char *text)
{
    erase_bar(self);
    for (;;) {
        size_t length = strcspn(text, "\n");
        print_line(self, letter, text, length);
        if (!text[length])
            break;
        text += length + 1;
    }
    if (self->log_file)
        fflush(self->log_file);
}

static bool is_shown(const ork_py_model *self, ork_log_level level)
{
    return self->verbose || level <= ORK_LOG_WARNING;
}

static const char level_letters[] = {
    [ORK_LOG_ERROR] = 'E', [ORK_LOG_WARNING] = 'W', [ORK_LOG_NOTE] = 'I', [ORK_LOG_DEBUG] = 'D'};

void ork_py_log(ork_py_model *self, ork_log_level level, const char *format, ...)
{
    if (!is_shown(self, level))
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ork_py_print(self, level_letters[level], text);
}

void ork_py_on_log(void *user, ork_log_level level, const char *text)
{
    ork_py_model *self = user;
    /* The error of a failed call comes back with the call, and is printed there. */
    if (level == ORK_LOG_ERROR || !is_shown(self, level))
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    ork_py_print(self, level_letters[level], text);
    PyGILState_Release(gil);
}

/* ---- progress -------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool stderr_is_terminal(void)
{
    PyObject *stream = PySys_GetObject("stderr");
    PyObject *answer = stream ? PyObject_CallMethod(stream, "isatty", NULL) : NULL;
    bool terminal = answer && PyObject_IsTrue(answer) == 1;
    Py_XDECREF(answer);
    PyErr_Clear();
    return terminal;
}

void ork_py_progress_start(ork_py_model *self, bool with_bar)
{
    self->progress =
        (ork_py_progress){.on_terminal = with_bar && stderr_is_terminal(), .last_tick = seconds()};
}

void ork_py_progress_end(ork_py_model *self)
{
    erase_bar(self);
}

static void draw_bar(ork_py_progress *progress, double now, uint64_t done, uint64_t total)
{
    enum { WIDTH = 24 };
    double share = total ? (double)done / (double)total : 0;
    share = share > 1 ? 1 : share;
    int full = (int)(share * WIDTH);
    char bar[WIDTH + 1] = {0};
    memset(bar, '#', (size_t)full);
    memset(bar + full, '-', (size_t)(WIDTH - full));

    double left = share > 0 ? (now - progress->stage_start) * (1 - share) / share : 0;
    char line[192];
    int length =
        snprintf(line, sizeof(line), "\r%s [%s] %3.0f%% %llu/%llu, %.0f s left", progress->stage,
                 bar, 100 * share, (unsigned long long)done, (unsigned long long)total, left);
    for (; length <= progress->drawn && length < (int)sizeof(line) - 1; length++)
        memcpy(line + length, " ", 2); /* over the rest of the line before */
    PySys_FormatStderr("%s", line);
    progress->drawn = length - 1;
}

/* Takes the GIL ten times a second only: the library may call this for every picture and layer. */
bool ork_py_on_progress(void *user, const char *stage, uint64_t done, uint64_t total)
{
    ork_py_model *self = user;
    ork_py_progress *progress = &self->progress;
    double now = seconds();
    if (strncmp(stage, progress->stage, sizeof(progress->stage) - 1) != 0) {
        snprintf(progress->stage, sizeof(progress->stage), "%s", stage);
        progress->stage_start = now;
    }
    if (now - progress->last_tick < 0.1)
        return true;
    progress->last_tick = now;

    PyGILState_STATE gil = PyGILState_Ensure();
    if (progress->on_terminal)
        draw_bar(progress, now, done, total);
    bool go_on = PyErr_CheckSignals() == 0;
    if (!go_on)
        PyErr_Fetch(&self->signal_type, &self->signal_value, &self->signal_trace);
    PyGILState_Release(gil);
    return go_on;
}
