/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as child processes: started one after another, read without waiting, ended by Ctrl-C. */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
    MOST_WAITING = 64,
    MOST_KEPT = 200,        /* jobs that have ended */
    MOST_RESULT = 64 << 20, /* bytes of a document */
    MOST_LOG = 256 << 10,
    MOST_LINE = 64 << 10
};

typedef enum job_state { WAITING, RUNNING, DONE, FAILED, CANCELLED } job_state;
static const char *const state_names[] = {"waiting", "running", "done", "failed", "cancelled"};

/* One end of a pipe, and what came out of it so far. */
typedef struct stream {
    int descriptor; /* -1: closed */
    ork_str text;
} stream;

struct web_job {
    web_job *next;
    ork_arena *arena; /* of the command */
    web_command command;
    int number, exit_code, ended_by;
    job_state state;
    bool cancelled;
    pid_t pid;
    stream result, log;
    ork_str line;   /* of the log, not yet whole */
    size_t dropped; /* letters of the log, at its start */
    double begun, ended;
    char stage[64];
    int64_t step, steps;
    double seconds_left;
};

struct web_jobs {
    const char *program;
    web_job *first, *last;
    int numbers;
};

web_jobs *web_jobs_new(const char *program)
{
    web_jobs *jobs = calloc(1, sizeof(*jobs));
    if (jobs)
        jobs->program = program;
    return jobs;
}

static void free_job(web_job *job)
{
    ork_str_free(&job->result.text);
    ork_str_free(&job->log.text);
    ork_str_free(&job->line);
    ork_arena_free(job->arena);
    free(job);
}

static int count_in(const web_jobs *jobs, job_state from, job_state to)
{
    int count = 0;
    for (const web_job *job = jobs->first; job; job = job->next)
        count += job->state >= from && job->state <= to;
    return count;
}

int web_jobs_add(web_jobs *jobs, ork_arena *arena, const web_command *command)
{
    web_job *job = count_in(jobs, WAITING, WAITING) < MOST_WAITING ? calloc(1, sizeof(*job)) : NULL;
    if (!job) {
        ork_arena_free(arena);
        return 0;
    }
    job->arena = arena;
    job->command = *command;
    job->number = ++jobs->numbers;
    job->result.descriptor = job->log.descriptor = -1;
    if (jobs->last)
        jobs->last->next = job;
    else
        jobs->first = job;
    jobs->last = job;
    return job->number;
}

web_job *web_jobs_find(web_jobs *jobs, int number)
{
    web_job *job = jobs ? jobs->first : NULL;
    while (job && job->number != number)
        job = job->next;
    return job;
}

/* ---- starting ---- */

/* The command's words, between the program and what the server wants to read. */
static char **argument_vector(web_job *job, const char *program)
{
    const web_command *command = &job->command;
    const char **argv = ORK_NEW_ARRAY(job->arena, const char *, command->words.count + 4);
    size_t count = 0;
    bool takes_value = false;
    for (const ork_cli_option *row = command->verb->options; row->name; row++)
        takes_value = takes_value || (strcmp(row->name, "json") == 0 && row->value);
    argv[count++] = program;
    for (size_t i = 0; i < command->words.count; i++)
        argv[count++] = command->words.items[i];
    argv[count++] = takes_value ? "--json=-" : "--json";
    argv[count++] = "--progress=lines";
    return (char **)argv;
}

static bool make_pipe(stream *s, int *other)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    s->descriptor = ends[0];
    *other = ends[1];
    return true;
}

static bool spawn(web_job *job, const char *program, int result, int log)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, result, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
    posix_spawnattr_setpgroup(&attributes, 0); /* Ctrl-C reaches it through the server only */
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    const int code = posix_spawn(&job->pid, program, &actions, &attributes,
                                 argument_vector(job, program), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code == 0;
}

static void close_stream(stream *s)
{
    if (s->descriptor >= 0)
        close(s->descriptor);
    s->descriptor = -1;
}

static void start(web_job *job, const char *program)
{
    int result = -1, log = -1;
    job->begun = ork_cli_seconds();
    const bool good = make_pipe(&job->result, &result) && make_pipe(&job->log, &log) &&
                      spawn(job, program, result, log);
    if (result >= 0)
        close(result);
    if (log >= 0)
        close(log);
    job->state = good ? RUNNING : FAILED;
    if (good)
        return;
    close_stream(&job->result);
    close_stream(&job->log);
    job->exit_code = 8;
    job->ended = job->begun;
    ork_str_printf(&job->log.text, "%s cannot be started: %s\n", program, strerror(errno));
}

/* ---- reading ---- */

/* {"progress": {...}} */
static bool take_progress(web_job *job, const char *line, size_t length)
{
    if (!ork_starts_with(line, "{\"progress\""))
        return false;
    ork_arena *arena = ork_arena_new();
    ork_diag *diag = ork_diag_new();
    const ork_json *read = ork_json_read(diag, arena, (ork_bytes){(const uint8_t *)line, length});
    const ork_json *progress = ork_json_get(read, "progress");
    if (progress) {
        snprintf(job->stage, sizeof(job->stage), "%s", ork_json_get_text(progress, "stage", ""));
        job->step = ork_json_get_int(progress, "done", 0);
        job->steps = ork_json_get_int(progress, "total", 0);
        job->seconds_left = ork_json_get_double(progress, "seconds_left", -1);
    }
    ork_diag_free(diag);
    ork_arena_free(arena);
    return progress != NULL;
}

static void keep_line(web_job *job, const char *line, size_t length)
{
    ork_str *log = &job->log.text;
    ork_str_append(log, line, length);
    if (log->length <= MOST_LOG)
        return;
    const size_t drop = log->length - MOST_LOG / 2;
    memmove(log->text, log->text + drop, log->length - drop + 1);
    log->length -= drop;
    job->dropped += drop;
}

static void take_log(web_job *job, const char *text, size_t length)
{
    ork_str *line = &job->line;
    for (const char *end = text + length; text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const size_t part = stop ? (size_t)(stop - text) + 1 : (size_t)(end - text);
        ork_str_append(line, text, part);
        text += part;
        if (!stop && line->length < MOST_LINE)
            continue;
        if (!take_progress(job, line->text, line->length))
            keep_line(job, line->text, line->length);
        line->length = 0;
    }
}

/* Reads what is there; closes at the end. */
static void read_stream(web_job *job, stream *s)
{
    char buffer[65536];
    while (s->descriptor >= 0) {
        const ssize_t count = read(s->descriptor, buffer, sizeof(buffer));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            close_stream(s);
            return;
        }
        if (s == &job->log)
            take_log(job, buffer, (size_t)count);
        else if (s->text.length + (size_t)count <= MOST_RESULT)
            ork_str_append(&s->text, buffer, (size_t)count);
        else
            web_job_cancel(job);
    }
}

static void finish(web_job *job)
{
    int status = 0;
    if (waitpid(job->pid, &status, 0) != job->pid)
        status = 0x7f00;
    if (job->line.length > 0)
        keep_line(job, job->line.text, job->line.length);
    job->ended = ork_cli_seconds();
    job->ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    job->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + job->ended_by;
    job->state = job->cancelled && job->exit_code != 0 ? CANCELLED
                 : job->exit_code == 0                 ? DONE
                                                       : FAILED;
    if (job->ended_by && !job->cancelled)
        ork_str_printf(&job->log.text, "the work ended by signal %d (%s)\n", job->ended_by,
                       strsignal(job->ended_by));
}

int web_jobs_waits(const web_jobs *jobs, struct pollfd *waits)
{
    int count = 0;
    for (const web_job *job = jobs->first; job; job = job->next) {
        const stream *streams[] = {&job->result, &job->log};
        for (size_t i = 0; i < ORK_CLI_COUNT(streams); i++)
            if (streams[i]->descriptor >= 0)
                waits[count++] = (struct pollfd){.fd = streams[i]->descriptor, .events = POLLIN};
    }
    return count;
}

/* The oldest that have ended go when there are too many. */
static void forget(web_jobs *jobs)
{
    int many = count_in(jobs, DONE, CANCELLED) - MOST_KEPT;
    web_job *last = NULL;
    for (web_job **at = &jobs->first, *job; (job = *at);) {
        if (many > 0 && job->state >= DONE) {
            *at = job->next;
            free_job(job);
            many--;
        } else {
            last = job;
            at = &job->next;
        }
    }
    jobs->last = last;
}

void web_jobs_step(web_jobs *jobs)
{
    for (web_job *job = jobs->first; job; job = job->next) {
        read_stream(job, &job->result);
        read_stream(job, &job->log);
        if (job->state == RUNNING && job->result.descriptor < 0 && job->log.descriptor < 0)
            finish(job);
    }
    for (web_job *job = jobs->first; job; job = job->next)
        if (job->state == WAITING && count_in(jobs, RUNNING, RUNNING) < WEB_JOBS_AT_ONCE)
            start(job, jobs->program);
    forget(jobs);
}

void web_job_cancel(web_job *job)
{
    if (job->state == RUNNING) /* asks first, insists the second time, as Ctrl-C does */
        kill(job->pid, SIGINT);
    else if (job->state == WAITING)
        job->state = CANCELLED;
    job->cancelled = job->state == RUNNING || job->state == CANCELLED;
}

void web_jobs_free(web_jobs *jobs)
{
    if (!jobs)
        return;
    for (web_job *job = jobs->first; job; job = job->next)
        web_job_cancel(job);
    for (web_job *job = jobs->first, *next; job; job = next) {
        next = job->next;
        if (job->state == RUNNING) {
            close_stream(&job->result);
            close_stream(&job->log);
            finish(job);
        }
        free_job(job);
    }
    free(jobs);
}

/* ---- telling ---- */

static double seconds_of(const web_job *job)
{
    if (job->state == WAITING || job->begun <= 0)
        return 0;
    return (job->state == RUNNING ? ork_cli_seconds() : job->ended) - job->begun;
}

static void put_state(const web_job *job, ork_json_writer *writer)
{
    ork_str line = {0};
    web_command_shell(&job->command, &line);
    ork_json_member_int(writer, "number", job->number);
    ork_json_member_text(writer, "state", state_names[job->state]);
    ork_json_member_text(writer, "command", line.text);
    ork_json_key(writer, "request");
    ork_json_put(writer, job->command.request);
    ork_json_member_int(writer, "exit_code", job->exit_code);
    ork_json_member_double(writer, "seconds", seconds_of(job));
    ork_json_member_text(writer, "stage", job->stage);
    ork_json_member_int(writer, "done", job->step);
    ork_json_member_int(writer, "total", job->steps);
    ork_json_member_double(writer, "seconds_left", job->steps ? job->seconds_left : -1);
    ork_str_free(&line);
}

void web_jobs_describe(const web_jobs *jobs, ork_json_writer *writer)
{
    ork_json_begin_array(writer);
    for (const web_job *job = jobs->first; job; job = job->next) {
        ork_json_begin_object(writer);
        put_state(job, writer);
        ork_json_end_object(writer);
    }
    ork_json_end_array(writer);
}

void web_job_describe(const web_job *job, size_t from, ork_json_writer *writer)
{
    const ork_str *log = &job->log.text;
    const size_t end = job->dropped + log->length;
    from = from < job->dropped ? job->dropped : from > end ? end : from;
    ork_json_begin_object(writer);
    put_state(job, writer);
    ork_json_key(writer, "log");
    ork_json_put_text_n(writer, log->length ? log->text + (from - job->dropped) : "", end - from);
    ork_json_member_int(writer, "log_end", (int64_t)end);
    ork_json_end_object(writer);
}

ork_bytes web_job_result(const web_job *job)
{
    return (ork_bytes){(const uint8_t *)job->result.text.text, job->result.text.length};
}
