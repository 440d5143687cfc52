/* SPDX-License-Identifier: Apache-2.0 */
/* Which board this is. */
#include "npu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of boards and chips, "rockchip,rk1808-evb", each with a 0 behind it, the most special
   first: see "compatible" in the Devicetree Specification. */
static const ork_soc *find_compatible(const char *names, size_t size)
{
    static const char maker[] = "rockchip,";
    for (size_t at = 0; at < size; at += strlen(names + at) + 1) {
        const bool ours = strncmp(names + at, maker, strlen(maker)) == 0;
        const ork_soc *soc = ours ? ork_soc_find(names + at + strlen(maker)) : NULL;
        if (soc)
            return soc;
    }
    return NULL;
}

const ork_soc *ork_soc_here(void)
{
    char names[512] = "";
    const char *told = getenv("ORK_BOARD");
    if (told)
        return ork_soc_find(told);
    FILE *file = fopen("/proc/device-tree/compatible", "re");
    const size_t size = file ? fread(names, 1, sizeof(names) - 1, file) : 0;
    if (file)
        fclose(file);
    return find_compatible(names, size);
}

bool ork_soc_check_here(ork_diag *diag, ork_family family)
{
    const ork_soc *here = ork_soc_here();
    if (!here || here->family == family)
        return true;
    ork_fail(diag, ORK_ERR_TARGET, "the model is pre-compiled for chips of another family than %s",
             here->name);
    return ork_fix(diag, "build it with config(target_platform='%s')", here->name);
}
