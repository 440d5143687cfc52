/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ork_error_info ork_error_table[ORK_ERR_COUNT] = {
    [ORK_ERR_NONE] = {"", "", "", 0},
#define ORK_ERROR(symbol, id, name, exit_code, fix) [ORK_ERR_##symbol] = {id, name, fix, exit_code},
#include "errors.def"
#undef ORK_ERROR
};

struct ork_diag {
    ork_error_id id;
    ork_str what, where, why, fix;
    ork_error view; /* what ork_diag_error hands out; points into the texts above */
    ork_log_fn log;
    void *log_user;
    ork_log_level log_up_to;
    ork_progress_fn progress;
    void *progress_user;
};

ork_diag *ork_diag_new(void)
{
    ork_diag *diag = calloc(1, sizeof(*diag));
    if (!diag)
        abort();
    return diag;
}

void ork_diag_free(ork_diag *diag)
{
    if (!diag)
        return;
    ork_str_free(&diag->what);
    ork_str_free(&diag->where);
    ork_str_free(&diag->why);
    ork_str_free(&diag->fix);
    free(diag);
}

void ork_diag_set_log(ork_diag *diag, ork_log_fn log, void *user, ork_log_level up_to)
{
    diag->log = log;
    diag->log_user = user;
    diag->log_up_to = up_to;
}

void ork_diag_set_progress(ork_diag *diag, ork_progress_fn progress, void *user)
{
    diag->progress = progress;
    diag->progress_user = user;
}

void ork_diag_clear(ork_diag *diag)
{
    diag->id = ORK_ERR_NONE;
    diag->what.length = diag->where.length = diag->why.length = diag->fix.length = 0;
}

ork_error_id ork_diag_error_id(const ork_diag *diag)
{
    return diag->id;
}

static const char *text_of(const ork_str *str)
{
    return str->length ? str->text : "";
}

const ork_error *ork_diag_error(const ork_diag *diag)
{
    const ork_error_info *info = &ork_error_table[diag->id];
    ork_error *view = &((ork_diag *)diag)->view;
    *view = (ork_error){
        .id = info->id,
        .name = info->name,
        .what = text_of(&diag->what),
        .where = text_of(&diag->where),
        .why = text_of(&diag->why),
        .fix = diag->fix.length ? diag->fix.text : info->fix,
        .exit_code = info->exit_code,
    };
    return view;
}

static void set_text(ork_str *str, const char *format, va_list args) ORK_PRINTF(2, 0);
static void set_text(ork_str *str, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length > 0) {
        char *text = malloc((size_t)length + 1);
        if (text) {
            vsnprintf(text, (size_t)length + 1, format, again);
            ork_str_append(str, text, (size_t)length);
            free(text);
        }
    }
    va_end(again);
}

bool ork_fail(ork_diag *diag, ork_error_id id, const char *what, ...)
{
    ork_diag_clear(diag);
    diag->id = id;
    va_list args;
    va_start(args, what);
    set_text(&diag->what, what, args);
    va_end(args);
    return false;
}

/* The three additions differ only in the text they fill. */
#define ADD_TEXT(function, field)                                                                  \
    bool function(ork_diag *diag, const char *format, ...)                                         \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        if (!diag->field.length)                                                                   \
            set_text(&diag->field, format, args);                                                  \
        va_end(args);                                                                              \
        return false;                                                                              \
    }
ADD_TEXT(ork_where, where)
ADD_TEXT(ork_why, why)
ADD_TEXT(ork_fix, fix)

bool ork_where_more(ork_diag *diag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_text(&diag->where, format, args);
    va_end(args);
    return false;
}

void ork_log(ork_diag *diag, ork_log_level level, const char *format, ...)
{
    if (!diag->log || level > diag->log_up_to)
        return;
    ork_str text = {0};
    va_list args;
    va_start(args, format);
    set_text(&text, format, args);
    va_end(args);
    diag->log(diag->log_user, level, text_of(&text));
    ork_str_free(&text);
}

bool ork_progress(ork_diag *diag, const char *stage, uint64_t done, uint64_t total)
{
    if (!diag->progress || diag->progress(diag->progress_user, stage, done, total))
        return true;
    return ork_fail(diag, ORK_ERR_CANCELLED, "cancelled while %s (%llu of %llu done)", stage,
                    (unsigned long long)done, (unsigned long long)total);
}
