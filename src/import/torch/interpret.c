/* SPDX-License-Identifier: Apache-2.0 */
/* Runs methods: statements in order, calls of other methods in place. What the methods compute on
   tensors goes into the graph, everything else is known at once. */
#include "script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 64, MAX_EXPRESSIONS = 1000 };

static ork_torch_value *evaluate(ork_torch *torch, const ork_torch_expr *expr);

/* ---- where we are ---------------------------------------------------------------------- */

const ork_torch_module *ork_torch_current_module(const ork_torch *torch)
{
    for (const ork_torch_frame *frame = torch->frame; frame; frame = frame->caller)
        if (frame->module)
            return frame->module;
    return NULL;
}

static bool is_torch_leaf(const ork_torch_module *module)
{
    return module->type && ork_starts_with(module->type->qualified_name, "__torch__.torch.nn.");
}

ork_torch_site ork_torch_script_site(const ork_torch *torch)
{
    ork_torch_site site = {.path = ""};
    const ork_torch_module *module = ork_torch_current_module(torch);
    if (module) {
        site.path = module->path;
        site.is_torch_layer = is_torch_leaf(module);
    }
    if (torch->frame) {
        const ork_torch_function *function = torch->frame->function;
        site.class_name = function->owner ? function->owner->name : function->name;
        site.source = ork_arena_printf(torch->arena, "%s:%u", function->file, torch->frame->line);
    }
    return site;
}

static void *bad_code(ork_torch *torch, const char *what, const char *name)
{
    ork_fail(torch->diag, ORK_ERR_TORCH_CODE, "%s '%s'", what, name);
    ork_where(torch->diag, "%s", ork_torch_place(torch));
    return NULL;
}

static void *scripted(ork_torch *torch, const char *what)
{
    ork_fail(torch->diag, ORK_ERR_TORCH_NOT_TRACED, "the model was scripted, not traced: %s", what);
    ork_where(torch->diag, "%s", ork_torch_place(torch));
    ork_why(torch->diag,
            "a chip runs one fixed sequence of layers; code that decides while running "
            "has none");
    ork_fix(torch->diag,
            "export it with torch.jit.trace instead of torch.jit.script:\n"
            "    traced = torch.jit.trace(model.eval(), %s)\n"
            "    traced.save('model.pt')",
            torch->example);
    return NULL;
}

/* ---- classes --------------------------------------------------------------------------- */

static ork_torch_file *load_file(ork_torch *torch, const char *module)
{
    char *path = ork_arena_printf(torch->arena, "code/%s.py", module);
    for (char *at = path + 5; *at; at++)
        if (*at == '.' && strcmp(at, ".py") != 0)
            *at = '/';
    ork_torch_file *file = ork_map_get(torch->files, path);
    size_t index;
    if (file || !ork_torch_find_record(torch->arena, torch->archive, path, &index))
        return file;
    const ork_zip_entry *entry = ork_zip_entry_at(torch->archive->zip, index);
    if (entry->size > torch->build->bytes_left)
        return ork_build_unsupported(torch->build, "the code in %s is too large", path);
    torch->build->bytes_left -= (size_t)entry->size;
    ork_bytes text;
    if (!ork_zip_entry_bytes(torch->diag, torch->archive->zip, index, torch->arena, &text))
        return NULL;
    file = ork_torch_scan_file(torch->arena, path, module, text);
    ork_map_set(torch->files, path, file);
    return file;
}

ork_torch_class *ork_torch_find_class(ork_torch *torch, const char *module, const char *name)
{
    ork_torch_file *file = load_file(torch, module);
    for (size_t i = 0; file && i < file->classes.count; i++)
        if (!strcmp(file->classes.items[i]->name, name))
            return file->classes.items[i];
    return NULL;
}

static ork_torch_function *find_function(ork_torch *torch, const char *qualified_name)
{
    const char *dot = strrchr(qualified_name, '.');
    const char *module =
        ork_arena_strndup(torch->arena, qualified_name, (size_t)(dot - qualified_name));
    ork_torch_file *file = load_file(torch, module);
    for (size_t i = 0; file && i < file->functions.count; i++)
        if (!strcmp(file->functions.items[i]->name, dot + 1))
            return file->functions.items[i];
    return NULL;
}

/* ---- values without calls -------------------------------------------------------------- */

static ork_torch_value *constant(ork_torch *torch, const char *name)
{
    ork_torch_value *value = ork_map_get(torch->constants, name);
    if (value)
        return value;
    char *end;
    unsigned long index = strtoul(name + strlen("CONSTANTS.c"), &end, 10);
    ork_pickle_value *pickled = ork_pickle_item(torch->archive->constants, index);
    if (*end || !pickled)
        return bad_code(torch, "there is no constant", name);
    value =
        ork_torch_from_pickle(torch, pickled, ork_arena_printf(torch->arena, "constant%lu", index),
                              "constants", ORK_PICKLE_DEPTH);
    if (value)
        ork_map_set(torch->constants, name, value);
    return value;
}

static ork_torch_value *global(ork_torch *torch, const ork_torch_expr *expr)
{
    if (ork_starts_with(expr->text, "CONSTANTS.c"))
        return constant(torch, expr->text);
    if (!strcmp(expr->text, "inf"))
        return ork_torch_float(torch, (double)INFINITY, false);
    if (ork_starts_with(expr->text, "__torch__."))
        return scripted(torch,
                        ork_arena_printf(torch->arena, "it uses the function %s", expr->text));
    return bad_code(torch, "unknown name", expr->text);
}

static ork_torch_value *module_attribute(ork_torch *torch, ork_torch_module *module,
                                         const char *name)
{
    ork_torch_value *value = ork_map_get(module->attributes, name);
    if (value)
        return value;
    const char *path = *module->path ? ork_arena_printf(torch->arena, "%s.%s", module->path, name)
                                     : ork_arena_strdup(torch->arena, name);
    const ork_pickle_value *pickled = ork_pickle_get(module->object, name);
    if (pickled) {
        value = ork_torch_from_pickle(torch, pickled, path, "data", ORK_PICKLE_DEPTH);
    } else {
        ork_torch_expr *expr =
            module->type ? ork_torch_class_constant(torch->diag, torch->arena, module->type, name)
                         : NULL;
        if (!expr)
            return bad_code(torch, "there is no attribute", path);
        value = evaluate(torch, expr);
    }
    if (value)
        ork_map_set(module->attributes, name, value);
    return value;
}

static ork_torch_value *attribute_of(ork_torch *torch, ork_torch_value *object, const char *name)
{
    if (!object || object->kind == ORK_TORCH_UNKNOWN)
        return object;
    if (object->kind == ORK_TORCH_MODULE)
        return module_attribute(torch, object->module, name);
    if (object->kind == ORK_TORCH_UNAVAILABLE)
        return ork_build_unsupported(torch->build, "%s cannot be used", object->text);
    return bad_code(torch, "there is no attribute", name);
}

static ork_torch_value *sequence(ork_torch *torch, const ork_torch_expr *expr, ork_torch_kind kind)
{
    size_t count = expr->items.count;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = evaluate(torch, expr->items.items[i]);
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, kind, items, count);
}

/* Networks may return a dictionary; its values are the outputs. */
static ork_torch_value *values_of_dict(ork_torch *torch, const ork_torch_expr *expr)
{
    size_t count = expr->items.count / 2;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = evaluate(torch, expr->items.items[2 * i + 1]);
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, ORK_TORCH_TUPLE, items, count);
}

static ork_torch_value *subscript(ork_torch *torch, const ork_torch_expr *expr)
{
    ork_torch_value *object = evaluate(torch, expr->object);
    ork_torch_value *at = object ? evaluate(torch, expr->items.items[0]) : NULL;
    if (!at || object->kind == ORK_TORCH_UNKNOWN || at->kind == ORK_TORCH_UNKNOWN)
        return at ? ork_torch_new(torch, ORK_TORCH_UNKNOWN) : NULL;
    if (!ork_torch_is_sequence(object) || !ork_torch_is_number(at))
        return ork_build_unsupported(torch->build, "indexing %s",
                                     ork_torch_kind_names[object->kind]);
    int64_t index = ork_torch_as_int(at);
    if (index < 0)
        index += (int64_t)object->list.count;
    if (index < 0 || index >= (int64_t)object->list.count)
        return ork_build_unsupported(torch->build, "index %lld is out of range", (long long)index);
    return object->list.items[index];
}

static ork_torch_value *negative(ork_torch *torch, const ork_torch_expr *expr)
{
    ork_torch_value *value = evaluate(torch, expr->object);
    if (!value || value->kind == ORK_TORCH_UNKNOWN)
        return value;
    if (!ork_torch_is_number(value))
        return ork_build_unsupported(torch->build, "'-' before %s",
                                     ork_torch_kind_names[value->kind]);
    if (value->kind == ORK_TORCH_FLOAT)
        return ork_torch_float(torch, -value->number, value->is_single);
    return ork_torch_int(torch, (int64_t)(0 - (uint64_t)ork_torch_as_int(value)));
}

/* ---- builtin functions of the code ----------------------------------------------------- */

static ork_torch_value *to_int(ork_torch *torch, ork_torch_value *number)
{
    return ork_torch_int(torch, ork_torch_as_int(number));
}

static ork_torch_value *to_float(ork_torch *torch, ork_torch_value *number)
{
    return ork_torch_float(torch, ork_torch_as_double(number), false);
}

static ork_torch_value *to_bool(ork_torch *torch, ork_torch_value *number)
{
    return ork_torch_bool(torch, ork_torch_as_double(number) != 0);
}

static ork_torch_value *convert(ork_torch *torch, const ork_torch_expr *call,
                                ork_torch_value *(*to)(ork_torch *, ork_torch_value *))
{
    if (call->items.count != 1)
        return bad_code(torch, "wrong arguments of", call->object->text);
    ork_torch_value *value = evaluate(torch, call->items.items[0]);
    if (!value || value->kind == ORK_TORCH_UNKNOWN)
        return value;
    ork_torch_value *number = ork_torch_to_number(torch, value);
    if (number)
        return to(torch, number);
    if (ork_diag_error_id(torch->diag) != ORK_ERR_NONE)
        return NULL;
    ork_build_unsupported(torch->build, "%s() of %s that is known only when the network runs",
                          call->object->text, ork_torch_kind_names[value->kind]);
    ork_why(torch->diag, "a size or branch depends on the contents of the picture");
    return NULL;
}

static ork_torch_value *call_getattr(ork_torch *torch, const ork_torch_expr *call)
{
    if (call->items.count != 2 || call->items.items[1]->kind != ORK_TORCH_TEXT)
        return bad_code(torch, "wrong arguments of", "getattr");
    return attribute_of(torch, evaluate(torch, call->items.items[0]), call->items.items[1]->text);
}

/* annotate(type, value), unchecked_cast(type, value) */
static ork_torch_value *call_annotate(ork_torch *torch, const ork_torch_expr *call)
{
    if (call->items.count != 2)
        return bad_code(torch, "wrong arguments of", call->object->text);
    return evaluate(torch, call->items.items[1]);
}

static ork_torch_value *call_builtin(ork_torch *torch, const ork_torch_expr *call, bool *is_builtin)
{
    const char *name = call->object->text;
    *is_builtin = true;
    if (!strcmp(name, "int"))
        return convert(torch, call, to_int);
    if (!strcmp(name, "float"))
        return convert(torch, call, to_float);
    if (!strcmp(name, "bool"))
        return convert(torch, call, to_bool);
    if (!strcmp(name, "getattr"))
        return call_getattr(torch, call);
    if (!strcmp(name, "annotate") || !strcmp(name, "unchecked_cast"))
        return call_annotate(torch, call);
    if (!strcmp(name, "uninitialized"))
        return ork_torch_new(torch, ORK_TORCH_NONE);
    *is_builtin = false;
    return NULL;
}

/* ---- calls ----------------------------------------------------------------------------- */

static ork_torch_value **call_arguments(ork_torch *torch, const ork_torch_expr *call)
{
    ork_torch_value *list = sequence(torch, call, ORK_TORCH_LIST);
    return list ? list->list.items : NULL;
}

static bool has_keywords(const ork_torch_expr *call)
{
    for (size_t i = 0; call->keywords && i < call->items.count; i++)
        if (call->keywords[i])
            return true;
    return false;
}

static ork_torch_value *call_function(ork_torch *torch, const ork_torch_expr *call)
{
    ork_torch_function *function = find_function(torch, call->object->text);
    if (!function || has_keywords(call))
        return bad_code(torch, "there is no function", call->object->text);
    ork_torch_value **args = call_arguments(torch, call);
    return args ? ork_torch_call(torch, NULL, function, args, call->items.count) : NULL;
}

static ork_torch_value *call_global(ork_torch *torch, const ork_torch_expr *call)
{
    const char *name = call->object->text;
    bool is_builtin;
    ork_torch_value *value = call_builtin(torch, call, &is_builtin);
    if (is_builtin)
        return value;
    if (ork_starts_with(name, "__torch__."))
        return call_function(torch, call);
    if (!ork_starts_with(name, "torch.") && !ork_starts_with(name, "ops."))
        return scripted(torch, ork_arena_printf(torch->arena, "it calls %s()", name));
    ork_torch_value **args = call_arguments(torch, call);
    return args ? ork_torch_call_op(torch, name, args, call->keywords, call->items.count) : NULL;
}

static ork_torch_value *call_method(ork_torch *torch, const ork_torch_expr *call)
{
    const char *name = call->object->text;
    ork_torch_value *object = evaluate(torch, call->object->object);
    if (!object)
        return NULL;
    if (object->kind == ORK_TORCH_UNAVAILABLE)
        return ork_build_unsupported(torch->build, "%s cannot be used", object->text);
    if (object->kind != ORK_TORCH_MODULE)
        return scripted(torch, ork_arena_printf(torch->arena, "it calls .%s() on %s", name,
                                                ork_torch_kind_names[object->kind]));
    ork_torch_module *module = object->module;
    ork_torch_function *method = module->type ? ork_torch_find_method(module->type, name) : NULL;
    if (!method || has_keywords(call))
        return bad_code(torch, "there is no method",
                        ork_arena_printf(torch->arena, "%s.%s", module->path, name));
    ork_torch_value **args = call_arguments(torch, call);
    return args ? ork_torch_call(torch, module, method, args, call->items.count) : NULL;
}

/* ---- expressions ----------------------------------------------------------------------- */

static ork_torch_value *local(ork_torch *torch, const ork_torch_expr *expr)
{
    ork_torch_value *value = torch->frame ? torch->frame->slots[expr->slot] : NULL;
    return value ? value : bad_code(torch, "used before it is set:", expr->text);
}

static ork_torch_value *evaluate_kind(ork_torch *torch, const ork_torch_expr *expr)
{
    switch (expr->kind) {
    case ORK_TORCH_LOCAL:
        return local(torch, expr);
    case ORK_TORCH_GLOBAL:
        return global(torch, expr);
    case ORK_TORCH_INTEGER:
        return ork_torch_int(torch, expr->integer);
    case ORK_TORCH_NUMBER:
        return ork_torch_float(torch, expr->number, false);
    case ORK_TORCH_TEXT:
        return ork_torch_text(torch, ORK_TORCH_STRING, expr->text);
    case ORK_TORCH_TRUE:
    case ORK_TORCH_FALSE:
        return ork_torch_bool(torch, expr->kind == ORK_TORCH_TRUE);
    case ORK_TORCH_NOTHING:
        return ork_torch_new(torch, ORK_TORCH_NONE);
    case ORK_TORCH_ATTRIBUTE:
        return attribute_of(torch, evaluate(torch, expr->object), expr->text);
    case ORK_TORCH_CALLING:
        if (expr->object->kind == ORK_TORCH_GLOBAL)
            return call_global(torch, expr);
        if (expr->object->kind == ORK_TORCH_ATTRIBUTE)
            return call_method(torch, expr);
        return bad_code(torch, "a call of", "something that has no name");
    case ORK_TORCH_LISTING:
        return sequence(torch, expr, ORK_TORCH_LIST);
    case ORK_TORCH_TUPLING:
        return sequence(torch, expr, ORK_TORCH_TUPLE);
    case ORK_TORCH_DICTING:
        return values_of_dict(torch, expr);
    case ORK_TORCH_SUBSCRIPT:
        return subscript(torch, expr);
    case ORK_TORCH_NEGATIVE:
        return negative(torch, expr);
    }
    return NULL;
}

static ork_torch_value *evaluate(ork_torch *torch, const ork_torch_expr *expr)
{
    if (torch->steps_left == 0)
        return ork_build_unsupported(torch->build, "the code is too long");
    if (torch->depth >= MAX_EXPRESSIONS)
        return ork_build_unsupported(torch->build, "the code is nested too deeply");
    torch->steps_left--;
    torch->depth++;
    ork_torch_value *value = evaluate_kind(torch, expr);
    torch->depth--;
    return value;
}

/* ---- statements ------------------------------------------------------------------------ */

static bool unpack(ork_torch *torch, const ork_torch_statement *statement, ork_torch_value *value)
{
    size_t count = statement->targets.count;
    bool unknown = value->kind == ORK_TORCH_UNKNOWN;
    if (!unknown && (!ork_torch_is_sequence(value) || value->list.count != count))
        return ork_build_unsupported(torch->build, "%s does not unpack into %zu names",
                                     ork_torch_kind_names[value->kind], count) != NULL;
    for (size_t i = 0; i < count; i++)
        torch->frame->slots[statement->targets.items[i]] =
            unknown ? ork_torch_new(torch, ORK_TORCH_UNKNOWN) : value->list.items[i];
    return true;
}

/* The truth of a branch or loop, which must be known. */
static ork_torch_value *condition(ork_torch *torch, const ork_torch_statement *statement)
{
    const ork_torch_expr *expr = statement->expr;
    bool is_bool = expr->kind == ORK_TORCH_CALLING && expr->object->kind == ORK_TORCH_GLOBAL &&
                   !strcmp(expr->object->text, "bool") && expr->items.count == 1;
    ork_torch_value *value = evaluate(torch, is_bool ? expr->items.items[0] : expr);
    if (!value)
        return NULL;
    if (value->kind == ORK_TORCH_UNKNOWN) {
        ork_torch_fail_unknown(torch);
        return NULL;
    }
    ork_torch_value *number = ork_torch_to_number(torch, value);
    if (!number && ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
        return scripted(torch,
                        ork_arena_printf(torch->arena,
                                         "its code has '%s' on %s that is known only when the "
                                         "network runs",
                                         statement->text, ork_torch_kind_names[value->kind]));
    return number ? to_bool(torch, number) : NULL;
}

static bool run_block(ork_torch *torch, const ork_torch_block *block, ork_torch_value **result);

static bool run_if(ork_torch *torch, const ork_torch_statement *statement, ork_torch_value **result)
{
    ork_torch_value *truth = condition(torch, statement);
    return truth &&
           run_block(torch, truth->boolean ? statement->body : statement->otherwise, result);
}

static bool run_while(ork_torch *torch, const ork_torch_statement *statement,
                      ork_torch_value **result)
{
    while (!*result) {
        torch->frame->line = statement->line;
        ork_torch_value *truth = condition(torch, statement); /* each look counts as a step */
        if (!truth || !truth->boolean)
            return truth != NULL;
        if (!run_block(torch, statement->body, result))
            return false;
    }
    return true;
}

/* begin, end and step of range(...) */
static bool range_of(ork_torch *torch, const ork_torch_expr *call, int64_t range[3])
{
    size_t count = call->items.count;
    if (count < 1 || count > 3)
        return bad_code(torch, "wrong arguments of", "range") != NULL;
    for (size_t i = 0; i < count; i++) {
        ork_torch_value *value = evaluate(torch, call->items.items[i]);
        if (value && value->kind == ORK_TORCH_UNKNOWN)
            return ork_torch_fail_unknown(torch);
        ork_torch_value *number = value ? ork_torch_to_number(torch, value) : NULL;
        if (value && !number && ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
            return scripted(torch,
                            "its code has a loop whose length is known only when the network "
                            "runs") != NULL;
        if (!number)
            return false;
        range[count == 1 ? 1 : i] = ork_torch_as_int(number);
    }
    return range[2] != 0 || bad_code(torch, "wrong arguments of", "range") != NULL;
}

static bool run_for(ork_torch *torch, const ork_torch_statement *statement,
                    ork_torch_value **result)
{
    int64_t range[] = {0, 0, 1};
    if (!range_of(torch, statement->expr, range))
        return false;
    for (int64_t i = range[0]; !*result && (range[2] > 0 ? i < range[1] : i > range[1]);) {
        if (torch->steps_left == 0)
            return ork_build_unsupported(torch->build, "the code is too long") != NULL;
        torch->steps_left--;
        torch->frame->slots[statement->targets.items[0]] = ork_torch_int(torch, i);
        if (!run_block(torch, statement->body, result))
            return false;
        if (range[2] > 0 ? i > INT64_MAX - range[2] : i < INT64_MIN - range[2])
            break;
        i += range[2];
    }
    return true;
}

/* *result is set by a return. */
static bool execute(ork_torch *torch, const ork_torch_statement *statement,
                    ork_torch_value **result)
{
    torch->frame->line = statement->line;
    if (statement->kind == ORK_TORCH_CONTROL_FLOW)
        return scripted(torch, ork_arena_printf(torch->arena, "its code has '%s'",
                                                statement->text)) != NULL;
    if (statement->kind == ORK_TORCH_IF)
        return run_if(torch, statement, result);
    if (statement->kind == ORK_TORCH_WHILE)
        return run_while(torch, statement, result);
    if (statement->kind == ORK_TORCH_FOR)
        return run_for(torch, statement, result);
    ork_torch_value *value =
        statement->expr ? evaluate(torch, statement->expr) : ork_torch_new(torch, ORK_TORCH_NONE);
    if (!value)
        return false;
    if (statement->kind == ORK_TORCH_ASSIGN)
        torch->frame->slots[statement->targets.items[0]] = value;
    else if (statement->kind == ORK_TORCH_UNPACK)
        return unpack(torch, statement, value);
    else if (statement->kind == ORK_TORCH_RETURN)
        *result = value;
    return true;
}

static bool run_block(ork_torch *torch, const ork_torch_block *block, ork_torch_value **result)
{
    bool good = true;
    for (size_t i = 0; good && !*result && block && i < block->statements.count; i++)
        good = execute(torch, &block->statements.items[i], result);
    return good;
}

static bool fill_parameters(ork_torch *torch, ork_torch_frame *frame, ork_torch_value *const *args,
                            size_t count)
{
    const ork_torch_function *function = frame->function;
    size_t given = 0;
    if (frame->module && function->parameters.count > 0) {
        frame->slots[0] = ork_torch_new(torch, ORK_TORCH_MODULE);
        frame->slots[0]->module = (ork_torch_module *)frame->module;
        given = 1;
    }
    if (given + count > function->parameters.count)
        return bad_code(torch, "too many arguments of", function->name) != NULL;
    for (size_t i = 0; i < count; i++)
        frame->slots[given + i] = args[i];
    for (size_t i = given + count; i < function->parameters.count; i++) {
        ork_torch_expr *standard = function->parameters.items[i].standard;
        frame->slots[i] = standard ? evaluate(torch, standard) : NULL;
        if (!frame->slots[i])
            return bad_code(torch, "too few arguments of", function->name) != NULL;
    }
    return true;
}

ork_torch_value *ork_torch_call(ork_torch *torch, const ork_torch_module *module,
                                ork_torch_function *function, ork_torch_value *const *args,
                                size_t count)
{
    int depth = torch->frame ? torch->frame->depth + 1 : 0;
    if (depth >= MAX_CALLS)
        return ork_build_unsupported(torch->build, "methods call each other more than %d deep",
                                     MAX_CALLS);
    if (!ork_torch_parse_function(torch->diag, torch->arena, function))
        return NULL;
    ork_torch_frame frame = {.caller = torch->frame,
                             .module = module,
                             .function = function,
                             .line = function->line,
                             .depth = depth};
    if (torch->steps_left < (size_t)function->slot_count)
        return ork_build_unsupported(torch->build, "the code is too long");
    torch->steps_left -= (size_t)function->slot_count;
    frame.slots = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, (size_t)function->slot_count + 1);
    torch->frame = &frame;
    ork_torch_value *result = NULL;
    bool good =
        fill_parameters(torch, &frame, args, count) && run_block(torch, &function->body, &result);
    torch->frame = frame.caller;
    if (!good)
        return NULL;
    return result ? result : ork_torch_new(torch, ORK_TORCH_NONE);
}
