/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets: libmicrohttpd, driven from one loop together with the pipes of the jobs. */
#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MOST_CONNECTIONS = 256, /* others wait until one of these ends */
    MOST_WAITING = 1024,
    CONNECTION_MEMORY = 32 << 10, /* request line and headers */
    SECONDS_IDLE = 10,
    MOST_BODY = 1 << 20, /* of a request for a command */
    PORTS_TRIED = 50
};
static const uint64_t most_upload = (uint64_t)2 << 30;

/* A request while it comes in. */
typedef struct request {
    ork_arena *arena;
    ork_diag *diag;
    ork_str body;
    ork_output *upload;
    uint64_t received;
    bool too_large;
    web_reply reply; /* status != 0: refused before the body came */
} request;

/* ---- replies ---- */

/* Pages of ours load nothing from elsewhere. Files of the project may be pages too (reports): those
   run apart from ours, without its token, and load nothing at all. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self'; frame-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
static const char file_policy[] =
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

static struct MHD_Response *response_of(web_reply *reply)
{
    if (reply->file) {
        struct stat info;
        const int descriptor = open(reply->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (descriptor >= 0 && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode))
            return MHD_create_response_from_fd64((uint64_t)info.st_size, descriptor);
        if (descriptor >= 0)
            close(descriptor);
        reply->file = NULL;
        web_reply_error(reply, 404, "there is no such file in the project", "");
    }
    if (reply->asset.data)
        return MHD_create_response_from_buffer(reply->asset.size, (void *)reply->asset.data,
                                               MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(
        reply->body.length, reply->body.text ? reply->body.text : "", MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, web_site *site,
                                  web_reply *reply)
{
    char cookie[128];
    struct MHD_Response *response = response_of(reply);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", reply->type ? reply->type : "text/plain");
    MHD_add_response_header(response, "Content-Security-Policy",
                            reply->file ? file_policy : page_policy);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (reply->is_login) {
        snprintf(cookie, sizeof(cookie), "ork-%d=%s; Path=/; HttpOnly; SameSite=Strict",
                 site->gate.port, site->gate.token);
        MHD_add_response_header(response, "Set-Cookie", cookie);
        MHD_add_response_header(response, "Location", "/");
    }
    const enum MHD_Result result =
        MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- requests ---- */

static const char *value_of(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                            const char *name)
{
    return MHD_lookup_connection_value(connection, kind, name);
}

/* Cookies of other servers on this machine have other names: ports make no difference to them. */
static web_call call_of(struct MHD_Connection *connection, const web_site *site, const char *method,
                        const char *path)
{
    char name[32];
    snprintf(name, sizeof(name), "ork-%d", site->gate.port);
    const char *token = value_of(connection, MHD_GET_ARGUMENT_KIND, "token");
    return (web_call){.method = method,
                      .path = path,
                      .host = value_of(connection, MHD_HEADER_KIND, "Host"),
                      .origin = value_of(connection, MHD_HEADER_KIND, "Origin"),
                      .token = token ? token : value_of(connection, MHD_COOKIE_KIND, name),
                      .from = value_of(connection, MHD_GET_ARGUMENT_KIND, "from"),
                      .replace = value_of(connection, MHD_GET_ARGUMENT_KIND, "replace")};
}

static void begin_upload(request *r, const web_site *site, const web_call *call)
{
    const char *path = web_upload_path(site, call, &r->reply);
    if (!path)
        return;
    r->upload = ork_output_open(r->diag, path);
    if (!r->upload)
        web_reply_error(&r->reply, 507, ork_diag_error(r->diag)->what,
                        ork_diag_error(r->diag)->fix);
}

static request *begin_request(const web_site *site, const web_call *call)
{
    request *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->arena = ork_arena_new();
    r->diag = ork_diag_new();
    if (strcmp(call->method, "PUT") == 0)
        begin_upload(r, site, call);
    return r;
}

/* What is too large, or refused already, is read and dropped: the answer comes behind it. */
static void take_body(request *r, const char *data, size_t size)
{
    r->received += size;
    if (r->reply.status)
        return;
    r->too_large = r->received > (r->upload ? most_upload : MOST_BODY);
    if (r->too_large)
        web_reply_error(&r->reply, 413, "the request is too large", "");
    else if (!r->upload)
        ork_str_append(&r->body, data, size);
    else
        ork_output_write(r->upload, data, size);
}

static void end_upload(request *r)
{
    ork_output *upload = r->upload;
    r->upload = NULL;
    if (ork_output_commit(upload)) {
        r->reply.status = 201;
        r->reply.type = "application/json";
        ork_str_append(&r->reply.body, "{}", 2);
    } else {
        web_reply_error(&r->reply, 507, ork_diag_error(r->diag)->what,
                        ork_diag_error(r->diag)->fix);
    }
}

static void end_request(request *r, web_site *site, web_call *call)
{
    if (r->reply.status)
        return;
    call->body = (ork_bytes){(const uint8_t *)r->body.text, r->body.length};
    if (r->upload)
        end_upload(r);
    else
        web_answer(site, r->arena, call, &r->reply);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    web_site *site = user;
    request *r = *state;
    (void)version;
    web_call call = call_of(connection, site, method, path);
    if (!r) {
        *state = begin_request(site, &call);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        take_body(r, data, *size);
        *size = 0;
        return r->received > 4 * most_upload ? MHD_NO : MHD_YES;
    }
    end_request(r, site, &call);
    if (r->reply.status == 200 && strcmp(path, "/") == 0 &&
        value_of(connection, MHD_GET_ARGUMENT_KIND, "token")) {
        r->reply.is_login = true; /* the token leaves the address line */
        r->reply.status = 303;
    }
    return send_reply(connection, site, &r->reply);
}

static void on_end(void *user, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    request *r = *state;
    (void)user, (void)connection, (void)code;
    if (!r)
        return;
    if (r->upload)
        ork_output_discard(r->upload);
    ork_str_free(&r->body);
    ork_str_free(&r->reply.body);
    ork_diag_free(r->diag);
    ork_arena_free(r->arena);
    free(r);
    *state = NULL;
}

/* ---- the loop ---- */

static struct MHD_Daemon *listen_on(web_site *site, int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, on_request, site, MHD_OPTION_SOCK_ADDR,
                            &address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)MOST_WAITING,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SECONDS_IDLE,
                            MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
}

static void clear(fd_set *reads, fd_set *writes, fd_set *errors)
{
    FD_ZERO(reads);
    FD_ZERO(writes);
    FD_ZERO(errors);
}

/* libmicrohttpd's epoll notices only after the time-out when a client has gone away in the middle
   of a request (0.9.75), so that dead connections keep living ones out. */
static bool serve_once(struct MHD_Daemon *daemon, const web_jobs *jobs)
{
    struct pollfd waits[WEB_JOBS_WAITS];
    fd_set reads, writes, errors;
    MHD_socket highest = -1;
    MHD_UNSIGNED_LONG_LONG most = 1000; /* milliseconds */
    clear(&reads, &writes, &errors);
    if (MHD_get_fdset(daemon, &reads, &writes, &errors, &highest) != MHD_YES)
        return false;
    for (int i = 0, count = web_jobs_waits(jobs, waits); i < count; i++) {
        FD_SET(waits[i].fd, &reads);
        highest = waits[i].fd > highest ? waits[i].fd : highest;
    }
    if (MHD_get_timeout(daemon, &most) != MHD_YES || most > 1000)
        most = 1000;
    struct timeval time = {(time_t)(most / 1000), (suseconds_t)(most % 1000 * 1000)};
    if (select(highest + 1, &reads, &writes, &errors, &time) < 0)
        clear(&reads, &writes, &errors);
    return MHD_run_from_select(daemon, &reads, &writes, &errors) == MHD_YES;
}

int web_serve(ork_cli *cli, web_site *site, int port,
              void (*ready)(ork_cli *cli, const char *address))
{
    struct MHD_Daemon *daemon = NULL;
    int code = 0;
    for (int i = 0; i < PORTS_TRIED && !daemon && port + i < 65536; i++) {
        site->gate.port = port + i;
        daemon = listen_on(site, port + i);
    }
    if (!daemon)
        return ork_cli_fail(cli, "E0101", ork_cli_format("127.0.0.1:%d", port), strerror(errno),
                            "choose another with --port", "no port is free");
    ready(cli, ork_cli_format("http://127.0.0.1:%d/?token=%s", site->gate.port, site->gate.token));
    while (!ork_cli_interrupted()) {
        if (!serve_once(daemon, site->jobs)) {
            code = ork_cli_fail(cli, "E0001", NULL, NULL, NULL, "the server has stopped");
            break;
        }
        web_jobs_step(site->jobs);
    }
    MHD_stop_daemon(daemon);
    return code;
}
