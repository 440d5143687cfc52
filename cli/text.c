/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, small texts and JSON. */
#include "cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- memory ---- */

typedef struct block {
    struct block *next;
    max_align_t data[];
} block;
static block *blocks;

void *ork_cli_alloc(size_t size)
{
    block *fresh = calloc(1, sizeof(*fresh) + size);
    if (!fresh) {
        fputs("ork: no memory is left\n", stderr);
        exit(8);
    }
    fresh->next = blocks;
    blocks = fresh;
    return fresh->data;
}

void ork_cli_free_all(void)
{
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

static char *format_text(const char *format, va_list args) ORK_CLI_PRINTF(1, 0);
static char *format_text(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = ork_cli_alloc(size);
    vsnprintf(text, size, format, again);
    va_end(again);
    return text;
}

char *ork_cli_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_text(format, args);
    va_end(args);
    return text;
}

void ork_cli_list_add(ork_cli_list *list, const char *text)
{
    /* Grows when the count is a power of two; the old array is freed at the end. */
    if ((list->count & (list->count + 1)) == 0) {
        const char **items = ork_cli_alloc(sizeof(*items) * ((size_t)list->count + 1) * 2);
        if (list->count)
            memcpy(items, list->items, sizeof(*items) * (size_t)list->count);
        list->items = items;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
}

void ork_cli_list_add_lines(ork_cli_list *list, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    for (bool first = true; getline(&line, &capacity, file) >= 0; first = false) {
        bool marked = first && strncmp(line, "\xef\xbb\xbf", 3) == 0;
        line[strcspn(line, "\r\n")] = '\0';
        ork_cli_list_add(list, ork_cli_format("%s", line + (marked ? 3 : 0)));
    }
    free(line);
}

/* ---- names ---- */

enum { LONGEST_NAME = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[LONGEST_NAME + 1];
    if (la > LONGEST_NAME || lb > LONGEST_NAME)
        return LONGEST_NAME;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(changed, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

const char *ork_cli_nearest(const char *text, const char *const *names)
{
    const char *best = NULL;
    size_t least = 2 + strlen(text) / 3;
    for (; *names; names++) {
        size_t distance = edit_distance(text, *names);
        if (distance < least) {
            least = distance;
            best = *names;
        }
    }
    return best;
}

bool ork_cli_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcasecmp(text + length - tail, end) == 0;
}

const char *ork_cli_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *ork_cli_with_extension(const char *name, const char *extension)
{
    const char *dot = strrchr(ork_cli_base_name(name), '.');
    int length = dot && dot != ork_cli_base_name(name) ? (int)(dot - name) : (int)strlen(name);
    return ork_cli_format("%.*s%s", length, name, extension);
}

char *ork_cli_shape(const int64_t *dims, int rank)
{
    char *text = ork_cli_format("%s", rank ? "" : "scalar");
    for (int i = 0; i < rank; i++)
        text = ork_cli_format("%s%s%lld", text, i ? "x" : "", (long long)dims[i]);
    return text;
}

char *ork_cli_bytes(size_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB"};
    if (bytes < 1000)
        return ork_cli_format("%zu bytes", bytes);
    double size = (double)bytes / 1000;
    size_t unit = 0;
    for (; size >= 1000 && unit + 1 < ORK_CLI_COUNT(units); unit++)
        size /= 1000;
    return ork_cli_format("%.*f %s", size < 10 ? 2 : size < 100 ? 1 : 0, size, units[unit]);
}

double ork_cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- JSON ---- */

static void append(ork_cli_json *json, const char *text, size_t length)
{
    if (json->length + length + 1 > json->capacity) {
        size_t capacity = (json->length + length + 1) * 2;
        char *grown = realloc(json->text, capacity);
        if (!grown) {
            fputs("ork: no memory is left\n", stderr);
            exit(8);
        }
        json->text = grown;
        json->capacity = capacity;
    }
    memcpy(json->text + json->length, text, length);
    json->length += length;
    json->text[json->length] = '\0';
}

static void put(ork_cli_json *json, const char *text)
{
    append(json, text, strlen(text));
}

/* Length of the UTF-8 character at text, 0 when it is none: JSON must be valid UTF-8, names of
   files need not. */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char mask, lead, second_low, second_high, length;
    } forms[] = {
        {0x80, 0x00, 0, 0, 1},       {0xff, 0xe0, 0xa0, 0xbf, 3}, {0xff, 0xed, 0x80, 0x9f, 3},
        {0xf0, 0xe0, 0x80, 0xbf, 3}, {0xff, 0xf0, 0x90, 0xbf, 4}, {0xff, 0xf4, 0x80, 0x8f, 4},
        {0xfc, 0xf0, 0x80, 0xbf, 4}, {0xe0, 0xc0, 0x80, 0xbf, 2},
    };
    for (size_t i = 0; i < ORK_CLI_COUNT(forms); i++) {
        if ((text[0] & forms[i].mask) != forms[i].lead)
            continue;
        if (text[0] == 0xc0 || text[0] == 0xc1)
            return 0;
        if (forms[i].length > 1 &&
            (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((text[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

static void put_string(ork_cli_json *json, const char *text)
{
    put(json, "\"");
    while (*text) {
        size_t length = utf8_length((const unsigned char *)text);
        char escape[8];
        if (!length)
            put(json, "\\ufffd");
        else if (*text == '"' || *text == '\\') {
            put(json, "\\");
            append(json, text, 1);
        } else if ((unsigned char)*text < 0x20) {
            snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)*text);
            put(json, escape);
        } else
            append(json, text, length);
        text += length ? length : 1;
    }
    put(json, "\"");
}

static void put_key(ork_cli_json *json, const char *key)
{
    if (json->comma)
        put(json, ",");
    if (json->depth == 1)
        put(json, "\n ");
    json->comma = true;
    if (key) {
        put_string(json, key);
        put(json, ": ");
    }
}

void ork_cli_json_open(ork_cli_json *json, const char *key, char bracket)
{
    put_key(json, key);
    append(json, &bracket, 1);
    json->comma = false;
    json->depth++;
}

void ork_cli_json_close(ork_cli_json *json, char bracket)
{
    json->depth--;
    append(json, &bracket, 1);
    json->comma = true;
}

void ork_cli_json_text(ork_cli_json *json, const char *key, const char *text)
{
    put_key(json, key);
    put_string(json, text);
}

void ork_cli_json_number(ork_cli_json *json, const char *key, double number)
{
    char text[40];
    snprintf(text, sizeof(text), "%.9g", number);
    if (fabs(number) < 1e15 && number == floor(number))
        snprintf(text, sizeof(text), "%.0f", number);
    put_key(json, key);
    put(json, isfinite(number) ? text : "null");
}

void ork_cli_json_bool(ork_cli_json *json, const char *key, bool value)
{
    put_key(json, key);
    put(json, value ? "true" : "false");
}

void ork_cli_json_dims(ork_cli_json *json, const char *key, const int64_t *dims, int rank)
{
    ork_cli_json_open(json, key, '[');
    for (int i = 0; i < rank; i++)
        ork_cli_json_number(json, NULL, (double)dims[i]);
    ork_cli_json_close(json, ']');
}

void ork_cli_json_start(ork_cli_json *json, const ork_cli *cli)
{
    *json = (ork_cli_json){0};
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_number(json, "schema_version", 1);
    if (cli->verb)
        ork_cli_json_text(json, "command", cli->verb->name);
}

bool ork_cli_json_end(ork_cli_json *json, FILE *to)
{
    put(json, "\n}\n");
    bool good = fwrite(json->text, 1, json->length, to) == json->length && fflush(to) == 0;
    ork_cli_json_drop(json);
    return good;
}

void ork_cli_json_drop(ork_cli_json *json)
{
    free(json->text);
    *json = (ork_cli_json){0};
}

void ork_cli_json_splice(ork_cli_json *json, const char *key, ork_cli_json *other)
{
    put_key(json, key);
    append(json, other->text, other->length);
    ork_cli_json_drop(other);
}
