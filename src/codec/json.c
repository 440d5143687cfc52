/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text to a tree: recursive descent over RFC 8259, as deep as ORK_JSON_DEPTH. */
#include "number.h"
#include "utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 1 << 24, LONGEST_NUMBER = 1023 };

typedef struct parser {
    ork_diag *diag;
    ork_arena *arena;
    const char *text;
    size_t size, offset;
    size_t values;
    int depth;
} parser;

static ork_json *parse_value(parser *p);

static bool fail_at(parser *p, size_t offset, const char *what)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (p->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return ork_fail(p->diag, ORK_ERR_JSON, "line %zu, column %zu: %s", line, offset - start + 1,
                    what);
}

static bool fail(parser *p, const char *what)
{
    return fail_at(p, p->offset, p->offset < p->size ? what : "the text ends too early");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(parser *p)
{
    while (p->offset < p->size && is_space(p->text[p->offset]))
        p->offset++;
}

/* The next character that is no space; 0 at the end (and for a NUL, which fits nowhere). */
static char peek(parser *p)
{
    skip_space(p);
    return p->offset < p->size ? p->text[p->offset] : '\0';
}

static bool accept(parser *p, char c)
{
    if (peek(p) != c)
        return false;
    p->offset++;
    return true;
}

static ork_json *new_value(parser *p, ork_json_kind kind)
{
    if (p->values++ >= MOST_VALUES) {
        fail_at(p, p->offset, "more than 16 million values");
        return NULL;
    }
    ork_json *value = ORK_NEW(p->arena, ork_json);
    value->kind = kind;
    return value;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four digits at the offset, which moves behind them. */
static bool parse_hex(parser *p, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, p->offset++) {
        int digit = p->offset < p->size ? hex_digit(p->text[p->offset]) : -1;
        if (digit < 0)
            return fail(p, "\\u needs four hexadecimal digits");
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

/* Behind "\u". Characters beyond U+FFFF are written as a pair of surrogates. */
static bool parse_unicode_escape(parser *p, uint32_t *code)
{
    size_t start = p->offset;
    uint32_t low = 0;
    if (!parse_hex(p, code))
        return false;
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    bool has_low =
        p->size - p->offset >= 2 && p->text[p->offset] == '\\' && p->text[p->offset + 1] == 'u';
    if (has_low) {
        p->offset += 2;
        if (!parse_hex(p, &low))
            return false;
    }
    if (*code > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return fail_at(p, start, "half of a surrogate pair");
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Behind the backslash; appends to `out`. */
static bool parse_escape(parser *p, char *out, size_t *length)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = p->offset < p->size ? p->text[p->offset] : '\0';
    if (c == 'u') {
        uint32_t code;
        p->offset++;
        if (!parse_unicode_escape(p, &code))
            return false;
        *length += ork_utf8_encode(code, out + *length);
        return true;
    }
    const char *letter = c ? strchr(letters, c) : NULL;
    if (!letter)
        return fail(p, "unknown escape in a string");
    out[(*length)++] = meanings[letter - letters];
    p->offset++;
    return true;
}

static bool parse_character(parser *p, char *out, size_t *length)
{
    if ((uint8_t)p->text[p->offset] < 0x20)
        return fail(p, "control character in a string; write it as an escape");
    size_t step = ork_utf8_step(p->text + p->offset, p->size - p->offset);
    if (!step)
        return fail(p, "the text is not UTF-8");
    memcpy(out + *length, p->text + p->offset, step);
    *length += step;
    p->offset += step;
    return true;
}

/* Takes the ASCII characters that stand for themselves: most of all. */
static void parse_plain(parser *p, char *out, size_t *length)
{
    size_t end = p->offset;
    while (end < p->size && p->text[end] >= 0x20 && p->text[end] < 0x7f && p->text[end] != '"' &&
           p->text[end] != '\\')
        end++;
    memcpy(out + *length, p->text + p->offset, end - p->offset);
    *length += end - p->offset;
    p->offset = end;
}

/* Bytes up to the closing quote; escapes only ever shrink, so that many suffice for the result. */
static size_t raw_length(const parser *p)
{
    size_t i = p->offset;
    while (i < p->size && p->text[i] != '"')
        i += p->text[i] == '\\' ? 2 : 1;
    return ork_min_size(i, p->size) - p->offset;
}

/* At the opening quote. */
static bool parse_string(parser *p, const char **text, size_t *length)
{
    size_t start = p->offset++;
    char *out = ork_arena_alloc(p->arena, raw_length(p) + 1);
    *text = out;
    *length = 0;
    parse_plain(p, out, length);
    while (p->offset < p->size && p->text[p->offset] != '"') {
        bool is_escape = p->text[p->offset] == '\\';
        p->offset += is_escape;
        if (!(is_escape ? parse_escape(p, out, length) : parse_character(p, out, length)))
            return false;
        parse_plain(p, out, length);
    }
    if (p->offset >= p->size)
        return fail_at(p, start, "a string that begins here has no end");
    p->offset++;
    return true;
}

static ork_json *parse_string_value(parser *p)
{
    ork_json *value = new_value(p, ORK_JSON_STRING);
    return value && parse_string(p, &value->string.text, &value->string.length) ? value : NULL;
}

/* ---- numbers and words ---- */

static size_t skip_digits(const parser *p, size_t i)
{
    while (i < p->size && p->text[i] >= '0' && p->text[i] <= '9')
        i++;
    return i;
}

static bool is_one_of(const parser *p, size_t i, const char *set)
{
    return i < p->size && p->text[i] && strchr(set, p->text[i]);
}

/* Finds the end of the number at the offset; false when it breaks the grammar there. */
static bool scan_number(const parser *p, size_t *end, bool *is_integer)
{
    size_t start = p->offset + (p->text[p->offset] == '-');
    *end = skip_digits(p, start);
    bool is_good = *end > start && (p->text[start] != '0' || *end == start + 1);
    *is_integer = true;
    if (is_good && is_one_of(p, *end, ".")) {
        size_t digits = *end + 1;
        *end = skip_digits(p, digits);
        *is_integer = false;
        is_good = *end > digits;
    }
    if (is_good && is_one_of(p, *end, "eE")) {
        size_t digits = *end + 1;
        digits += is_one_of(p, digits, "+-");
        *end = skip_digits(p, digits);
        *is_integer = false;
        is_good = *end > digits;
    }
    return is_good;
}

static bool convert_number(const char *text, bool is_integer, ork_json *value)
{
    if (is_integer) {
        errno = 0;
        value->integer = strtoll(text, NULL, 10);
        if (!errno)
            return true;
    }
    value->kind = ORK_JSON_FLOAT;
    value->number = ork_number_read(text, NULL);
    return isfinite(value->number);
}

static ork_json *parse_number(parser *p)
{
    size_t end;
    bool is_integer;
    char text[LONGEST_NUMBER + 1];
    if (!scan_number(p, &end, &is_integer)) {
        fail_at(p, p->offset, "this is not a number as JSON writes them");
        return NULL;
    }
    if (end - p->offset > LONGEST_NUMBER) {
        fail_at(p, p->offset, "a number of more than 1023 characters");
        return NULL;
    }
    ork_json *value = new_value(p, ORK_JSON_INT);
    if (!value)
        return NULL;
    memcpy(text, p->text + p->offset, end - p->offset);
    text[end - p->offset] = '\0';
    if (!convert_number(text, is_integer, value)) {
        fail_at(p, p->offset, "this number is too large");
        return NULL;
    }
    p->offset = end;
    return value;
}

static ork_json *parse_word(parser *p)
{
    static const struct {
        const char *word;
        ork_json_kind kind;
        bool boolean;
    } words[] = {
        {"true", ORK_JSON_BOOL, true},
        {"false", ORK_JSON_BOOL, false},
        {"null", ORK_JSON_NULL, false},
    };
    for (size_t i = 0; i < ORK_COUNT(words); i++) {
        size_t length = strlen(words[i].word);
        if (length > p->size - p->offset || memcmp(p->text + p->offset, words[i].word, length) != 0)
            continue;
        ork_json *value = new_value(p, words[i].kind);
        if (!value)
            return NULL;
        value->boolean = words[i].boolean;
        p->offset += length;
        return value;
    }
    fail(p, "a value is missing here");
    return NULL;
}

/* ---- arrays and objects ---- */

static ork_json *parse_array(parser *p)
{
    ORK_VEC(ork_json *) items = {0};
    ork_json *array = new_value(p, ORK_JSON_ARRAY);
    p->offset++;
    if (!array || accept(p, ']'))
        return array;
    do {
        ork_json *item = parse_value(p);
        if (!item)
            return NULL;
        ork_vec_push(p->arena, &items, item);
    } while (accept(p, ','));
    if (!accept(p, ']')) {
        fail(p, "',' or ']' is missing here");
        return NULL;
    }
    array->array.items = items.items;
    array->array.count = items.count;
    return array;
}

static int compare_keys(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, ork_min_size(a_length, b_length));
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_members(const void *a, const void *b)
{
    const ork_json_member *x = *(ork_json_member *const *)a, *y = *(ork_json_member *const *)b;
    int order = compare_keys(x->key, x->key_length, y->key, y->key_length);
    return order ? order : (x > y) - (x < y);
}

static void sort_members(ork_json *object)
{
    for (size_t i = 0; i < object->object.count; i++)
        object->object.sorted[i] = &object->object.members[i];
    qsort(object->object.sorted, object->object.count, sizeof(object->object.sorted[0]),
          compare_members);
}

/* Of members with equal keys the first in the text gets the last one's value; the others go. */
static bool merge_equal_keys(ork_json *object)
{
    bool has_merged = false;
    ork_json_member *first = object->object.sorted[0];
    for (size_t i = 1; i < object->object.count; i++) {
        ork_json_member *member = object->object.sorted[i];
        if (compare_keys(first->key, first->key_length, member->key, member->key_length) != 0) {
            first = member;
            continue;
        }
        first->value = member->value;
        member->value = NULL;
        has_merged = true;
    }
    return has_merged;
}

static void finish_object(parser *p, ork_json *object)
{
    object->object.sorted = ORK_NEW_ARRAY(p->arena, ork_json_member *, object->object.count);
    sort_members(object);
    if (!merge_equal_keys(object))
        return;
    size_t kept = 0;
    for (size_t i = 0; i < object->object.count; i++)
        if (object->object.members[i].value)
            object->object.members[kept++] = object->object.members[i];
    object->object.count = kept;
    sort_members(object);
}

static bool parse_member(parser *p, ork_json_member *member)
{
    if (peek(p) != '"')
        return fail(p, "a key in quotes is missing here");
    if (!parse_string(p, &member->key, &member->key_length))
        return false;
    if (!accept(p, ':'))
        return fail(p, "':' is missing here");
    member->value = parse_value(p);
    return member->value != NULL;
}

static ork_json *parse_object(parser *p)
{
    ORK_VEC(ork_json_member) members = {0};
    ork_json *object = new_value(p, ORK_JSON_OBJECT);
    p->offset++;
    if (!object || accept(p, '}'))
        return object;
    do {
        ork_json_member member = {0};
        if (!parse_member(p, &member))
            return NULL;
        ork_vec_push(p->arena, &members, member);
    } while (accept(p, ','));
    if (!accept(p, '}')) {
        fail(p, "',' or '}' is missing here");
        return NULL;
    }
    object->object.members = members.items;
    object->object.count = members.count;
    finish_object(p, object);
    return object;
}

static ork_json *parse_nested(parser *p, ork_json *(*parse)(parser *))
{
    if (p->depth >= ORK_JSON_DEPTH) {
        fail_at(p, p->offset, "arrays and objects are nested too deep");
        return NULL;
    }
    p->depth++;
    ork_json *value = parse(p);
    p->depth--;
    return value;
}

static ork_json *parse_value(parser *p)
{
    char c = peek(p);
    if (c == '{')
        return parse_nested(p, parse_object);
    if (c == '[')
        return parse_nested(p, parse_array);
    if (c == '"')
        return parse_string_value(p);
    if (c == '-' || (c >= '0' && c <= '9'))
        return parse_number(p);
    return parse_word(p);
}

ork_json *ork_json_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes)
{
    parser p = {.diag = diag, .arena = arena, .text = (const char *)bytes.data, .size = bytes.size};
    if (p.size >= 3 && memcmp(p.text, "\xef\xbb\xbf", 3) == 0)
        p.offset = 3;
    ork_json *value = parse_value(&p);
    if (!value)
        return NULL;
    skip_space(&p);
    if (p.offset < p.size) {
        fail(&p, "the document has ended before this");
        return NULL;
    }
    return value;
}

/* ---- questions ---- */

const char *ork_json_kind_name(ork_json_kind kind)
{
    static const char *const names[ORK_JSON_KIND_COUNT] = {
        "null", "bool", "integer", "float", "string", "array", "object",
    };
    return names[kind];
}

bool ork_json_is(const ork_json *value, ork_json_kind kind)
{
    return value && value->kind == kind;
}

ork_json *ork_json_get(const ork_json *object, const char *key)
{
    if (!ork_json_is(object, ORK_JSON_OBJECT))
        return NULL;
    size_t low = 0, high = object->object.count, length = strlen(key);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const ork_json_member *member = object->object.sorted[middle];
        int order = compare_keys(key, length, member->key, member->key_length);
        if (order == 0)
            return member->value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

ork_json *ork_json_item(const ork_json *array, size_t index)
{
    return ork_json_is(array, ORK_JSON_ARRAY) && index < array->array.count
               ? array->array.items[index]
               : NULL;
}

size_t ork_json_count(const ork_json *value)
{
    if (ork_json_is(value, ORK_JSON_ARRAY))
        return value->array.count;
    return ork_json_is(value, ORK_JSON_OBJECT) ? value->object.count : 0;
}

bool ork_json_as_int(const ork_json *value, int64_t *integer)
{
    if (!ork_json_is(value, ORK_JSON_INT))
        return false;
    *integer = value->integer;
    return true;
}

bool ork_json_as_double(const ork_json *value, double *number)
{
    if (ork_json_is(value, ORK_JSON_INT))
        *number = (double)value->integer;
    else if (ork_json_is(value, ORK_JSON_FLOAT))
        *number = value->number;
    else
        return false;
    return true;
}

bool ork_json_as_bool(const ork_json *value, bool *boolean)
{
    if (!ork_json_is(value, ORK_JSON_BOOL))
        return false;
    *boolean = value->boolean;
    return true;
}

const char *ork_json_as_text(const ork_json *value)
{
    return ork_json_is(value, ORK_JSON_STRING) ? value->string.text : NULL;
}

int64_t ork_json_get_int(const ork_json *object, const char *key, int64_t fallback)
{
    ork_json_as_int(ork_json_get(object, key), &fallback);
    return fallback;
}

double ork_json_get_double(const ork_json *object, const char *key, double fallback)
{
    ork_json_as_double(ork_json_get(object, key), &fallback);
    return fallback;
}

bool ork_json_get_bool(const ork_json *object, const char *key, bool fallback)
{
    ork_json_as_bool(ork_json_get(object, key), &fallback);
    return fallback;
}

const char *ork_json_get_text(const ork_json *object, const char *key, const char *fallback)
{
    const char *text = ork_json_as_text(ork_json_get(object, key));
    return text ? text : fallback;
}
