/* SPDX-License-Identifier: Apache-2.0 */
/* The page of `ork gui`: a server for one user on this machine.

   Nothing is computed here. What the page wants done becomes a command line of `ork`, which runs as
   a child process in the project's folder: the page can do nothing that the program cannot, makes
   the same files, and a crash of the work leaves the server alone. The options that the page shows
   come from the tables of the verbs.

   One thread does everything: it waits for the sockets and for the pipes of the children. */
#ifndef ORK_WEB_H
#define ORK_WEB_H

#include "../cli/cli.h"
#include "../src/base/base.h"
#include "../src/codec/codec.h"

/* ---- who may ask ---- */

enum { WEB_TOKEN_SIZE = 33 };

/* What a request must bring: a page of another site cannot know the token, and a name that somebody
   points at this machine (DNS rebinding) is not its address. */
typedef struct web_gate {
    char token[WEB_TOKEN_SIZE]; /* 128 random bits as hexadecimal text */
    int port;
} web_gate;

/* A request as it came. Texts may be NULL where it had none. */
typedef struct web_call {
    const char *method, *path; /* decoded, without what follows a "?" */
    const char *host, *origin, *token;
    const char *from, *replace; /* parameters behind the "?" */
    ork_bytes body;
} web_call;

/* The status of the refusal, or 200. */
int web_gate_judge(const web_gate *gate, const web_call *call);
bool web_gate_new_token(web_gate *gate); /* false when the system gives no random bytes */

/* ---- files of the project ---- */

/* True for a relative path without "..", hidden names, or letters that a path should not have. */
bool web_path_is_plain(const char *path);
/* True when the plain path lies below the working folder, symbolic links followed. It, or its last
   part, need not exist. */
bool web_path_is_inside(const char *path);
/* Writes an array of the files below the working folder: path, kind, size, time of change. */
void web_files_list(ork_arena *arena, ork_json_writer *writer);
/* What the file holds, in the words of HTTP, by its ending. */
const char *web_file_type(const char *path);

/* ---- commands ---- */

/* A command line of `ork`, as the page asked for it. */
typedef struct web_command {
    const ork_cli_verb *verb;
    ORK_VEC(const char *) words; /* the verb first; no NULL at the end */
    const ork_json *request;     /* what it was made from */
} web_command;

/* Reads {"verb": "convert", "arguments": ["a.pt"], "options": {"quantize": "u8", ...}}; flags are
   true or false, options that may be given again arrays. Only verbs and options of the tables are
   taken, and only paths inside the working folder. Everything lives in the arena. */
bool web_command_read(ork_diag *diag, ork_arena *arena, const ork_cli_verb *verbs, ork_bytes body,
                      web_command *command);
/* As one would type it into a shell. */
void web_command_shell(const web_command *command, ork_str *line);
/* Lines of Python that do the same by rknn.api; nothing for what it cannot do. */
void web_command_python(const web_command *command, ork_str *lines);
/* Writes the array of the verbs that the page may run, with their options. */
void web_command_tables(const ork_cli_verb *verbs, ork_json_writer *writer);

/* ---- jobs ---- */

typedef struct web_jobs web_jobs;
typedef struct web_job web_job;

/* program: the path of `ork`. */
web_jobs *web_jobs_new(const char *program);
/* Ends all work and waits for it. */
void web_jobs_free(web_jobs *jobs);
/* Takes over the arena that the command lives in. The number of the job, or 0 when too many wait.
 */
int web_jobs_add(web_jobs *jobs, ork_arena *arena, const web_command *command);
web_job *web_jobs_find(web_jobs *jobs, int number); /* or NULL */
void web_job_cancel(web_job *job);
void web_jobs_describe(const web_jobs *jobs, ork_json_writer *writer); /* an array of all */
/* An object; the log from its letter `from` on. */
void web_job_describe(const web_job *job, size_t from, ork_json_writer *writer);
/* What the work printed, a document of JSON; empty until it has ended. */
ork_bytes web_job_result(const web_job *job);

struct pollfd;
/* Descriptors to wait for, at most WEB_JOBS_WAITS; their number. */
enum { WEB_JOBS_AT_ONCE = 2, WEB_JOBS_WAITS = 2 * WEB_JOBS_AT_ONCE };
int web_jobs_waits(const web_jobs *jobs, struct pollfd *waits);
/* Reads what has come, notices what has ended, starts what waits. */
void web_jobs_step(web_jobs *jobs);

/* ---- answers ---- */

typedef struct web_asset {
    const char *name, *type;
    const uint8_t *data;
    size_t size;
} web_asset;
extern const web_asset web_assets[]; /* ends with an empty row */

typedef struct web_reply {
    int status;
    const char *type;
    ork_str body;
    ork_bytes asset;  /* in place of the body: lives as long as the program */
    const char *file; /* in place of the body: this file below the folder */
    bool is_login;    /* send the token along as a cookie, and go to "/" */
} web_reply;

typedef struct web_site {
    web_gate gate;
    const ork_cli_verb *verbs;
    web_jobs *jobs; /* NULL: commands are only shown */
} web_site;

/* Answers anything but the upload of a file. `arena` holds what the reply points to. */
void web_answer(web_site *site, ork_arena *arena, const web_call *call, web_reply *reply);
/* For an upload: the file to write, inside the folder; NULL with the refusal in *reply. */
const char *web_upload_path(const web_site *site, const web_call *call, web_reply *reply);
void web_reply_error(web_reply *reply, int status, const char *what, const char *fix);

/* ---- the server ---- */

/* Listens on 127.0.0.1, on the first free port from `port` on, and answers until Ctrl-C. `ready`
   is called once with the address. An exit code. */
int web_serve(ork_cli *cli, web_site *site, int port,
              void (*ready)(ork_cli *cli, const char *address));

#endif
