/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each chip. */
#ifndef ORK_NPU_H
#define ORK_NPU_H

#include "../base/base.h"
#include <openrknn/types.h>

typedef struct ork_soc {
    const char *name; /* "rk1808" */
    ork_family family;
    const char *family_name; /* "LION" */
} ork_soc;

size_t ork_soc_count(void);
const ork_soc *ork_soc_at(size_t index);
/* NULL when there is no such chip. Case does not matter. */
const ork_soc *ork_soc_find(const char *name);

/* A comma separated list of chips, as in target_platform: all must be known and of one family.
   False with ORK_ERR_TARGET. */
bool ork_soc_family(ork_diag *diag, const char *targets, ork_family *family);

#endif
