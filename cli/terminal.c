/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to stderr: errors, warnings, log lines and the progress bar. */
#include "cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

bool ork_cli_interrupted(void)
{
    return interrupted;
}

/* The first Ctrl-C asks the work to end, the second ends the program. */
void ork_cli_catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write */
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow */
}

int ork_cli_cancelled(ork_cli *cli)
{
    return ork_cli_fail(cli, "E0002", NULL, NULL, NULL, "cancelled");
}

/* ---- the bar ---- */

enum { BAR_CELLS = 24 };
static bool bar_shown;

void ork_cli_clear_bar(ork_cli *cli)
{
    (void)cli;
    if (bar_shown)
        fputs("\r\033[K", stderr);
    bar_shown = false;
}

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static void time_left(char *text, size_t size, double seconds)
{
    int total = seconds > 359999 ? 359999 : (int)(seconds + 0.5);
    if (total >= 3600)
        snprintf(text, size, "%d:%02d:%02d left", total / 3600, total / 60 % 60, total % 60);
    else
        snprintf(text, size, "%d:%02d left", total / 60, total % 60);
}

static void draw_bar(const ork_cli *cli, const char *stage, double part, double elapsed)
{
    char cells[BAR_CELLS + 1], left[32] = "", line[256];
    int full = (int)(part * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++)
        cells[i] = i < full ? '#' : '-';
    cells[BAR_CELLS] = '\0';
    if (part > 0 && elapsed > 0.5)
        time_left(left, sizeof(left), elapsed * (1 - part) / part);
    snprintf(line, sizeof(line), "%-20s [%s] %3d%%  %s", stage, cells, (int)(part * 100), left);
    fprintf(stderr, "\r%s%.*s%s\033[K", cli->colour ? "\033[36m" : "", terminal_width() - 1, line,
            cli->colour ? "\033[0m" : "");
    fflush(stderr);
    bar_shown = true;
}

/* {"progress": {"stage": "quantizing","done": 3,"total": 20,"seconds_left": 1.5}}, on one line */
static void print_progress(const char *stage, uint64_t done, uint64_t total, double elapsed)
{
    ork_cli_json json = {.depth = 2}; /* lines are broken at depth 1 */
    ork_cli_json_open(&json, NULL, '{');
    ork_cli_json_open(&json, "progress", '{');
    ork_cli_json_text(&json, "stage", stage);
    ork_cli_json_number(&json, "done", (double)done);
    ork_cli_json_number(&json, "total", (double)total);
    if (done > 0)
        ork_cli_json_number(&json, "seconds_left", elapsed * (double)(total - done) / (double)done);
    ork_cli_json_close(&json, '}');
    ork_cli_json_close(&json, '}');
    fprintf(stderr, "%s\n", json.text);
    ork_cli_json_drop(&json);
}

bool ork_cli_progress(void *user, const char *stage, uint64_t done, uint64_t total)
{
    static char last_stage[64];
    static double begun, drawn;
    ork_cli *cli = user;
    if (!(cli->bar || cli->progress_lines) || !total)
        return !interrupted;
    double now = ork_cli_seconds();
    if (strncmp(last_stage, stage, sizeof(last_stage) - 1) != 0) {
        snprintf(last_stage, sizeof(last_stage), "%s", stage);
        begun = now;
        drawn = 0;
    }
    const bool is_due = now - drawn > 0.1;
    if (cli->bar && done >= total)
        ork_cli_clear_bar(cli);
    else if (cli->bar && is_due)
        draw_bar(cli, stage, (double)done / (double)total, now - begun);
    else if (cli->progress_lines && (is_due || done >= total))
        print_progress(stage, done, total, now - begun);
    if (is_due)
        drawn = now;
    return !interrupted;
}

/* ---- lines ---- */

typedef struct line_style {
    const char *word, *colour;
} line_style;

static const line_style styles[] = {
    [ORK_LOG_ERROR] = {"error", "\033[1;31m"},
    [ORK_LOG_WARNING] = {"warning", "\033[1;33m"},
    [ORK_LOG_NOTE] = {"note", "\033[1;36m"},
    [ORK_LOG_DEBUG] = {"debug", "\033[2m"},
};

static void print_head(ork_cli *cli, const line_style *style, const char *id)
{
    ork_cli_clear_bar(cli);
    fprintf(stderr, "ork: %s%s%s%s%s: ", cli->colour ? style->colour : "", style->word,
            *id ? " " : "", id, cli->colour ? "\033[0m" : "");
}

void ork_cli_log(void *user, ork_log_level level, const char *text)
{
    print_head(user, &styles[level], "");
    fprintf(stderr, "%s\n", text);
}

void ork_cli_warn(ork_cli *cli, const char *format, ...)
{
    if (cli->quiet)
        return;
    va_list args;
    va_start(args, format);
    print_head(cli, &styles[ORK_LOG_WARNING], "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void ork_cli_say(ork_cli *cli, const char *format, ...)
{
    if (cli->json || cli->quiet)
        return;
    ork_cli_clear_bar(cli);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    va_end(args);
}

/* ---- errors ---- */

static void print_part(const ork_cli *cli, const char *word, const char *text)
{
    if (*text)
        fprintf(stderr, "  %s%s%s%*s %s\n", cli->colour ? "\033[1m" : "", word,
                cli->colour ? "\033[0m" : "", 6 - (int)strlen(word), "", text);
}

static void print_json_error(const ork_cli *cli, const ork_error *error)
{
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_open(&json, "error", '{');
    ork_cli_json_text(&json, "id", error->id);
    ork_cli_json_text(&json, "name", error->name);
    ork_cli_json_text(&json, "what", error->what);
    ork_cli_json_text(&json, "where", error->where);
    ork_cli_json_text(&json, "why", error->why);
    ork_cli_json_text(&json, "fix", error->fix);
    ork_cli_json_number(&json, "exit_code", error->exit_code);
    ork_cli_json_close(&json, '}');
    ork_cli_json_end(&json, stdout);
}

int ork_cli_report(ork_cli *cli, const ork_error *error)
{
    if (cli->json) {
        ork_cli_clear_bar(cli);
        print_json_error(cli, error);
    } else {
        print_head(cli, &styles[ORK_LOG_ERROR], error->id);
        fprintf(stderr, "%s\n", *error->what ? error->what : error->name);
        print_part(cli, "where:", error->where);
        print_part(cli, "why:", error->why);
        print_part(cli, "fix:", error->fix);
    }
    return error->exit_code ? error->exit_code : 1;
}

static const ork_error *error_with_id(const char *id)
{
    static const ork_error none = {"", "", "", "", "", "", 70};
    const ork_error *error;
    for (int i = 0; (error = ork_error_at(i)); i++)
        if (strcmp(error->id, id) == 0)
            return error;
    return &none;
}

int ork_cli_fail(ork_cli *cli, const char *id, const char *where, const char *why, const char *fix,
                 const char *what, ...)
{
    char text[1024];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof(text), what, args);
    va_end(args);
    ork_error error = *error_with_id(id);
    error.what = text;
    error.where = where ? where : "";
    error.why = why ? why : "";
    error.fix = fix ? fix : error.fix;
    return ork_cli_report(cli, &error);
}
