/* SPDX-License-Identifier: Apache-2.0 */
/* Runs methods: statements in order, calls of other methods in place. What the methods compute on
   tensors goes into the graph, everything else is known at once. */
#include "script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 64, MAX_EXPRESSIONS = 1000 };

static ork_ts_value *evaluate(ork_ts *ts, const ork_ts_expr *expr);

/* ---- where we are ---------------------------------------------------------------------- */

const ork_ts_module *ork_ts_current_module(const ork_ts *ts)
{
    for (const ork_ts_frame *frame = ts->frame; frame; frame = frame->caller)
        if (frame->module)
            return frame->module;
    return NULL;
}

static bool is_torch_leaf(const ork_ts_module *module)
{
    return module->type && ork_starts_with(module->type->qualified_name, "__torch__.torch.nn.");
}

ork_ts_site ork_ts_script_site(const ork_ts *ts)
{
    ork_ts_site site = {.path = ""};
    const ork_ts_module *module = ork_ts_current_module(ts);
    if (module) {
        site.path = module->path;
        site.is_torch_layer = is_torch_leaf(module);
    }
    if (ts->frame) {
        const ork_ts_function *function = ts->frame->function;
        site.class_name = function->owner ? function->owner->name : function->name;
        site.source = ork_arena_printf(ts->arena, "%s:%u", function->file, ts->frame->line);
    }
    return site;
}

static void *bad_code(ork_ts *ts, const char *what, const char *name)
{
    ork_fail(ts->diag, ORK_ERR_TORCH_CODE, "%s '%s'", what, name);
    ork_where(ts->diag, "%s", ork_ts_place(ts));
    return NULL;
}

static void *scripted(ork_ts *ts, const char *what)
{
    ork_fail(ts->diag, ORK_ERR_TORCH_NOT_TRACED, "the model was scripted, not traced: %s", what);
    ork_where(ts->diag, "%s", ork_ts_place(ts));
    ork_why(ts->diag, "a chip runs one fixed sequence of layers; code that decides while running "
                      "has none");
    ork_fix(ts->diag,
            "export it with torch.jit.trace instead of torch.jit.script:\n"
            "    traced = torch.jit.trace(model.eval(), %s)\n"
            "    traced.save('model.pt')",
            ts->example);
    return NULL;
}

/* ---- classes --------------------------------------------------------------------------- */

static ork_ts_file *load_file(ork_ts *ts, const char *module)
{
    char *path = ork_arena_printf(ts->arena, "code/%s.py", module);
    for (char *at = path + 5; *at; at++)
        if (*at == '.' && strcmp(at, ".py") != 0)
            *at = '/';
    ork_ts_file *file = ork_map_get(ts->files, path);
    size_t index;
    if (file || !ork_ts_find_record(ts->arena, ts->archive, path, &index))
        return file;
    const ork_zip_entry *entry = ork_zip_entry_at(ts->archive->zip, index);
    if (entry->size > ts->build->bytes_left)
        return ork_build_unsupported(ts->build, "the code in %s is too large", path);
    ts->build->bytes_left -= (size_t)entry->size;
    ork_bytes text;
    if (!ork_zip_entry_bytes(ts->diag, ts->archive->zip, index, ts->arena, &text))
        return NULL;
    file = ork_ts_scan_file(ts->arena, path, module, text);
    ork_map_set(ts->files, path, file);
    return file;
}

ork_ts_class *ork_ts_find_class(ork_ts *ts, const char *module, const char *name)
{
    ork_ts_file *file = load_file(ts, module);
    for (size_t i = 0; file && i < file->classes.count; i++)
        if (!strcmp(file->classes.items[i]->name, name))
            return file->classes.items[i];
    return NULL;
}

static ork_ts_function *find_function(ork_ts *ts, const char *qualified_name)
{
    const char *dot = strrchr(qualified_name, '.');
    const char *module =
        ork_arena_strndup(ts->arena, qualified_name, (size_t)(dot - qualified_name));
    ork_ts_file *file = load_file(ts, module);
    for (size_t i = 0; file && i < file->functions.count; i++)
        if (!strcmp(file->functions.items[i]->name, dot + 1))
            return file->functions.items[i];
    return NULL;
}

/* ---- values without calls -------------------------------------------------------------- */

static ork_ts_value *constant(ork_ts *ts, const char *name)
{
    ork_ts_value *value = ork_map_get(ts->constants, name);
    if (value)
        return value;
    char *end;
    unsigned long index = strtoul(name + strlen("CONSTANTS.c"), &end, 10);
    ork_pickle_value *pickled = ork_pickle_item(ts->archive->constants, index);
    if (*end || !pickled)
        return bad_code(ts, "there is no constant", name);
    value = ork_ts_from_pickle(ts, pickled, ork_arena_printf(ts->arena, "constant%lu", index),
                               "constants", ORK_PICKLE_DEPTH);
    if (value)
        ork_map_set(ts->constants, name, value);
    return value;
}

static ork_ts_value *global(ork_ts *ts, const ork_ts_expr *expr)
{
    if (ork_starts_with(expr->text, "CONSTANTS.c"))
        return constant(ts, expr->text);
    if (!strcmp(expr->text, "inf"))
        return ork_ts_float(ts, (double)INFINITY, false);
    if (ork_starts_with(expr->text, "__torch__."))
        return scripted(ts, ork_arena_printf(ts->arena, "it uses the function %s", expr->text));
    return bad_code(ts, "unknown name", expr->text);
}

static ork_ts_value *module_attribute(ork_ts *ts, ork_ts_module *module, const char *name)
{
    ork_ts_value *value = ork_map_get(module->attributes, name);
    if (value)
        return value;
    const char *path = *module->path ? ork_arena_printf(ts->arena, "%s.%s", module->path, name)
                                     : ork_arena_strdup(ts->arena, name);
    const ork_pickle_value *pickled = ork_pickle_get(module->object, name);
    if (pickled) {
        value = ork_ts_from_pickle(ts, pickled, path, "data", ORK_PICKLE_DEPTH);
    } else {
        ork_ts_expr *expr =
            module->type ? ork_ts_class_constant(ts->diag, ts->arena, module->type, name) : NULL;
        if (!expr)
            return bad_code(ts, "there is no attribute", path);
        value = evaluate(ts, expr);
    }
    if (value)
        ork_map_set(module->attributes, name, value);
    return value;
}

static ork_ts_value *attribute_of(ork_ts *ts, ork_ts_value *object, const char *name)
{
    if (!object || object->kind == ORK_TS_UNKNOWN)
        return object;
    if (object->kind == ORK_TS_MODULE)
        return module_attribute(ts, object->module, name);
    if (object->kind == ORK_TS_UNAVAILABLE)
        return ork_build_unsupported(ts->build, "%s cannot be used", object->text);
    return bad_code(ts, "there is no attribute", name);
}

static ork_ts_value *sequence(ork_ts *ts, const ork_ts_expr *expr, ork_ts_kind kind)
{
    size_t count = expr->items.count;
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = evaluate(ts, expr->items.items[i]);
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, kind, items, count);
}

/* Networks may return a dictionary; its values are the outputs. */
static ork_ts_value *values_of_dict(ork_ts *ts, const ork_ts_expr *expr)
{
    size_t count = expr->items.count / 2;
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = evaluate(ts, expr->items.items[2 * i + 1]);
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, ORK_TS_TUPLE, items, count);
}

static ork_ts_value *subscript(ork_ts *ts, const ork_ts_expr *expr)
{
    ork_ts_value *object = evaluate(ts, expr->object);
    ork_ts_value *at = object ? evaluate(ts, expr->items.items[0]) : NULL;
    if (!at || object->kind == ORK_TS_UNKNOWN || at->kind == ORK_TS_UNKNOWN)
        return at ? ork_ts_new(ts, ORK_TS_UNKNOWN) : NULL;
    if (!ork_ts_is_sequence(object) || !ork_ts_is_number(at))
        return ork_build_unsupported(ts->build, "indexing %s", ork_ts_kind_names[object->kind]);
    int64_t index = ork_ts_as_int(at);
    if (index < 0)
        index += (int64_t)object->list.count;
    if (index < 0 || index >= (int64_t)object->list.count)
        return ork_build_unsupported(ts->build, "index %lld is out of range", (long long)index);
    return object->list.items[index];
}

static ork_ts_value *negative(ork_ts *ts, const ork_ts_expr *expr)
{
    ork_ts_value *value = evaluate(ts, expr->object);
    if (!value || value->kind == ORK_TS_UNKNOWN)
        return value;
    if (!ork_ts_is_number(value))
        return ork_build_unsupported(ts->build, "'-' before %s", ork_ts_kind_names[value->kind]);
    if (value->kind == ORK_TS_FLOAT)
        return ork_ts_float(ts, -value->number, value->is_single);
    return ork_ts_int(ts, (int64_t)(0 - (uint64_t)ork_ts_as_int(value)));
}

/* ---- builtin functions of the code ----------------------------------------------------- */

static ork_ts_value *to_int(ork_ts *ts, ork_ts_value *number)
{
    return ork_ts_int(ts, ork_ts_as_int(number));
}

static ork_ts_value *to_float(ork_ts *ts, ork_ts_value *number)
{
    return ork_ts_float(ts, ork_ts_as_double(number), false);
}

static ork_ts_value *to_bool(ork_ts *ts, ork_ts_value *number)
{
    return ork_ts_bool(ts, ork_ts_as_double(number) != 0);
}

static ork_ts_value *convert(ork_ts *ts, const ork_ts_expr *call,
                             ork_ts_value *(*to)(ork_ts *, ork_ts_value *))
{
    if (call->items.count != 1)
        return bad_code(ts, "wrong arguments of", call->object->text);
    ork_ts_value *value = evaluate(ts, call->items.items[0]);
    if (!value || value->kind == ORK_TS_UNKNOWN)
        return value;
    ork_ts_value *number = ork_ts_to_number(ts, value);
    if (number)
        return to(ts, number);
    if (ork_diag_error_id(ts->diag) != ORK_ERR_NONE)
        return NULL;
    ork_build_unsupported(ts->build, "%s() of %s that is known only when the network runs",
                          call->object->text, ork_ts_kind_names[value->kind]);
    ork_why(ts->diag, "a size or branch depends on the contents of the picture");
    return NULL;
}

static ork_ts_value *call_getattr(ork_ts *ts, const ork_ts_expr *call)
{
    if (call->items.count != 2 || call->items.items[1]->kind != ORK_TS_TEXT)
        return bad_code(ts, "wrong arguments of", "getattr");
    return attribute_of(ts, evaluate(ts, call->items.items[0]), call->items.items[1]->text);
}

/* annotate(type, value), unchecked_cast(type, value) */
static ork_ts_value *call_annotate(ork_ts *ts, const ork_ts_expr *call)
{
    if (call->items.count != 2)
        return bad_code(ts, "wrong arguments of", call->object->text);
    return evaluate(ts, call->items.items[1]);
}

static ork_ts_value *call_builtin(ork_ts *ts, const ork_ts_expr *call, bool *is_builtin)
{
    const char *name = call->object->text;
    *is_builtin = true;
    if (!strcmp(name, "int"))
        return convert(ts, call, to_int);
    if (!strcmp(name, "float"))
        return convert(ts, call, to_float);
    if (!strcmp(name, "bool"))
        return convert(ts, call, to_bool);
    if (!strcmp(name, "getattr"))
        return call_getattr(ts, call);
    if (!strcmp(name, "annotate") || !strcmp(name, "unchecked_cast"))
        return call_annotate(ts, call);
    if (!strcmp(name, "uninitialized"))
        return ork_ts_new(ts, ORK_TS_NONE);
    *is_builtin = false;
    return NULL;
}

/* ---- calls ----------------------------------------------------------------------------- */

static ork_ts_value **call_arguments(ork_ts *ts, const ork_ts_expr *call)
{
    ork_ts_value *list = sequence(ts, call, ORK_TS_LIST);
    return list ? list->list.items : NULL;
}

static bool has_keywords(const ork_ts_expr *call)
{
    for (size_t i = 0; call->keywords && i < call->items.count; i++)
        if (call->keywords[i])
            return true;
    return false;
}

static ork_ts_value *call_function(ork_ts *ts, const ork_ts_expr *call)
{
    ork_ts_function *function = find_function(ts, call->object->text);
    if (!function || has_keywords(call))
        return bad_code(ts, "there is no function", call->object->text);
    ork_ts_value **args = call_arguments(ts, call);
    return args ? ork_ts_call(ts, NULL, function, args, call->items.count) : NULL;
}

static ork_ts_value *call_global(ork_ts *ts, const ork_ts_expr *call)
{
    const char *name = call->object->text;
    bool is_builtin;
    ork_ts_value *value = call_builtin(ts, call, &is_builtin);
    if (is_builtin)
        return value;
    if (ork_starts_with(name, "__torch__."))
        return call_function(ts, call);
    if (!ork_starts_with(name, "torch.") && !ork_starts_with(name, "ops."))
        return scripted(ts, ork_arena_printf(ts->arena, "it calls %s()", name));
    ork_ts_value **args = call_arguments(ts, call);
    return args ? ork_ts_call_op(ts, name, args, call->keywords, call->items.count) : NULL;
}

static ork_ts_value *call_method(ork_ts *ts, const ork_ts_expr *call)
{
    const char *name = call->object->text;
    ork_ts_value *object = evaluate(ts, call->object->object);
    if (!object)
        return NULL;
    if (object->kind == ORK_TS_UNAVAILABLE)
        return ork_build_unsupported(ts->build, "%s cannot be used", object->text);
    if (object->kind != ORK_TS_MODULE)
        return scripted(ts, ork_arena_printf(ts->arena, "it calls .%s() on %s", name,
                                             ork_ts_kind_names[object->kind]));
    ork_ts_module *module = object->module;
    ork_ts_function *method = module->type ? ork_ts_find_method(module->type, name) : NULL;
    if (!method || has_keywords(call))
        return bad_code(ts, "there is no method",
                        ork_arena_printf(ts->arena, "%s.%s", module->path, name));
    ork_ts_value **args = call_arguments(ts, call);
    return args ? ork_ts_call(ts, module, method, args, call->items.count) : NULL;
}

/* ---- expressions ----------------------------------------------------------------------- */

static ork_ts_value *local(ork_ts *ts, const ork_ts_expr *expr)
{
    ork_ts_value *value = ts->frame ? ts->frame->slots[expr->slot] : NULL;
    return value ? value : bad_code(ts, "used before it is set:", expr->text);
}

static ork_ts_value *evaluate_kind(ork_ts *ts, const ork_ts_expr *expr)
{
    switch (expr->kind) {
    case ORK_TS_LOCAL:
        return local(ts, expr);
    case ORK_TS_GLOBAL:
        return global(ts, expr);
    case ORK_TS_INTEGER:
        return ork_ts_int(ts, expr->integer);
    case ORK_TS_NUMBER:
        return ork_ts_float(ts, expr->number, false);
    case ORK_TS_TEXT:
        return ork_ts_text(ts, ORK_TS_STRING, expr->text);
    case ORK_TS_TRUE:
    case ORK_TS_FALSE:
        return ork_ts_bool(ts, expr->kind == ORK_TS_TRUE);
    case ORK_TS_NOTHING:
        return ork_ts_new(ts, ORK_TS_NONE);
    case ORK_TS_ATTRIBUTE:
        return attribute_of(ts, evaluate(ts, expr->object), expr->text);
    case ORK_TS_CALLING:
        if (expr->object->kind == ORK_TS_GLOBAL)
            return call_global(ts, expr);
        if (expr->object->kind == ORK_TS_ATTRIBUTE)
            return call_method(ts, expr);
        return bad_code(ts, "a call of", "something that has no name");
    case ORK_TS_LISTING:
        return sequence(ts, expr, ORK_TS_LIST);
    case ORK_TS_TUPLING:
        return sequence(ts, expr, ORK_TS_TUPLE);
    case ORK_TS_DICTING:
        return values_of_dict(ts, expr);
    case ORK_TS_SUBSCRIPT:
        return subscript(ts, expr);
    case ORK_TS_NEGATIVE:
        return negative(ts, expr);
    }
    return NULL;
}

static ork_ts_value *evaluate(ork_ts *ts, const ork_ts_expr *expr)
{
    if (ts->steps_left == 0)
        return ork_build_unsupported(ts->build, "the code is too long");
    if (ts->depth >= MAX_EXPRESSIONS)
        return ork_build_unsupported(ts->build, "the code is nested too deeply");
    ts->steps_left--;
    ts->depth++;
    ork_ts_value *value = evaluate_kind(ts, expr);
    ts->depth--;
    return value;
}

/* ---- statements ------------------------------------------------------------------------ */

static bool unpack(ork_ts *ts, const ork_ts_statement *statement, ork_ts_value *value)
{
    size_t count = statement->targets.count;
    bool unknown = value->kind == ORK_TS_UNKNOWN;
    if (!unknown && (!ork_ts_is_sequence(value) || value->list.count != count))
        return ork_build_unsupported(ts->build, "%s does not unpack into %zu names",
                                     ork_ts_kind_names[value->kind], count) != NULL;
    for (size_t i = 0; i < count; i++)
        ts->frame->slots[statement->targets.items[i]] =
            unknown ? ork_ts_new(ts, ORK_TS_UNKNOWN) : value->list.items[i];
    return true;
}

/* The truth of a branch or loop, which must be known. */
static ork_ts_value *condition(ork_ts *ts, const ork_ts_statement *statement)
{
    const ork_ts_expr *expr = statement->expr;
    bool is_bool = expr->kind == ORK_TS_CALLING && expr->object->kind == ORK_TS_GLOBAL &&
                   !strcmp(expr->object->text, "bool") && expr->items.count == 1;
    ork_ts_value *value = evaluate(ts, is_bool ? expr->items.items[0] : expr);
    if (!value)
        return NULL;
    if (value->kind == ORK_TS_UNKNOWN) {
        ork_ts_fail_unknown(ts);
        return NULL;
    }
    ork_ts_value *number = ork_ts_to_number(ts, value);
    if (!number && ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
        return scripted(ts, ork_arena_printf(ts->arena,
                                             "its code has '%s' on %s that is known only when the "
                                             "network runs",
                                             statement->text, ork_ts_kind_names[value->kind]));
    return number ? to_bool(ts, number) : NULL;
}

static bool run_block(ork_ts *ts, const ork_ts_block *block, ork_ts_value **result);

static bool run_if(ork_ts *ts, const ork_ts_statement *statement, ork_ts_value **result)
{
    ork_ts_value *truth = condition(ts, statement);
    return truth && run_block(ts, truth->boolean ? statement->body : statement->otherwise, result);
}

static bool run_while(ork_ts *ts, const ork_ts_statement *statement, ork_ts_value **result)
{
    while (!*result) {
        ts->frame->line = statement->line;
        ork_ts_value *truth = condition(ts, statement); /* each look counts as a step */
        if (!truth || !truth->boolean)
            return truth != NULL;
        if (!run_block(ts, statement->body, result))
            return false;
    }
    return true;
}

/* begin, end and step of range(...) */
static bool range_of(ork_ts *ts, const ork_ts_expr *call, int64_t range[3])
{
    size_t count = call->items.count;
    if (count < 1 || count > 3)
        return bad_code(ts, "wrong arguments of", "range") != NULL;
    for (size_t i = 0; i < count; i++) {
        ork_ts_value *value = evaluate(ts, call->items.items[i]);
        if (value && value->kind == ORK_TS_UNKNOWN)
            return ork_ts_fail_unknown(ts);
        ork_ts_value *number = value ? ork_ts_to_number(ts, value) : NULL;
        if (value && !number && ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
            return scripted(ts, "its code has a loop whose length is known only when the network "
                                "runs") != NULL;
        if (!number)
            return false;
        range[count == 1 ? 1 : i] = ork_ts_as_int(number);
    }
    return range[2] != 0 || bad_code(ts, "wrong arguments of", "range") != NULL;
}

static bool run_for(ork_ts *ts, const ork_ts_statement *statement, ork_ts_value **result)
{
    int64_t range[] = {0, 0, 1};
    if (!range_of(ts, statement->expr, range))
        return false;
    for (int64_t i = range[0]; !*result && (range[2] > 0 ? i < range[1] : i > range[1]);) {
        if (ts->steps_left == 0)
            return ork_build_unsupported(ts->build, "the code is too long") != NULL;
        ts->steps_left--;
        ts->frame->slots[statement->targets.items[0]] = ork_ts_int(ts, i);
        if (!run_block(ts, statement->body, result))
            return false;
        if (range[2] > 0 ? i > INT64_MAX - range[2] : i < INT64_MIN - range[2])
            break;
        i += range[2];
    }
    return true;
}

/* *result is set by a return. */
static bool execute(ork_ts *ts, const ork_ts_statement *statement, ork_ts_value **result)
{
    ts->frame->line = statement->line;
    if (statement->kind == ORK_TS_CONTROL_FLOW)
        return scripted(ts, ork_arena_printf(ts->arena, "its code has '%s'", statement->text)) !=
               NULL;
    if (statement->kind == ORK_TS_IF)
        return run_if(ts, statement, result);
    if (statement->kind == ORK_TS_WHILE)
        return run_while(ts, statement, result);
    if (statement->kind == ORK_TS_FOR)
        return run_for(ts, statement, result);
    ork_ts_value *value =
        statement->expr ? evaluate(ts, statement->expr) : ork_ts_new(ts, ORK_TS_NONE);
    if (!value)
        return false;
    if (statement->kind == ORK_TS_ASSIGN)
        ts->frame->slots[statement->targets.items[0]] = value;
    else if (statement->kind == ORK_TS_UNPACK)
        return unpack(ts, statement, value);
    else if (statement->kind == ORK_TS_RETURN)
        *result = value;
    return true;
}

static bool run_block(ork_ts *ts, const ork_ts_block *block, ork_ts_value **result)
{
    bool good = true;
    for (size_t i = 0; good && !*result && block && i < block->statements.count; i++)
        good = execute(ts, &block->statements.items[i], result);
    return good;
}

static bool fill_parameters(ork_ts *ts, ork_ts_frame *frame, ork_ts_value *const *args,
                            size_t count)
{
    const ork_ts_function *function = frame->function;
    size_t given = 0;
    if (frame->module && function->parameters.count > 0) {
        frame->slots[0] = ork_ts_new(ts, ORK_TS_MODULE);
        frame->slots[0]->module = (ork_ts_module *)frame->module;
        given = 1;
    }
    if (given + count > function->parameters.count)
        return bad_code(ts, "too many arguments of", function->name) != NULL;
    for (size_t i = 0; i < count; i++)
        frame->slots[given + i] = args[i];
    for (size_t i = given + count; i < function->parameters.count; i++) {
        ork_ts_expr *standard = function->parameters.items[i].standard;
        frame->slots[i] = standard ? evaluate(ts, standard) : NULL;
        if (!frame->slots[i])
            return bad_code(ts, "too few arguments of", function->name) != NULL;
    }
    return true;
}

ork_ts_value *ork_ts_call(ork_ts *ts, const ork_ts_module *module, ork_ts_function *function,
                          ork_ts_value *const *args, size_t count)
{
    int depth = ts->frame ? ts->frame->depth + 1 : 0;
    if (depth >= MAX_CALLS)
        return ork_build_unsupported(ts->build, "methods call each other more than %d deep",
                                     MAX_CALLS);
    if (!ork_ts_parse_function(ts->diag, ts->arena, function))
        return NULL;
    ork_ts_frame frame = {.caller = ts->frame,
                          .module = module,
                          .function = function,
                          .line = function->line,
                          .depth = depth};
    if (ts->steps_left < (size_t)function->slot_count)
        return ork_build_unsupported(ts->build, "the code is too long");
    ts->steps_left -= (size_t)function->slot_count;
    frame.slots = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, (size_t)function->slot_count + 1);
    ts->frame = &frame;
    ork_ts_value *result = NULL;
    bool good = fill_parameters(ts, &frame, args, count) && run_block(ts, &function->body, &result);
    ts->frame = frame.caller;
    if (!good)
        return NULL;
    return result ? result : ork_ts_new(ts, ORK_TS_NONE);
}
