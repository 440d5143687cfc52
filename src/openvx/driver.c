/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the driver. */
#include "driver.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef void (*any_fn)(void);

static const struct entry {
    const char *name;
    size_t offset; /* in vx_calls */
    bool needed;
} entries[] = {
#define ALL  true
#define SOME false
#define ORK_VX_ENTRY(needed, result, name, parameters)                                             \
    {#name, offsetof(struct vx_calls, name), needed},
#include "entries.def"
#undef ORK_VX_ENTRY
#undef ALL
#undef SOME
};

static any_fn *place_of(const ork_openvx *driver, size_t index)
{
    return (any_fn *)(void *)((char *)(uintptr_t)&driver->call + entries[index].offset);
}

static bool find_entries(ork_openvx *driver, ork_diag *diag)
{
    for (size_t i = 0; i < ORK_COUNT(entries); i++) {
        void *found = dlsym(driver->library, entries[i].name);
        memcpy(place_of(driver, i), &found, sizeof(found)); /* as POSIX has it */
        if (!found && entries[i].needed) {
            ork_fail(diag, ORK_ERR_DEVICE, "%s has no %s", driver->name, entries[i].name);
            return ork_why(diag, "it is no OpenVX driver with tensors");
        }
    }
    return true;
}

static bool open_library(ork_openvx *driver, ork_diag *diag)
{
    driver->library = dlopen(driver->name, RTLD_NOW | RTLD_LOCAL);
    if (!driver->library) {
        const char *why = dlerror();
        ork_fail(diag, ORK_ERR_DEVICE, "there is no driver of an NPU here: %s", driver->name);
        ork_why(diag, "%s", why ? why : "");
        return ork_fix(diag,
                       "on a board, install the vendor's driver, or tell with ORK_OPENVX where "
                       "it is; elsewhere everything is computed by the processor");
    }
    if (!find_entries(driver, diag))
        return false;
    driver->context = driver->call.vxCreateContext();
    return driver->context || ork_fail(diag, ORK_ERR_DEVICE, "%s finds no NPU", driver->name);
}

ork_openvx *ork_openvx_open(ork_diag *diag, const char *path)
{
    const char *told = getenv("ORK_OPENVX");
    ork_openvx *driver = calloc(1, sizeof(*driver));
    if (!driver)
        abort();
    driver->name = strdup(path ? path : told ? told : "libOpenVX.so.1");
    if (driver->name && open_library(driver, diag))
        return driver;
    ork_openvx_close(driver);
    return NULL;
}

void ork_openvx_close(ork_openvx *driver)
{
    if (!driver)
        return;
    if (driver->context)
        driver->call.vxReleaseContext(&driver->context);
    if (driver->library)
        dlclose(driver->library);
    free(driver->name);
    free(driver);
}

const char *ork_openvx_name(const ork_openvx *driver)
{
    return driver->name;
}

const char *ork_openvx_entry(const ork_openvx *driver, size_t index, bool *found)
{
    if (index >= ORK_COUNT(entries))
        return NULL;
    *found = *place_of(driver, index) != NULL;
    return entries[index].name;
}
