/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a code text into classes and functions by indentation alone, so that methods which are
   never called (and may hold any Python) need not be understood. */
#include "script.h"

#include <string.h>

typedef struct line {
    const char *begin, *end; /* without indentation and newline */
    size_t indent;
    uint32_t number;
} line;

static bool next_line(const char **at, const char *end, uint32_t *number, line *out)
{
    if (*at >= end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const char *stop = newline != NULL ? newline : end;
    const char *first = *at;
    while (first < stop && *first == ' ')
        first++;
    *out = (line){first, stop, (size_t)(first - *at), ++*number};
    *at = newline != NULL ? newline + 1 : end;
    return true;
}

static bool begins_with(const line *text, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(text->end - text->begin) >= length && !memcmp(text->begin, word, length);
}

/* The identifier behind a keyword: of "def forward(self" it is "forward". */
static const char *name_behind(ork_arena *arena, const line *text, const char *keyword)
{
    const char *begin = text->begin + strlen(keyword);
    const char *end = begin;
    while (end < text->end && *end != '(' && *end != ':' && *end != ' ')
        end++;
    return ork_arena_strndup(arena, begin, (size_t)(end - begin));
}

static ork_torch_function *begin_function(ork_arena *arena, ork_torch_file *file,
                                          ork_torch_class *owner, const line *text)
{
    ork_torch_function *function = ORK_NEW(arena, ork_torch_function);
    function->name = name_behind(arena, text, "def ");
    function->owner = owner;
    function->file = file->path;
    function->begin = text->begin;
    function->end = text->end;
    function->line = text->number;
    if (owner != NULL)
        ork_vec_push(arena, &owner->methods, function);
    else
        ork_vec_push(arena, &file->functions, function);
    return function;
}

static ork_torch_class *begin_class(ork_arena *arena, ork_torch_file *file, const char *module_name,
                                    const line *text)
{
    ork_torch_class *type = ORK_NEW(arena, ork_torch_class);
    type->name = name_behind(arena, text, "class ");
    type->qualified_name = ork_arena_printf(arena, "%s.%s", module_name, type->name);
    type->file = file->path;
    type->begin = text->begin;
    type->end = text->end;
    type->line = text->number;
    ork_vec_push(arena, &file->classes, type);
    return type;
}

ork_torch_file *ork_torch_scan_file(ork_arena *arena, const char *path, const char *module_name,
                                    ork_bytes text)
{
    ork_torch_file *file = ORK_NEW(arena, ork_torch_file);
    file->path = path;
    const char *at = (const char *)text.data, *end = at + text.size;
    uint32_t number = 0;
    line text_line;
    ork_torch_class *type = NULL;
    ork_torch_function *function = NULL;
    size_t function_indent = 0;
    while (next_line(&at, end, &number, &text_line)) {
        if (text_line.begin == text_line.end)
            continue;
        if (text_line.indent == 0)
            type = NULL;
        if (function != NULL && text_line.indent <= function_indent)
            function = NULL;
        if (text_line.indent == 0 && begins_with(&text_line, "class ")) {
            type = begin_class(arena, file, module_name, &text_line);
        } else if (function == NULL && begins_with(&text_line, "def ")) {
            function = begin_function(arena, file, type, &text_line);
            function_indent = text_line.indent;
        }
        if (function != NULL)
            function->end = text_line.end;
        if (type != NULL)
            type->end = text_line.end;
    }
    return file;
}

ork_torch_function *ork_torch_find_method(const ork_torch_class *owner, const char *name)
{
    for (size_t i = 0; i < owner->methods.count; i++)
        if (!strcmp(owner->methods.items[i]->name, name))
            return owner->methods.items[i];
    return NULL;
}
