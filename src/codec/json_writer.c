/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"
#include "utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void append(ork_json_writer *writer, const char *text)
{
    ork_str_append(writer->out, text, strlen(text));
}

static void break_line(ork_json_writer *writer)
{
    if (writer->indent)
        ork_str_printf(writer->out, "\n%*s", writer->indent * writer->depth, "");
}

/* Comma and line break before an array's item or an object's key. */
static void begin_item(ork_json_writer *writer)
{
    if (writer->levels[writer->depth - 1].has_items)
        append(writer, ",");
    writer->levels[writer->depth - 1].has_items = true;
    break_line(writer);
}

static void begin_value(ork_json_writer *writer)
{
    assert(!writer->is_done && "the document is complete already");
    if (writer->depth == 0)
        return;
    if (!writer->levels[writer->depth - 1].is_object) {
        begin_item(writer);
        return;
    }
    assert(writer->has_key && "a value inside an object needs its key");
    writer->has_key = false;
}

static void put_scalar(ork_json_writer *writer, const char *text)
{
    begin_value(writer);
    append(writer, text);
    writer->is_done = writer->depth == 0;
}

static void begin_level(ork_json_writer *writer, bool is_object)
{
    begin_value(writer);
    assert(writer->depth < ORK_JSON_DEPTH && "nested too deep");
    append(writer, is_object ? "{" : "[");
    writer->levels[writer->depth].is_object = is_object;
    writer->levels[writer->depth].has_items = false;
    writer->depth++;
}

static void end_level(ork_json_writer *writer, bool is_object)
{
    assert(writer->depth > 0 && !writer->has_key &&
           writer->levels[writer->depth - 1].is_object == is_object && "nothing to close here");
    writer->depth--;
    if (writer->levels[writer->depth].has_items)
        break_line(writer);
    append(writer, is_object ? "}" : "]");
    writer->is_done = writer->depth == 0;
}

ork_json_writer ork_json_writer_new(ork_str *out, int indent)
{
    assert(indent >= 0);
    return (ork_json_writer){.out = out, .indent = indent};
}

void ork_json_begin_object(ork_json_writer *writer)
{
    begin_level(writer, true);
}

void ork_json_end_object(ork_json_writer *writer)
{
    end_level(writer, true);
}

void ork_json_begin_array(ork_json_writer *writer)
{
    begin_level(writer, false);
}

void ork_json_end_array(ork_json_writer *writer)
{
    end_level(writer, false);
}

void ork_json_finish(const ork_json_writer *writer)
{
    assert(writer->is_done && "the document is not complete");
    (void)writer;
}

/* ---- text ---- */

static void append_escaped(ork_str *out, unsigned char c)
{
    static const char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    const char *meaning = c ? strchr(meanings, c) : NULL;
    if (meaning)
        ork_str_printf(out, "\\%c", letters[meaning - meanings]);
    else
        ork_str_printf(out, "\\u%04x", (unsigned)c);
}

static bool needs_escape(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void append_string(ork_str *out, const char *text, size_t length)
{
    ork_str_append(out, "\"", 1);
    for (size_t i = 0; i < length;) {
        size_t step = ork_utf8_step(text + i, length - i);
        if (step == 0)
            ork_str_append(out, "\xef\xbf\xbd", 3); /* U+FFFD */
        else if (needs_escape(text[i]))
            append_escaped(out, (unsigned char)text[i]);
        else
            ork_str_append(out, text + i, step);
        i += step ? step : 1;
    }
    ork_str_append(out, "\"", 1);
}

static void put_key(ork_json_writer *writer, const char *key, size_t length)
{
    assert(writer->depth > 0 && writer->levels[writer->depth - 1].is_object && !writer->has_key &&
           "a key belongs into an object, once for each value");
    begin_item(writer);
    append_string(writer->out, key, length);
    append(writer, writer->indent ? ": " : ":");
    writer->has_key = true;
}

void ork_json_key(ork_json_writer *writer, const char *key)
{
    put_key(writer, key, strlen(key));
}

void ork_json_put_text_n(ork_json_writer *writer, const char *text, size_t length)
{
    begin_value(writer);
    append_string(writer->out, text, length);
    writer->is_done = writer->depth == 0;
}

void ork_json_put_text(ork_json_writer *writer, const char *text)
{
    ork_json_put_text_n(writer, text, strlen(text));
}

/* ---- other values ---- */

void ork_json_put_null(ork_json_writer *writer)
{
    put_scalar(writer, "null");
}

void ork_json_put_bool(ork_json_writer *writer, bool value)
{
    put_scalar(writer, value ? "true" : "false");
}

void ork_json_put_int(ork_json_writer *writer, int64_t value)
{
    begin_value(writer);
    ork_str_printf(writer->out, "%" PRId64, value);
    writer->is_done = writer->depth == 0;
}

void ork_json_put_double(ork_json_writer *writer, double value)
{
    char text[ORK_NUMBER_TEXT] = "null";
    if (isfinite(value))
        ork_number_write_double(value, text);
    put_scalar(writer, text);
}

void ork_json_put_float(ork_json_writer *writer, float value)
{
    char text[ORK_NUMBER_TEXT] = "null";
    if (isfinite(value))
        ork_number_write_float(value, text);
    put_scalar(writer, text);
}

static void put_array(ork_json_writer *writer, const ork_json *array)
{
    ork_json_begin_array(writer);
    for (size_t i = 0; i < array->array.count; i++)
        ork_json_put(writer, array->array.items[i]);
    ork_json_end_array(writer);
}

static void put_object(ork_json_writer *writer, const ork_json *object)
{
    ork_json_begin_object(writer);
    for (size_t i = 0; i < object->object.count; i++) {
        const ork_json_member *member = &object->object.members[i];
        put_key(writer, member->key, member->key_length);
        ork_json_put(writer, member->value);
    }
    ork_json_end_object(writer);
}

void ork_json_member_text(ork_json_writer *writer, const char *key, const char *text)
{
    ork_json_key(writer, key);
    ork_json_put_text(writer, text);
}

void ork_json_member_int(ork_json_writer *writer, const char *key, int64_t value)
{
    ork_json_key(writer, key);
    ork_json_put_int(writer, value);
}

void ork_json_member_double(ork_json_writer *writer, const char *key, double value)
{
    ork_json_key(writer, key);
    ork_json_put_double(writer, value);
}

void ork_json_member_bool(ork_json_writer *writer, const char *key, bool value)
{
    ork_json_key(writer, key);
    ork_json_put_bool(writer, value);
}

void ork_json_put(ork_json_writer *writer, const ork_json *value)
{
    switch (value->kind) {
    case ORK_JSON_BOOL:
        ork_json_put_bool(writer, value->boolean);
        break;
    case ORK_JSON_INT:
        ork_json_put_int(writer, value->integer);
        break;
    case ORK_JSON_FLOAT:
        ork_json_put_double(writer, value->number);
        break;
    case ORK_JSON_STRING:
        ork_json_put_text_n(writer, value->string.text, value->string.length);
        break;
    case ORK_JSON_ARRAY:
        put_array(writer, value);
        break;
    case ORK_JSON_OBJECT:
        put_object(writer, value);
        break;
    case ORK_JSON_NULL:
    case ORK_JSON_KIND_COUNT:
        ork_json_put_null(writer);
        break;
    }
}
