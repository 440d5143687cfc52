/* SPDX-License-Identifier: Apache-2.0 */
/* Boards: which there are, and networks on them. */
#include "internal.h"

#include "../npu/npu.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

struct ork_device_list {
    ork_arena *arena;
    ork_device_rows rows;
    ork_device *items;
};

ork_device_list *ork_devices_find(ork_model *model)
{
    ork_diag_clear(model->diag);
    ork_arena *arena = ork_arena_new();
    ork_device_list *list = ORK_NEW(arena, ork_device_list);
    list->arena = arena;
    if (!ork_devices_list(model->diag, arena, &list->rows)) {
        ork_arena_free(arena);
        return NULL;
    }
    list->items = ORK_NEW_ARRAY(arena, ork_device, list->rows.count + 1);
    for (size_t i = 0; i < list->rows.count; i++) {
        const ork_device_row *row = &list->rows.items[i];
        list->items[i] =
            (ork_device){row->id, row->state, row->model, row->error, row->problem, row->fix};
    }
    return list;
}

void ork_devices_free(ork_device_list *list)
{
    if (list)
        ork_arena_free(list->arena);
}

int ork_devices_count(const ork_device_list *list)
{
    return (int)list->rows.count;
}

const ork_device *ork_devices_at(const ork_device_list *list, int index)
{
    return index >= 0 && index < ork_devices_count(list) ? &list->items[index] : NULL;
}

struct ork_checkup {
    ork_arena *arena;
    ork_checkup_rows rows;
    ork_checkup_item *items;
};

ork_checkup *ork_checkup_new(const char *device_id)
{
    ork_arena *arena = ork_arena_new();
    ork_checkup *checkup = ORK_NEW(arena, ork_checkup);
    checkup->arena = arena;
    ork_checkup_run(arena, device_id, device_id != NULL, &checkup->rows);
    checkup->items = ORK_NEW_ARRAY(arena, ork_checkup_item, checkup->rows.count + 1);
    for (size_t i = 0; i < checkup->rows.count; i++) {
        const ork_checkup_row *row = &checkup->rows.items[i];
        checkup->items[i] =
            (ork_checkup_item){row->name, row->is_good, row->text, row->error, row->fix};
    }
    return checkup;
}

void ork_checkup_free(ork_checkup *checkup)
{
    if (checkup)
        ork_arena_free(checkup->arena);
}

int ork_checkup_count(const ork_checkup *checkup)
{
    return (int)checkup->rows.count;
}

const ork_checkup_item *ork_checkup_at(const ork_checkup *checkup, int index)
{
    return index >= 0 && index < ork_checkup_count(checkup) ? &checkup->items[index] : NULL;
}

/* ---- the right chip ---- */

static const char *model_targets(const ork_model *model)
{
    return *model->built->target ? model->built->target : "rk1808";
}

/* The chip in the names of a device tree, "rockchip,rk1808-evb rockchip,rk1808", or of --chip; NULL
   when none is known. Of rk3399pro and others the longest name that fits. */
static const ork_soc *find_soc(const char *names)
{
    const ork_soc *found = NULL;
    for (size_t i = 0; i < ork_soc_count(); i++) {
        const ork_soc *soc = ork_soc_at(i);
        if (strstr(names, soc->name) && (!found || strlen(soc->name) > strlen(found->name)))
            found = soc;
    }
    return found;
}

static bool check_family(ork_model *model, const ork_soc *soc, ork_family family)
{
    if (soc->family == family)
        return true;
    ork_fail(model->diag, ORK_ERR_TARGET, "the model is built for %s, but this is a %s",
             model_targets(model), soc->name);
    ork_why(model->diag, "the two compute with different roundings");
    return ork_fix(model->diag, "build it again with config(target_platform='%s')", soc->name);
}

static bool check_board(ork_model *model, const ork_board_info *board, const ork_soc *wanted,
                        ork_family family)
{
    const ork_soc *soc = find_soc(board->chip);
    if (!soc) {
        ork_log(model->diag, ORK_LOG_NOTE, "the board does not tell its chip; it computes as %s",
                model_targets(model));
        return true;
    }
    if (!wanted || wanted == soc)
        return check_family(model, soc, family);
    ork_fail(model->diag, ORK_ERR_DEVICE_CHIP, "the board is a %s, not a %s", soc->name,
             wanted->name);
    ork_where(model->diag, "%s", board->id);
    ork_why(model->diag, "it says: %s", board->chip);
    return ork_fix(model->diag, "call init_runtime(target='%s'), or name another board", soc->name);
}

/* NULL in *soc when no chip was named. */
static bool find_wanted(ork_model *model, const char *target, const ork_soc **soc)
{
    ork_family family;
    *soc = NULL;
    if (!target || !*target || strcmp(target, "simulator") == 0)
        return true;
    *soc = ork_soc_find(target);
    return *soc || ork_soc_family(model->diag, target, &family);
}

ork_remote *remote_new(ork_model *model, const ork_session_options *options, bool layers)
{
    const ork_soc *wanted;
    ork_remote_options remote = {.threads = options->threads, .layers = layers};
    if (!find_wanted(model, options->target, &wanted) ||
        !ork_soc_family(model->diag, model_targets(model), &remote.family) ||
        (wanted && !check_family(model, wanted, remote.family)))
        return NULL;
    ork_link *link = ork_link_open(model->diag, options->device_id);
    if (!link)
        return NULL;
    const ork_board_info board = ork_link_board(link);
    if (check_board(model, &board, wanted, remote.family))
        return ork_remote_new(model->diag, link, model->built, &remote);
    ork_link_free(link);
    return NULL;
}

bool ork_session_board(const ork_session *session, ork_board_details *board)
{
    if (!session->remote)
        return false;
    const ork_board_info info = ork_remote_board(session->remote);
    *board = (ork_board_details){info.id, info.version, info.machine, info.chip, info.processors};
    return true;
}
