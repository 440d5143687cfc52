/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of any operator as JSON under our own names, by walking ork_op_table. */
#include "internal.h"

#include <math.h>
#include <string.h>

enum {
    /* Larger numbers in a file are damage; the bounds keep shape arithmetic far from overflow. */
    MOST_INT = INT32_MAX,
    MOST_STEP = 1 << 24,
};

static void put_ints(ork_json_writer *w, const int64_t *values, int count)
{
    ork_json_begin_array(w);
    for (int i = 0; i < count; i++)
        ork_json_put_int(w, values[i]);
    ork_json_end_array(w);
}

/* Infinities and NaN as text, which JSON cannot write as numbers. */
static void put_number(ork_json_writer *w, double number)
{
    if (isfinite(number))
        ork_json_put_double(w, number);
    else
        ork_json_put_text(w, isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
}

static bool get_number(const ork_json *json, double *number)
{
    const char *text = ork_json_as_text(json);
    if (!text)
        return ork_json_as_double(json, number);
    *number = strcmp(text, "inf") == 0 ? (double)INFINITY : -(double)INFINITY;
    if (strcmp(text, "nan") == 0)
        *number = (double)NAN;
    return strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0 || strcmp(text, "nan") == 0;
}

static void put_enum(ork_json_writer *w, const char *names, int value)
{
    while (value-- > 0 && strchr(names, '|'))
        names = strchr(names, '|') + 1;
    ork_json_put_text_n(w, names, strcspn(names, "|"));
}

static bool get_enum(const char *names, const char *text, int *value)
{
    for (*value = 0; text; (*value)++) {
        size_t length = strcspn(names, "|");
        if (strlen(text) == length && memcmp(names, text, length) == 0)
            return true;
        if (!names[length])
            break;
        names += length + 1;
    }
    return false;
}

static void put_attr(ork_json_writer *w, const ork_attr_info *info, const void *field)
{
    ork_json_key(w, info->name);
    switch (info->kind) {
    case ORK_ATTR_KIND_INT:
        ork_json_put_int(w, *(const int64_t *)field);
        break;
    case ORK_ATTR_KIND_FLOAT:
        put_number(w, *(const double *)field);
        break;
    case ORK_ATTR_KIND_BOOL:
        ork_json_put_bool(w, *(const bool *)field);
        break;
    case ORK_ATTR_KIND_PAIR:
        put_ints(w, field, 2);
        break;
    case ORK_ATTR_KIND_QUAD:
        put_ints(w, field, 4);
        break;
    case ORK_ATTR_KIND_INTS:
        put_ints(w, ((const ork_ints *)field)->v, ((const ork_ints *)field)->count);
        break;
    case ORK_ATTR_KIND_DTYPE:
        ork_json_put_text(w, ork_dtype_table[*(const ork_dtype *)field].name);
        break;
    case ORK_ATTR_KIND_ENUM:
        put_enum(w, info->values, *(const int *)field);
        break;
    }
}

void ork_rknn_put_attrs(ork_json_writer *writer, ork_op op, const ork_attrs *attrs)
{
    const ork_op_info *info = &ork_op_table[op];
    ork_json_begin_object(writer);
    for (int i = 0; i < info->attr_count; i++)
        put_attr(writer, &info->attrs[i], (const char *)attrs + info->attrs[i].offset);
    ork_json_end_object(writer);
}

static bool get_int(const ork_json *json, int64_t most, int64_t *value)
{
    return ork_json_as_int(json, value) && *value <= most && *value >= -most;
}

static bool get_exactly(const ork_json *json, int64_t *values, size_t count)
{
    bool good = ork_json_count(json) == count;
    for (size_t i = 0; good && i < count; i++)
        good = get_int(ork_json_item(json, i), MOST_STEP, &values[i]);
    return good;
}

static bool get_list(const ork_json *json, ork_ints *list)
{
    size_t count = ork_json_count(json);
    bool good = count <= ORK_MAX_RANK;
    list->count = good ? (int)count : 0;
    for (int i = 0; good && i < list->count; i++)
        good = get_int(ork_json_item(json, (size_t)i), MOST_INT, &list->v[i]);
    return good;
}

static bool get_attr(const ork_json *json, const ork_attr_info *info, void *field)
{
    switch (info->kind) {
    case ORK_ATTR_KIND_INT:
        return get_int(json, MOST_INT, field);
    case ORK_ATTR_KIND_FLOAT:
        return get_number(json, field);
    case ORK_ATTR_KIND_BOOL:
        return ork_json_as_bool(json, field);
    case ORK_ATTR_KIND_PAIR:
        return get_exactly(json, field, 2);
    case ORK_ATTR_KIND_QUAD:
        return get_exactly(json, field, 4);
    case ORK_ATTR_KIND_INTS:
        return get_list(json, field);
    case ORK_ATTR_KIND_DTYPE:
        return ork_json_as_text(json) && ork_dtype_from_name(ork_json_as_text(json), field);
    case ORK_ATTR_KIND_ENUM:
        return get_enum(info->values, ork_json_as_text(json), field);
    }
    return false;
}

bool ork_rknn_get_attrs(ork_diag *diag, const ork_json *json, ork_op op, ork_attrs *attrs)
{
    const ork_op_info *info = &ork_op_table[op];
    for (int i = 0; i < info->attr_count; i++) {
        const ork_json *value = ork_json_get(json, info->attrs[i].name);
        if (value && !get_attr(value, &info->attrs[i], (char *)attrs + info->attrs[i].offset))
            return ork_fail(diag, ORK_ERR_RKNN_FORMAT,
                            "the attribute '%s' of %s has no value that makes sense",
                            info->attrs[i].name, info->name);
    }
    return true;
}
