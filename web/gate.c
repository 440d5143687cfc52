/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask: the token, the names of this machine, and paths that are what they seem. */
#include "web.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool web_gate_new_token(web_gate *gate)
{
    uint8_t bytes[(WEB_TOKEN_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(gate->token + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

/* Takes the same time wherever the texts differ. */
static bool is_token(const web_gate *gate, const char *text)
{
    int differ = 0;
    if (!text || strlen(text) != WEB_TOKEN_SIZE - 1)
        return false;
    for (size_t i = 0; i < WEB_TOKEN_SIZE - 1; i++)
        differ |= gate->token[i] ^ text[i];
    return differ == 0;
}

/* "127.0.0.1:7000" or "localhost:7000" */
static bool is_own_address(const web_gate *gate, const char *text)
{
    static const char *const names[] = {"127.0.0.1:", "localhost:"};
    char port[16];
    snprintf(port, sizeof(port), "%d", gate->port);
    for (size_t i = 0; i < ORK_CLI_COUNT(names); i++)
        if (ork_starts_with(text, names[i]) && strcmp(text + strlen(names[i]), port) == 0)
            return true;
    return false;
}

int web_gate_judge(const web_gate *gate, const web_call *call)
{
    const char scheme[] = "http://", *origin = call->origin;
    if (!call->host || !is_own_address(gate, call->host))
        return 421;
    if (origin &&
        (!ork_starts_with(origin, scheme) || !is_own_address(gate, origin + sizeof(scheme) - 1)))
        return 403;
    return is_token(gate, call->token) ? 200 : 401;
}

/* ---- paths ---- */

static bool is_plain_name(const char *name, size_t length)
{
    if (length == 0 || length > 255 || name[0] == '.' || name[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == '\\' || name[i] == 127)
            return false;
    return true;
}

bool web_path_is_plain(const char *path)
{
    const size_t length = strlen(path);
    if (length > 1024 || !ork_utf8_valid(path, length))
        return false;
    for (const char *name = path;;) {
        const size_t count = strcspn(name, "/");
        if (!is_plain_name(name, count))
            return false;
        if (!name[count])
            return true;
        name += count + 1;
    }
}

bool web_path_is_inside(const char *path)
{
    char *folder = realpath(".", NULL), *found = realpath(path, NULL), *above = NULL;
    if (!found) { /* a file to be: its folder must be there */
        const char *slash = strrchr(path, '/');
        above = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
        found = above ? realpath(above, NULL) : NULL;
    }
    const size_t length = folder ? strlen(folder) : 0;
    const bool inside = folder && found && strncmp(found, folder, length) == 0 &&
                        (found[length] == '\0' || found[length] == '/' || length == 1);
    free(above);
    free(found);
    free(folder);
    return inside;
}
