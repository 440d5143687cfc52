/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a value read from a pickle. */
#include "codec.h"

#include <string.h>

const char *ork_pickle_kind_name(ork_pickle_kind kind)
{
    static const char *const names[ORK_PICKLE_KIND_COUNT] = {
        "none", "bool", "int",  "big int", "float",  "string", "bytes",         "tuple",
        "list", "set",  "dict", "global",  "object", "call",   "persistent id",
    };
    return names[kind];
}

bool ork_pickle_is(const ork_pickle_value *value, ork_pickle_kind kind)
{
    return value && value->kind == kind;
}

static bool is_object(const ork_pickle_value *value)
{
    return ork_pickle_is(value, ORK_PICKLE_OBJECT) || ork_pickle_is(value, ORK_PICKLE_CALL);
}

static bool is_sequence(const ork_pickle_value *value)
{
    return ork_pickle_is(value, ORK_PICKLE_TUPLE) || ork_pickle_is(value, ORK_PICKLE_LIST);
}

static ork_pickle_value *find(const ork_pickle_dict *dict, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = dict->count; i-- > 0;) { /* from the end: the last one set counts */
        const ork_pickle_value *k = dict->items[i].key;
        if (k->kind == ORK_PICKLE_STRING && k->string.length == length &&
            memcmp(k->string.text, key, length) == 0)
            return dict->items[i].value;
    }
    return NULL;
}

ork_pickle_value *ork_pickle_get(const ork_pickle_value *value, const char *key)
{
    if (ork_pickle_is(value, ORK_PICKLE_DICT))
        return find(&value->dict, key);
    if (!is_object(value))
        return NULL;
    ork_pickle_value *found = find(&value->object->entries, key);
    if (!found && ork_pickle_is(value->object->state, ORK_PICKLE_DICT))
        found = find(&value->object->state->dict, key);
    return found;
}

ork_pickle_value *ork_pickle_item(const ork_pickle_value *value, size_t index)
{
    return is_sequence(value) && index < value->list.count ? value->list.items[index] : NULL;
}

size_t ork_pickle_count(const ork_pickle_value *value)
{
    if (is_sequence(value) || ork_pickle_is(value, ORK_PICKLE_SET))
        return value->list.count;
    return ork_pickle_is(value, ORK_PICKLE_DICT) ? value->dict.count : 0;
}

bool ork_pickle_int(const ork_pickle_value *value, int64_t *integer)
{
    if (!ork_pickle_is(value, ORK_PICKLE_INT))
        return false;
    *integer = value->integer;
    return true;
}

bool ork_pickle_float(const ork_pickle_value *value, double *number)
{
    if (ork_pickle_is(value, ORK_PICKLE_INT))
        *number = (double)value->integer;
    else if (ork_pickle_is(value, ORK_PICKLE_FLOAT))
        *number = value->number;
    else
        return false;
    return true;
}

bool ork_pickle_bool(const ork_pickle_value *value, bool *boolean)
{
    if (!ork_pickle_is(value, ORK_PICKLE_BOOL))
        return false;
    *boolean = value->boolean;
    return true;
}

const char *ork_pickle_text(const ork_pickle_value *value)
{
    if (!ork_pickle_is(value, ORK_PICKLE_STRING) ||
        strlen(value->string.text) != value->string.length)
        return NULL;
    return value->string.text;
}

bool ork_pickle_is_global(const ork_pickle_value *value, const char *module, const char *name)
{
    return ork_pickle_is(value, ORK_PICKLE_GLOBAL) && strcmp(value->global.module, module) == 0 &&
           strcmp(value->global.name, name) == 0;
}

bool ork_pickle_is_call(const ork_pickle_value *value, const char *module, const char *name)
{
    return ork_pickle_is(value, ORK_PICKLE_CALL) &&
           ork_pickle_is_global(value->object->callable, module, name);
}

ork_pickle_value *ork_pickle_arg(const ork_pickle_value *value, size_t index)
{
    return is_object(value) ? ork_pickle_item(value->object->args, index) : NULL;
}
