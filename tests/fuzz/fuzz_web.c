/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the page of `ork gui`: the first lines are method, path, host, origin, token and
   parameter, the rest is the body. Nothing is run. */
#include "../../web/web.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_verb(ork_cli *cli)
{
    (void)cli;
    abort();
}

const ork_cli_option ork_cli_common_options[] = {
    {"threads", 't', ORK_CLI_INT, "N", "threads", 0, 0, 0}, {0}};
static const ork_cli_option options[] = {
    {"output", 'o', ORK_CLI_TEXT, "FILE", "the result", 0, 0, 0},
    {"quantize", 0, ORK_CLI_CHOICE, "no|u8|i8|i16", "integers", 0, 0, 0},
    {"dataset", 'd', ORK_CLI_TEXT, "LIST", "samples", 0, 0, 0},
    {"mean", 0, ORK_CLI_TEXT, "NUMBERS", "subtracted", 0, 0, 0},
    {"input-size", 's', ORK_CLI_LIST, "CxHxW", "size", 0, 0, 0},
    {"vendor-exact", 0, ORK_CLI_FLAG, NULL, "as the vendor", 0, 0, 0},
    {"json", 0, ORK_CLI_TEXT, "FILE|-", "boxes", 0, 0, 0},
    {0}};
static const ork_cli_verb verbs[] = {
    {"convert", "MODEL", 0, 1, "convert", "", "", options, no_verb},
    {"calib", "inspect|sample PICTURES", 2, -1, "pictures", "", "", options, no_verb},
    {"gui", "[FOLDER]", 0, 1, "page", "", "", options, no_verb},
    {0}};
static const uint8_t page[] = "<!DOCTYPE html>";
const web_asset web_assets[] = {{"index.html", "text/html", page, sizeof(page) - 1}, {0}};

enum { LINES = 6 };

/* Takes a line from the data; NULL for an empty one. */
static char *line_of(ork_arena *arena, const uint8_t **data, size_t *size)
{
    const uint8_t *end = memchr(*data, '\n', *size);
    const size_t length = end ? (size_t)(end - *data) : *size;
    char *line = ork_arena_strndup(arena, (const char *)*data, length);
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    return *line ? line : NULL;
}

static void check_reply(ork_arena *arena, const web_site *site, const web_call *call,
                        const web_reply *reply)
{
    const bool allowed = web_gate_judge(&site->gate, call) == 200;
    if (!reply->type || reply->status < 200 || reply->status > 599 ||
        (reply->status == 200) > allowed)
        abort();
    if (reply->file && (strstr(reply->file, "..") || reply->file[0] == '/'))
        abort();
    if (reply->file || reply->asset.data)
        return;
    ork_diag *diag = ork_diag_new();
    if (!ork_json_read(diag, arena,
                       (ork_bytes){(const uint8_t *)reply->body.text, reply->body.length}))
        abort();
    ork_diag_free(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static web_site site = {.gate = {"00112233445566778899aabbccddeeff", 7000}, .verbs = verbs};
    ork_arena *arena = ork_arena_new();
    web_call call = {0};
    web_reply reply = {0};
    const char **lines[LINES] = {&call.method, &call.path,  &call.host,
                                 &call.origin, &call.token, &call.from};
    if (size == 0)
        data = (const uint8_t *)"";
    for (int i = 0; i < LINES; i++)
        *lines[i] = line_of(arena, &data, &size);
    call.method = call.method ? call.method : "GET";
    call.path = call.path ? call.path : "/";
    call.body = (ork_bytes){data, size};
    web_answer(&site, arena, &call, &reply);
    check_reply(arena, &site, &call, &reply);
    ork_str_free(&reply.body);
    const char *upload = web_upload_path(&site, &call, &reply);
    if (!upload)
        check_reply(arena, &site, &call, &reply);
    else if (strstr(upload, "..") || upload[0] == '/')
        abort();
    ork_str_free(&reply.body);
    ork_arena_free(arena);
    return 0;
}
