/* SPDX-License-Identifier: Apache-2.0 */
/* From what the page asks for to a command line of `ork`, by the tables of the verbs. */
#include "web.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 1000, LONGEST_TEXT = 4096 };

/* What the page may run: nothing that talks to the terminal or ends elsewhere than in the folder.
 */
static const char *const page_verbs[] = {
    "convert", "hybrid",  "check", "perf",   "info",      "diff",   "graph",   "run",   "bench",
    "eval",    "analyze", "calib", "detect", "calibrate", "memory", "devices", "doctor"};
/* Values of options that are paths, as the tables call them. */
static const char *const path_values[] = {"FILE", "FILE|-", "PATH", "DIR", "LIST"};

static bool is_among(const char *text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return true;
    return false;
}

static bool may_run(const char *verb)
{
    return is_among(verb, page_verbs, ORK_CLI_COUNT(page_verbs));
}

static bool is_path(const ork_cli_option *row)
{
    return row->value && is_among(row->value, path_values, ORK_CLI_COUNT(path_values));
}

/* Left to the server, or of no use without a terminal. */
static bool is_hidden(const ork_cli_option *row)
{
    static const char *const names[] = {"json", "show", "help-config"};
    return is_among(row->name, names, ORK_CLI_COUNT(names));
}

static const ork_cli_option *find_option(const ork_cli_verb *verb, const char *name)
{
    for (const ork_cli_option *row = verb->options; row->name; row++)
        if (strcmp(row->name, name) == 0 && !is_hidden(row))
            return row;
    for (const ork_cli_option *row = ork_cli_common_options; row->name; row++)
        if (strcmp(row->name, name) == 0 && strcmp(name, "threads") == 0)
            return row;
    return NULL;
}

/* ---- reading ---- */

static bool is_good_path(ork_diag *diag, const char *path)
{
    if (web_path_is_plain(path) && web_path_is_inside(path))
        return true;
    ork_fail(diag, ORK_ERR_USAGE, "'%s' is no file of the project", path);
    return ork_fix(diag, "name a file below the project's folder by its path from there");
}

/* "inspect|sample PICTURES": the word for argument `index`, the last for those behind it. */
static void argument_word(const ork_cli_verb *verb, size_t index, char *word, size_t size)
{
    const char *at = verb->arguments;
    for (const char *next; index > 0 && (next = strchr(at, ' ')); index--)
        at = next + 1;
    snprintf(word, size, "%.*s", (int)strcspn(at, " "), at);
}

/* Words in small letters are taken as they are, others stand for files. */
static bool is_good_argument(ork_diag *diag, const ork_cli_verb *verb, size_t index,
                             const char *text)
{
    char word[128];
    argument_word(verb, index, word, sizeof(word));
    if (word[0] < 'a' || word[0] > 'z')
        return is_good_path(diag, text);
    for (const char *choice = word; choice;
         choice = strchr(choice, '|') ? strchr(choice, '|') + 1 : NULL)
        if (strcspn(choice, "|") == strlen(text) && ork_starts_with(choice, text))
            return true;
    return ork_fail(diag, ORK_ERR_USAGE, "%s takes %s, not '%s'", verb->name, word, text);
}

static bool read_arguments(ork_diag *diag, ork_arena *arena, const ork_json *list,
                           web_command *command)
{
    const ork_cli_verb *verb = command->verb;
    const size_t count = ork_json_count(list);
    if ((list && !ork_json_is(list, ORK_JSON_ARRAY)) || count > MOST_ARGUMENTS ||
        count < (size_t)verb->fewest || (verb->most >= 0 && count > (size_t)verb->most))
        return ork_fail(diag, ORK_ERR_USAGE, "%s takes other arguments: %s", verb->name,
                        verb->arguments);
    for (size_t i = 0; i < count; i++) {
        const char *text = ork_json_as_text(ork_json_item(list, i));
        if (!text)
            return ork_fail(diag, ORK_ERR_USAGE, "argument %zu is no text", i + 1);
        if (!is_good_argument(diag, verb, i, text))
            return false;
        ork_vec_push(arena, &command->words, text);
    }
    return true;
}

/* A value as text; NULL when it is none that an option can have. */
static const char *value_text(ork_arena *arena, const ork_json *value)
{
    int64_t integer;
    double number;
    if (ork_json_as_int(value, &integer))
        return ork_arena_printf(arena, "%lld", (long long)integer);
    if (ork_json_as_double(value, &number))
        return ork_arena_printf(arena, "%.9g", number);
    const char *text = ork_json_as_text(value);
    const size_t length = text ? strlen(text) : 0;
    return text && length == value->string.length && length <= LONGEST_TEXT ? text : NULL;
}

static bool add_option(ork_diag *diag, ork_arena *arena, web_command *command,
                       const ork_cli_option *row, const ork_json *value)
{
    const char *text = value_text(arena, value);
    if (!text)
        return ork_fail(diag, ORK_ERR_USAGE, "--%s needs a text or a number", row->name);
    if (is_path(row) && !is_good_path(diag, text))
        return false;
    ork_vec_push(arena, &command->words, ork_arena_printf(arena, "--%s=%s", row->name, text));
    return true;
}

static bool read_option(ork_diag *diag, ork_arena *arena, web_command *command,
                        const ork_json_member *member)
{
    const ork_cli_option *row = find_option(command->verb, member->key);
    const ork_json *value = member->value;
    bool on;
    if (!row)
        return ork_fail(diag, ORK_ERR_USAGE, "%s has no option %s here", command->verb->name,
                        member->key);
    if (row->kind == ORK_CLI_FLAG || row->kind == ORK_CLI_COUNTER) {
        if (!ork_json_as_bool(value, &on))
            return ork_fail(diag, ORK_ERR_USAGE, "--%s is true or false", row->name);
        if (on)
            ork_vec_push(arena, &command->words, ork_arena_printf(arena, "--%s", row->name));
        return true;
    }
    if (!ork_json_is(value, ORK_JSON_ARRAY))
        return add_option(diag, arena, command, row, value);
    if (row->kind != ORK_CLI_LIST || ork_json_count(value) > MOST_ARGUMENTS)
        return ork_fail(diag, ORK_ERR_USAGE, "--%s takes one value", row->name);
    for (size_t i = 0; i < ork_json_count(value); i++)
        if (!add_option(diag, arena, command, row, ork_json_item(value, i)))
            return false;
    return true;
}

static bool find_verb(ork_diag *diag, const ork_cli_verb *verbs, const char *name,
                      web_command *command)
{
    for (; name && verbs->name; verbs++)
        if (strcmp(verbs->name, name) == 0 && may_run(name))
            command->verb = verbs;
    return command->verb ||
           ork_fail(diag, ORK_ERR_USAGE, "the page cannot run '%s'", name ? name : "nothing");
}

bool web_command_read(ork_diag *diag, ork_arena *arena, const ork_cli_verb *verbs, ork_bytes body,
                      web_command *command)
{
    *command = (web_command){.request = ork_json_read(diag, arena, body)};
    if (!command->request)
        return false;
    const ork_json *options = ork_json_get(command->request, "options");
    if (!find_verb(diag, verbs, ork_json_get_text(command->request, "verb", NULL), command))
        return false;
    ork_vec_push(arena, &command->words, command->verb->name);
    if (!read_arguments(diag, arena, ork_json_get(command->request, "arguments"), command))
        return false;
    if (options && !ork_json_is(options, ORK_JSON_OBJECT))
        return ork_fail(diag, ORK_ERR_USAGE, "options are no object");
    for (size_t i = 0; i < ork_json_count(options); i++)
        if (!read_option(diag, arena, command, &options->object.members[i]))
            return false;
    return true;
}

/* ---- showing ---- */

static bool needs_quotes(const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=:,+@%";
    return !*word || word[strspn(word, plain)] != '\0';
}

void web_command_shell(const web_command *command, ork_str *line)
{
    ork_str_printf(line, "ork");
    for (size_t i = 0; i < command->words.count; i++) {
        const char *word = command->words.items[i];
        ork_str_append(line, " ", 1);
        if (!needs_quotes(word)) {
            ork_str_append(line, word, strlen(word));
            continue;
        }
        ork_str_append(line, "'", 1);
        for (; *word; word++)
            if (*word == '\'')
                ork_str_printf(line, "'\\''");
            else
                ork_str_append(line, word, 1);
        ork_str_append(line, "'", 1);
    }
}

static const char *kind_name(const ork_cli_option *row)
{
    static const char *const names[] = {
        [ORK_CLI_FLAG] = "flag",    [ORK_CLI_COUNTER] = "flag",  [ORK_CLI_TEXT] = "text",
        [ORK_CLI_INT] = "integer",  [ORK_CLI_NUMBER] = "number", [ORK_CLI_LIST] = "list",
        [ORK_CLI_CHOICE] = "choice"};
    return is_path(row) ? "path" : names[row->kind];
}

static void put_option(ork_json_writer *writer, const ork_cli_option *row)
{
    ork_json_begin_object(writer);
    ork_json_member_text(writer, "name", row->name);
    ork_json_member_text(writer, "kind", kind_name(row));
    ork_json_member_text(writer, "value", row->value ? row->value : "");
    ork_json_member_text(writer, "help", row->help);
    ork_json_member_double(writer, "low", row->low);
    ork_json_member_double(writer, "high", row->high);
    ork_json_end_object(writer);
}

void web_command_tables(const ork_cli_verb *verbs, ork_json_writer *writer)
{
    ork_json_begin_array(writer);
    for (; verbs->name; verbs++) {
        if (!may_run(verbs->name))
            continue;
        ork_json_begin_object(writer);
        ork_json_member_text(writer, "name", verbs->name);
        ork_json_member_text(writer, "summary", verbs->summary);
        ork_json_key(writer, "options");
        ork_json_begin_array(writer);
        for (const ork_cli_option *row = verbs->options; row->name; row++)
            if (!is_hidden(row))
                put_option(writer, row);
        ork_json_end_array(writer);
        ork_json_end_object(writer);
    }
    ork_json_end_array(writer);
}
