/* SPDX-License-Identifier: Apache-2.0 */
/* What the server answers to which address. */
#include "web.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct asking {
    web_site *site;
    ork_arena *arena;
    const web_call *call;
    const char *rest; /* of the path, behind what the route names */
    web_reply *reply;
} asking;

static const char json_type[] = "application/json";

void web_reply_error(web_reply *reply, int status, const char *what, const char *fix)
{
    ork_json_writer writer = ork_json_writer_new(&reply->body, 0);
    reply->body.length = 0;
    reply->status = status;
    reply->type = json_type;
    ork_json_begin_object(&writer);
    ork_json_key(&writer, "error");
    ork_json_begin_object(&writer);
    ork_json_member_text(&writer, "what", what);
    ork_json_member_text(&writer, "fix", fix);
    ork_json_end_object(&writer);
    ork_json_end_object(&writer);
}

static ork_json_writer begin(asking *a)
{
    a->reply->status = 200;
    a->reply->type = json_type;
    return ork_json_writer_new(&a->reply->body, 0);
}

/* ---- pages ---- */

static void answer_asset(asking *a)
{
    const char *name = *a->rest ? a->rest : "index.html";
    for (const web_asset *asset = web_assets; asset->name; asset++)
        if (strcmp(asset->name, name) == 0)
            *a->reply = (web_reply){
                .status = 200, .type = asset->type, .asset = {asset->data, asset->size}};
    if (!a->reply->status)
        web_reply_error(a->reply, 404, "there is no such page", "");
}

/* ---- the project ---- */

static void answer_project(asking *a)
{
    char folder[PATH_MAX];
    ork_json_writer writer = begin(a);
    ork_json_begin_object(&writer);
    ork_json_member_text(&writer, "folder", getcwd(folder, sizeof(folder)) ? folder : ".");
    ork_json_member_text(&writer, "version", ORK_VERSION);
    ork_json_key(&writer, "verbs");
    web_command_tables(a->site->verbs, &writer);
    ork_json_end_object(&writer);
}

static void answer_files(asking *a)
{
    ork_json_writer writer = begin(a);
    web_files_list(a->arena, &writer);
}

static void answer_file(asking *a)
{
    if (!web_path_is_plain(a->rest) || !web_path_is_inside(a->rest) || !ork_file_exists(a->rest))
        web_reply_error(a->reply, 404, "there is no such file in the project", "");
    else
        *a->reply = (web_reply){.status = 200, .type = web_file_type(a->rest), .file = a->rest};
}

/* ---- commands and jobs ---- */

static void refuse(asking *a, const ork_diag *diag)
{
    const ork_error *error = ork_diag_error(diag);
    web_reply_error(a->reply, 400, error->what, error->fix);
}

static void answer_command(asking *a)
{
    ork_diag *diag = ork_diag_new();
    web_command command;
    ork_str line = {0}, python = {0};
    if (web_command_read(diag, a->arena, a->site->verbs, a->call->body, &command)) {
        web_command_shell(&command, &line);
        web_command_python(&command, &python);
        ork_json_writer writer = begin(a);
        ork_json_begin_object(&writer);
        ork_json_member_text(&writer, "shell", line.text);
        ork_json_member_text(&writer, "python", python.text ? python.text : "");
        ork_json_end_object(&writer);
    } else {
        refuse(a, diag);
    }
    ork_str_free(&line);
    ork_str_free(&python);
    ork_diag_free(diag);
}

static void add_job(asking *a, ork_arena *arena, const web_command *command)
{
    const int number = web_jobs_add(a->site->jobs, arena, command);
    if (!number) {
        web_reply_error(a->reply, 429, "too much work waits already", "cancel some, or wait");
        return;
    }
    web_jobs_step(a->site->jobs);
    ork_json_writer writer = begin(a);
    ork_json_begin_object(&writer);
    ork_json_member_int(&writer, "number", number);
    ork_json_end_object(&writer);
}

static void answer_new_job(asking *a)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new(); /* the job's */
    web_command command;
    if (!web_command_read(diag, arena, a->site->verbs, a->call->body, &command)) {
        refuse(a, diag);
        ork_arena_free(arena);
    } else if (a->site->jobs) {
        add_job(a, arena, &command);
    } else {
        web_reply_error(a->reply, 503, "nothing can be run here", "");
        ork_arena_free(arena);
    }
    ork_diag_free(diag);
}

static void answer_jobs(asking *a)
{
    ork_json_writer writer = begin(a);
    if (a->site->jobs) {
        web_jobs_describe(a->site->jobs, &writer);
    } else {
        ork_json_begin_array(&writer);
        ork_json_end_array(&writer);
    }
}

/* "12" or "12/result" */
static web_job *asked_job(asking *a, const char **part)
{
    char *end;
    const long number = strtol(a->rest, &end, 10);
    web_job *job = end != a->rest && number > 0 && number < INT_MAX
                       ? web_jobs_find(a->site->jobs, (int)number)
                       : NULL;
    *part = end;
    if (!job)
        web_reply_error(a->reply, 404, "there is no such job", "");
    return job;
}

static void answer_job(asking *a)
{
    const char *part, *from = a->call->from;
    const web_job *job = asked_job(a, &part);
    if (!job)
        return;
    if (strcmp(part, "/result") == 0) {
        const ork_bytes result = web_job_result(job);
        ork_str_append(&a->reply->body, result.size ? (const char *)result.data : "null",
                       result.size ? result.size : 4);
        a->reply->status = 200;
        a->reply->type = json_type;
    } else if (!*part) {
        ork_json_writer writer = begin(a);
        web_job_describe(job, from ? strtoul(from, NULL, 10) : 0, &writer);
    } else {
        web_reply_error(a->reply, 404, "a job has no such part", "");
    }
}

static void answer_cancel(asking *a)
{
    const char *part;
    web_job *job = asked_job(a, &part);
    if (!job)
        return;
    web_job_cancel(job);
    ork_json_writer writer = begin(a);
    web_job_describe(job, 0, &writer);
}

/* ---- routes ---- */

static const struct route {
    const char *method, *path; /* one that ends with a slash also stands for what is behind it */
    void (*answer)(asking *a);
} routes[] = {
    {"GET", "/", answer_asset},
    {"GET", "/page/", answer_asset},
    {"GET", "/files/", answer_file},
    {"GET", "/api/project", answer_project},
    {"GET", "/api/files", answer_files},
    {"POST", "/api/command", answer_command},
    {"POST", "/api/jobs", answer_new_job},
    {"GET", "/api/jobs", answer_jobs},
    {"GET", "/api/jobs/", answer_job},
    {"DELETE", "/api/jobs/", answer_cancel},
};

static bool is_route(const struct route *route, const char *path)
{
    const size_t length = strlen(route->path);
    const bool is_folder = length > 1 && route->path[length - 1] == '/';
    return is_folder ? ork_starts_with(path, route->path) : strcmp(path, route->path) == 0;
}

static void refuse_status(web_reply *reply, int status)
{
    const char *what = status == 421   ? "this is not the address of the page"
                       : status == 403 ? "the request comes from another page"
                                       : "the request has no token";
    web_reply_error(reply, status, what, "open the address that ork gui has printed");
}

void web_answer(web_site *site, ork_arena *arena, const web_call *call, web_reply *reply)
{
    bool known = false;
    *reply = (web_reply){0};
    const int status = web_gate_judge(&site->gate, call);
    if (status != 200) {
        refuse_status(reply, status);
        return;
    }
    for (size_t i = 0; i < ORK_CLI_COUNT(routes); i++) {
        if (!is_route(&routes[i], call->path))
            continue;
        known = true;
        if (strcmp(routes[i].method, call->method) != 0)
            continue;
        routes[i].answer(&(asking){site, arena, call, call->path + strlen(routes[i].path), reply});
        return;
    }
    web_reply_error(reply, known ? 405 : 404,
                    known ? "this cannot be done here" : "there is nothing here", "");
}

const char *web_upload_path(const web_site *site, const web_call *call, web_reply *reply)
{
    const char prefix[] = "/files/", *path = call->path + sizeof(prefix) - 1;
    const int status = web_gate_judge(&site->gate, call);
    *reply = (web_reply){0};
    if (status != 200)
        refuse_status(reply, status);
    else if (!ork_starts_with(call->path, prefix))
        web_reply_error(reply, 405, "this cannot be done here", "");
    else if (!web_path_is_plain(path) || !web_path_is_inside(path))
        web_reply_error(reply, 403, "this is no place in the project",
                        "upload to a folder that is there");
    else if (ork_file_exists(path) && !call->replace)
        web_reply_error(reply, 409, "the file is there already",
                        "replace it, or give it another name");
    else
        return path;
    return NULL;
}
