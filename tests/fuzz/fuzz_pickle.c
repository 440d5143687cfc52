/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Values may be shared and may reach themselves, so both depth and number of visits are bounded. */
typedef struct walk {
    int depth, visits;
    unsigned sum;
} walk;

static void visit(walk *w, const ork_pickle_value *value);

static void visit_list(walk *w, const ork_pickle_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        visit(w, list->items[i]);
}

static void visit_dict(walk *w, const ork_pickle_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        visit(w, dict->items[i].key);
        visit(w, dict->items[i].value);
    }
}

static void visit_object(walk *w, const ork_pickle_object *object)
{
    visit(w, object->callable);
    visit(w, object->args);
    visit(w, object->keywords);
    visit(w, object->state);
    visit_list(w, &object->items);
    visit_dict(w, &object->entries);
}

static void visit_bytes(walk *w, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        w->sum += ((const uint8_t *)bytes)[i];
}

static void visit_inside(walk *w, const ork_pickle_value *value)
{
    if (value->kind == ORK_PICKLE_STRING)
        visit_bytes(w, value->string.text, value->string.length + 1);
    else if (value->kind == ORK_PICKLE_BYTES || value->kind == ORK_PICKLE_BIG_INT)
        visit_bytes(w, value->bytes.data, value->bytes.size);
    else if (value->kind == ORK_PICKLE_DICT)
        visit_dict(w, &value->dict);
    else if (value->kind == ORK_PICKLE_OBJECT || value->kind == ORK_PICKLE_CALL)
        visit_object(w, value->object);
    else if (value->kind == ORK_PICKLE_PERSISTENT)
        visit(w, value->id);
    else if (value->kind == ORK_PICKLE_TUPLE || value->kind == ORK_PICKLE_LIST ||
             value->kind == ORK_PICKLE_SET)
        visit_list(w, &value->list);
}

static void visit(walk *w, const ork_pickle_value *value)
{
    int64_t integer = 0;
    double number = 0;
    if (!value || w->depth >= ORK_PICKLE_DEPTH || w->visits++ > 1000)
        return;
    w->depth++;
    w->sum += (unsigned)ork_pickle_count(value) + (ork_pickle_text(value) != NULL);
    w->sum += ork_pickle_get(value, "key") || ork_pickle_arg(value, 1);
    w->sum += ork_pickle_int(value, &integer) || ork_pickle_float(value, &number);
    w->sum += ork_pickle_is_call(value, "a", "b") || ork_pickle_is_global(value, "a", "b");
    visit_inside(w, value);
    w->depth--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_pickle_value *value = NULL;
    size_t consumed = 0;
    bool is_read = ork_pickle_read(diag, arena, (ork_bytes){data, size}, &value, &consumed);
    if (is_read ? consumed > size || !value : ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (ork_arena_size(arena) > 8192 + 400 * size) /* memory follows the input */
        abort();
    walk w = {0};
    visit(&w, value);
    ork_arena_free(arena);
    ork_diag_free(diag);
    return 0;
}
