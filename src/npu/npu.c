/* SPDX-License-Identifier: Apache-2.0 */
#include "npu.h"

#include <string.h>
#include <strings.h>

static const ork_soc socs[] = {
#define ORK_SOC(name, family, npu, memory) {#name, ORK_FAMILY_##family, #family, npu, memory},
#include "socs.def"
#undef ORK_SOC
};

size_t ork_soc_count(void)
{
    return ORK_COUNT(socs);
}

const ork_soc *ork_soc_at(size_t index)
{
    return &socs[index];
}

const ork_soc *ork_soc_find(const char *name)
{
    for (size_t i = 0; i < ORK_COUNT(socs); i++)
        if (strcasecmp(socs[i].name, name) == 0)
            return &socs[i];
    return NULL;
}

static bool fail_unknown(ork_diag *diag, const char *name)
{
    const char *names[ORK_COUNT(socs)];
    for (size_t i = 0; i < ORK_COUNT(socs); i++)
        names[i] = socs[i].name;
    const char *near = ork_nearest_name(name, names, ORK_COUNT(socs));
    ork_fail(diag, ORK_ERR_TARGET, "there is no target platform '%s'", name);
    if (near)
        return ork_fix(diag, "did you mean '%s'?", near);
    return ork_fix(diag, "use rk1806, rk1808 or rk3399pro, or rv1109 or rv1126");
}

bool ork_soc_family(ork_diag *diag, const char *targets, ork_family *family)
{
    const ork_soc *first = NULL;
    while (*targets) {
        char name[32];
        size_t length = strcspn(targets, ", ");
        size_t kept = ork_min_size(length, sizeof(name) - 1);
        memcpy(name, targets, kept);
        name[kept] = '\0';
        targets += length + strspn(targets + length, ", ");
        const ork_soc *soc = ork_soc_find(name);
        if (!soc)
            return fail_unknown(diag, name);
        if (first && soc->family != first->family) {
            ork_fail(diag, ORK_ERR_TARGET, "%s and %s cannot share a model", first->name,
                     soc->name);
            ork_why(diag, "they are of the families %s and %s, which compute differently",
                    first->family_name, soc->family_name);
            return ork_fix(diag, "build one model for rk1806, rk1808, rk3399pro and another for "
                                 "rv1109, rv1126");
        }
        first = first ? first : soc;
    }
    if (!first)
        return fail_unknown(diag, "");
    *family = first->family;
    return true;
}
