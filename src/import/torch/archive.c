/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the zip container of torch.jit.save. */
#include "script.h"

#include <stdlib.h>
#include <string.h>

/* torch 1.4 wrote version 2; 10 is what torch 1.13 and later write. */
enum { OLDEST_VERSION = 2, NEWEST_VERSION = 10 };

const char *ork_torch_archive_root(ork_arena *arena, const ork_zip *zip)
{
    const char *name = ork_zip_count(zip) > 0 ? ork_zip_name(zip, 0) : "";
    const char *slash = strchr(name, '/');
    return slash ? ork_arena_strndup(arena, name, (size_t)(slash - name) + 1) : "";
}

bool ork_torch_find_record(ork_arena *arena, const ork_torch_archive *archive, const char *name,
                           size_t *index)
{
    const char *full = ork_arena_printf(arena, "%s%s", archive->root, name);
    return ork_zip_find(archive->zip, full, index);
}

bool ork_torch_record(ork_diag *diag, const ork_torch_archive *archive, const char *name,
                      ork_arena *inflate_into, ork_bytes *bytes)
{
    size_t index;
    if (!ork_torch_find_record(inflate_into, archive, name, &index)) {
        ork_fail(diag, ORK_ERR_ZIP, "the record %s%s is missing", archive->root, name);
        return ork_why(diag, "the file is incomplete");
    }
    return ork_zip_entry_bytes(diag, archive->zip, index, inflate_into, bytes);
}

static bool read_pickle(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                        const char *name, ork_pickle_value **value)
{
    ork_bytes bytes;
    if (!ork_torch_record(diag, archive, name, arena, &bytes))
        return false;
    return ork_pickle_read(diag, arena, bytes, value, NULL) ||
           ork_where(diag, "record %s%s", archive->root, name);
}

static bool check_version(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive)
{
    static const char *const names[] = {"version", ".data/version"};
    size_t index;
    for (size_t i = 0; i < ORK_COUNT(names); i++) {
        ork_bytes bytes;
        if (!ork_torch_find_record(arena, archive, names[i], &index))
            continue;
        if (!ork_torch_record(diag, archive, names[i], arena, &bytes))
            return false;
        char text[16] = "";
        memcpy(text, bytes.data, ork_min_size(bytes.size, sizeof(text) - 1));
        long version = strtol(text, NULL, 10);
        if (version >= OLDEST_VERSION && version <= NEWEST_VERSION)
            return true;
        ork_fail(diag, ORK_ERR_MODEL_FORMAT, "the file has version %ld; %d to %d can be read",
                 version, OLDEST_VERSION, NEWEST_VERSION);
        return ork_fix(diag, "export the model again with torch 1.5 or newer");
    }
    return true;
}

bool ork_torch_check_byte_order(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive)
{
    size_t index;
    ork_bytes bytes;
    if (!ork_torch_find_record(arena, archive, "byteorder", &index))
        return true;
    if (!ork_zip_entry_bytes(diag, archive->zip, index, arena, &bytes))
        return false;
    if (bytes.size >= 3 && !memcmp(bytes.data, "big", 3)) {
        ork_fail(diag, ORK_ERR_MODEL_FORMAT, "the weights are stored in big-endian order");
        return ork_fix(diag, "export the model again on a little-endian machine");
    }
    return true;
}

bool ork_torch_archive_open(ork_diag *diag, ork_arena *arena, ork_zip *zip,
                            ork_torch_archive *archive)
{
    *archive = (ork_torch_archive){.zip = zip, .root = ork_torch_archive_root(arena, zip)};
    return check_version(diag, arena, archive) &&
           ork_torch_check_byte_order(diag, arena, archive) &&
           read_pickle(diag, arena, archive, "data.pkl", &archive->module) &&
           read_pickle(diag, arena, archive, "constants.pkl", &archive->constants);
}
