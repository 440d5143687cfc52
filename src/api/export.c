/* SPDX-License-Identifier: Apache-2.0 */
/* What is written of a built model. */
#include "internal.h"

#include "../npu/npu.h"
#include "../rknn/rknn.h"

#include <ctype.h>
#include <string.h>

static bool check_built(ork_model *model)
{
    ork_diag_clear(model->diag);
    if (model->built)
        return true;
    ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no built model to export");
    return ork_fix(model->diag, "call build() first");
}

/* For this computer's processor; nothing of it depends on the number of threads. */
static bool write_packed(ork_model *model, const char *path)
{
    ork_plan_options options = {0};
    const char *target = *model->built->target ? model->built->target : "rk1808";
    if (!ork_soc_family(model->diag, target, &options.family))
        return false;
    ork_plan *plan = ork_plan_new(model->diag, model->built, &options);
    const bool good = plan && ork_rknn_write_packed(model->diag, model->built,
                                                    ork_plan_packing(plan), path, NULL, NULL);
    ork_plan_free(plan);
    return good;
}

bool ork_model_export_precompiled(ork_model *model, const char *path)
{
    return check_built(model) && write_packed(model, path);
}

bool ork_model_export(ork_model *model, const char *path)
{
    if (!check_built(model))
        return false;
    return model->pre_compile ? write_packed(model, path)
                              : ork_rknn_write(model->diag, model->built, path);
}

static ork_node *node_of(const ork_graph *graph, int uid)
{
    ork_node *node = uid > 0 ? graph->first : NULL;
    for (int at = 1; node && at < uid; at++)
        node = node->next;
    return node;
}

bool ork_model_mark_sync(ork_model *model, const int *uids, int count)
{
    if (!check_built(model))
        return false;
    for (int i = 0; i < count; i++)
        if (!node_of(model->built, uids[i])) {
            ork_fail(model->diag, ORK_ERR_USAGE, "there is no layer of uid %d", uids[i]);
            return ork_fix(model->diag, "give numbers of the column Uid that eval_perf() prints "
                                        "after init_runtime(perf_debug=True)");
        }
    for (int i = 0; i < count; i++)
        node_of(model->built, uids[i])->sync = true;
    return true;
}

bool ork_model_write_quant_params(ork_model *model, const char *path, bool only_io)
{
    if (!check_built(model))
        return false;
    ork_output *output = ork_output_open(model->diag, path);
    if (!output)
        return false;
    ork_str text = {0};
    ork_rknn_put_quant_params(model->built, only_io, &text);
    ork_output_write(output, text.text, text.length);
    ork_str_free(&text);
    return ork_output_commit(output);
}

const ork_target_info *ork_target_at(int index)
{
    static _Thread_local ork_target_info info;
    if (index < 0 || (size_t)index >= ork_soc_count())
        return NULL;
    info = (ork_target_info){ork_soc_at((size_t)index)->name, ork_soc_at((size_t)index)->family};
    return &info;
}

#define STARS "**************************************************\n"

static void put_upper(ork_str *out, const char *name)
{
    for (; *name; name++)
        ork_str_printf(out, "%c", toupper((unsigned char)*name));
}

static void put_family(ork_str *out, ork_family family, const char *between, const char *quote)
{
    bool first = true;
    for (size_t i = 0; i < ork_soc_count(); i++) {
        if (ork_soc_at(i)->family != family)
            continue;
        ork_str_printf(out, "%s%s", first ? "" : between, quote);
        put_upper(out, ork_soc_at(i)->name);
        ork_str_printf(out, "%s", quote);
        first = false;
    }
}

/* "rk1808,rk3399pro" as ['rk1808', 'rk3399pro']. */
static void put_filled(ork_str *out, const char *targets)
{
    ork_str_printf(out, "[");
    for (const char *at = targets; *at;) {
        const size_t length = strcspn(at, ",");
        ork_str_printf(out, "%s'%.*s'", at == targets ? "" : ", ", (int)length, at);
        at += length + (at[length] == ',');
    }
    ork_str_printf(out, "]\n");
}

char *ork_targets_text(const ork_model *model)
{
    ork_str out = {0};
    ork_str_printf(&out, STARS);
    if (model && model->built) {
        const ork_soc *soc = NULL;
        const char *targets = model->built->target;
        char first[32] = "";
        strncat(first, targets, ork_min_size(strcspn(targets, ","), sizeof(first) - 1));
        soc = ork_soc_find(first);
        ork_str_printf(&out, "Target platforms filled in RKNN model:         ");
        put_filled(&out, targets);
        ork_str_printf(&out, "Target platforms supported by this RKNN model: [");
        if (soc)
            put_family(&out, soc->family, ", ", "'");
        ork_str_printf(&out, "]\n");
    } else {
        ork_str_printf(&out, "All RKNN Toolkit supported target platforms:\nchip family 1: ");
        put_family(&out, ORK_FAMILY_LION, ",", "");
        ork_str_printf(&out, "\nchip family 2: ");
        put_family(&out, ORK_FAMILY_PUMA, ",", "");
        ork_str_printf(&out, "\n");
    }
    ork_str_printf(&out, STARS);
    return out.text;
}
