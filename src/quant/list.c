/* SPDX-License-Identifier: Apache-2.0 */
#include "quant.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef ORK_VEC(const char *) names;

/* False when a quote is not closed. */
static bool split(ork_arena *arena, const char *line, size_t length, names *words)
{
    const char *end = line + length;
    while (line < end) {
        while (line < end && isspace((unsigned char)*line))
            line++;
        if (line == end || *line == '#')
            return true;
        char quote = *line == '"' || *line == '\'' ? *line++ : '\0';
        const char *start = line;
        while (line < end && (quote ? *line != quote : !isspace((unsigned char)*line)))
            line++;
        if (quote && line == end)
            return false;
        ork_vec_push(arena, words, ork_arena_strndup(arena, start, (size_t)(line - start)));
        line += line < end;
    }
    return true;
}

const char *ork_list_file(ork_arena *arena, const char *list_path, const char *name,
                          const char **beside)
{
    const char *slash = strrchr(list_path, '/');
    *beside = name;
    if (name[0] != '/' && slash)
        *beside = ork_arena_printf(arena, "%.*s/%s", (int)(slash - list_path), list_path, name);
    if (ork_file_exists(*beside))
        return *beside;
    return ork_file_exists(name) ? name : NULL;
}

bool ork_list_map(ork_diag *diag, const char *path, ork_file *file)
{
    if (ork_file_map(diag, path, file))
        return true;
    char *reason = strdup(ork_diag_error(diag)->why);
    ork_fail(diag, ORK_ERR_DATASET_OPEN, "cannot read the dataset '%s'", path);
    ork_why(diag, "%s", reason ? reason : "");
    ork_where(diag, "%s", path);
    free(reason);
    return ork_fix(diag, "dataset is a text file with one picture a line");
}

static bool check_text(ork_diag *diag, const char *path, ork_bytes text)
{
    if (!text.size || !memchr(text.data, 0, text.size))
        return true;
    ork_fail(diag, ORK_ERR_DATASET_OPEN, "cannot read the dataset '%s'", path);
    ork_why(diag, "it holds zero bytes, so that it is no text, or one saved as UTF-16");
    return ork_fix(diag, "dataset is a text file with one picture a line; save it as UTF-8");
}

bool ork_list_read(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes text,
                   ork_list *list)
{
    *list = (ork_list){0};
    if (!check_text(diag, path, text))
        return false;
    const char *at = text.size ? (const char *)text.data : "", *end = at + text.size;
    if (text.size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3; /* the mark that some editors put in front of UTF-8 */
    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        names words = {0};
        if (!split(arena, at, (size_t)(stop - at), &words)) {
            ork_fail(diag, ORK_ERR_DATASET_LINE, "a quote in line %zu is not closed", number);
            ork_where(diag, "%s:%zu", path, number);
            return ork_fix(diag, ORK_LIST_ADVICE);
        }
        if (words.count)
            ork_vec_push(arena, list, ((ork_list_line){number, words.items, words.count}));
        at = stop + 1;
    }
    return true;
}
