/* SPDX-License-Identifier: Apache-2.0 */
/* Records of archives of torch.export. Two layouts: since torch 2.7 models/NAME.json beside
   data/weights and data/constants; before, one JSON file beside files of torch.save. */
#include "export.h"

#include <stdarg.h>
#include <string.h>

/* Versions of the JSON. Since 5 a value of several possible kinds is an object with one member. */
enum { OLDEST_SCHEMA = 5, NEWEST_SCHEMA = 8 };

static const char old_program[] = "serialized_exported_program.json";

static bool fix_export(ork_diag *diag)
{
    return ork_fix(diag,
                   "export the model again:\n"
                   "    program = torch.export.export(model.eval(), (torch.zeros(1, 3, H, W),))\n"
                   "    torch.export.save(program, 'model.pt2')");
}

void *ork_torch_export_malformed(ork_torch *torch, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ork_fail(torch->diag, ORK_ERR_TORCH_CODE, "%s", ork_arena_vprintf(torch->arena, format, args));
    va_end(args);
    ork_where(torch->diag, "%s", ork_torch_place(torch));
    fix_export(torch->diag);
    return NULL;
}

static bool fail_archive(ork_diag *diag, const char *what, const char *why)
{
    ork_fail(diag, ORK_ERR_MODEL_FORMAT, "%s", what);
    ork_why(diag, "%s", why);
    return fix_export(diag);
}

static bool has(ork_arena *arena, const ork_zip *zip, const char *name)
{
    ork_torch_archive archive = {.zip = (ork_zip *)zip, .root = ork_torch_archive_root(arena, zip)};
    size_t index;
    return ork_torch_find_record(arena, &archive, name, &index);
}

bool ork_torch_is_export(ork_arena *arena, const ork_zip *zip)
{
    return has(arena, zip, "archive_format") || has(arena, zip, old_program);
}

/* ---- JSON records ---------------------------------------------------------------------- */

/* Torch does not pack its JSON, which takes much memory; what others packed may be as large as that
   of a large network. */
static ork_json *read_json(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                           const char *name)
{
    enum { MAX_PACKED = 64 * 1024 * 1024 };
    ork_bytes bytes;
    size_t index;
    if (ork_torch_find_record(arena, archive, name, &index)) {
        const ork_zip_entry *entry = ork_zip_entry_at(archive->zip, index);
        if (entry->method != ORK_ZIP_STORED && entry->size > MAX_PACKED) {
            ork_fail(diag, ORK_ERR_MODEL_FORMAT, "the record %s is packed and too large", name);
            return NULL;
        }
    }
    if (!ork_torch_record(diag, archive, name, arena, &bytes))
        return NULL;
    ork_json *json = ork_json_read(diag, arena, bytes);
    if (!json)
        ork_why(diag, "it stands in the record %s", name);
    return json;
}

static bool check_schema(ork_diag *diag, ork_arena *arena, const ork_json *program)
{
    const ork_json *version = ork_json_get(program, "schema_version");
    int64_t major = ork_json_get_int(version, "major", ork_json_is(version, ORK_JSON_INT) ? -1 : 0);
    if (major >= OLDEST_SCHEMA && major <= NEWEST_SCHEMA)
        return true;
    const char *what = ork_arena_printf(
        arena,
        "the network is written in version %lld.%lld of torch.export's format; %d to %d can "
        "be read",
        (long long)major, (long long)ork_json_get_int(version, "minor", 0), OLDEST_SCHEMA,
        NEWEST_SCHEMA);
    const char *torch = ork_json_get_text(program, "torch_version", "an unknown version");
    ork_fail(diag, ORK_ERR_MODEL_FORMAT, "%s", what);
    ork_why(diag, "it was written by torch %s", torch);
    if (major < OLDEST_SCHEMA)
        return ork_fix(diag, "export the model again with torch 2.5 or newer");
    return ork_fix(diag, "export the model again with torch 2.5 to 2.15, or use a newer release of "
                         "OpenRKNN");
}

static bool take_program(ork_diag *diag, ork_arena *arena, const ork_json *program,
                         ork_torch_export *exported)
{
    const ork_json *module = ork_json_get(program, "graph_module");
    exported->graph = ork_json_get(module, "graph");
    exported->signature = ork_json_get(module, "signature");
    if (!ork_json_is(exported->graph, ORK_JSON_OBJECT) ||
        !ork_json_is(exported->signature, ORK_JSON_OBJECT)) {
        ork_fail(diag, ORK_ERR_TORCH_CODE, "the file has no network: graph_module is missing");
        return fix_export(diag);
    }
    return check_schema(diag, arena, program);
}

/* ---- payloads -------------------------------------------------------------------------- */

static const ork_pickle_dict *entries_of(const ork_pickle_value *value)
{
    if (ork_pickle_is(value, ORK_PICKLE_DICT))
        return &value->dict;
    if (ork_pickle_is(value, ORK_PICKLE_CALL) || ork_pickle_is(value, ORK_PICKLE_OBJECT))
        return &value->object->entries;
    return NULL;
}

/* A file of torch.save inside the archive. Its bytes stay where they are, so it must not be
   packed. */
static bool open_saved(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                       size_t index, ork_torch_payload *payload)
{
    ork_bytes bytes;
    ork_pickle_value *value;
    ork_torch_archive *inside = ORK_NEW(arena, ork_torch_archive);
    if (ork_zip_entry_at(archive->zip, index)->method != ORK_ZIP_STORED)
        return ork_fail(diag, ORK_ERR_MODEL_FORMAT, "the record %s is packed",
                        ork_zip_name(archive->zip, index));
    if (!ork_zip_entry_bytes(diag, archive->zip, index, arena, &bytes))
        return false;
    inside->zip = ork_zip_open(diag, arena, bytes);
    if (!inside->zip)
        return ork_why(diag, "it stands in the record %s", ork_zip_name(archive->zip, index));
    inside->root = ork_torch_archive_root(arena, inside->zip);
    if (!ork_torch_record(diag, inside, "data.pkl", arena, &bytes) ||
        !ork_pickle_read(diag, arena, bytes, &value, NULL))
        return ork_why(diag, "it stands in the record %s", ork_zip_name(archive->zip, index));
    payload->storage.archive = inside;
    payload->storage.folder = "data";
    payload->tensors = ork_map_new(arena);
    const ork_pickle_dict *entries = entries_of(value);
    for (size_t i = 0; entries && i < entries->count; i++) {
        const char *name = ork_pickle_text(entries->items[i].key);
        if (name)
            ork_map_set(payload->tensors, name, entries->items[i].value);
    }
    return true;
}

/* folder is "weights" or "constants". */
static bool open_payload(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                         const char *model, const char *folder, ork_torch_payload *payload)
{
    size_t index;
    const char *saved = ork_arena_printf(arena, "data/%s/%s.pt", folder, model);
    if (ork_torch_find_record(arena, archive, saved, &index))
        return open_saved(diag, arena, archive, index, payload);
    const char *name = ork_arena_printf(arena, "data/%s/%s_%s_config.json", folder, model, folder);
    const ork_json *json = read_json(diag, arena, archive, name);
    if (!json)
        return false;
    payload->table = ork_json_get(json, "config");
    payload->storage.archive = archive;
    payload->storage.folder = ork_arena_printf(arena, "data/%s", folder);
    return true;
}

static bool open_old_payload(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                             const char *const names[2], ork_torch_payload *payload)
{
    size_t index;
    for (int i = 0; i < 2; i++)
        if (ork_torch_find_record(arena, archive, names[i], &index))
            return open_saved(diag, arena, archive, index, payload);
    payload->tensors = ork_map_new(arena);
    return true;
}

/* ---- the two layouts ------------------------------------------------------------------- */

/* Torch 2.1 wrote the weights under a name that ends in .json. */
static bool open_old(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                     ork_torch_export *exported)
{
    static const char *const weights[] = {"serialized_state_dict.pt", "serialized_state_dict.json"};
    static const char *const constants[] = {"serialized_constants.pt", "serialized_constants.json"};
    const ork_json *program = read_json(diag, arena, archive, old_program);
    return program && take_program(diag, arena, program, exported) &&
           open_old_payload(diag, arena, archive, weights, &exported->weights) &&
           open_old_payload(diag, arena, archive, constants, &exported->constants);
}

/* Names of models/NAME.json; several are separated by commas. */
static const char *model_names(ork_arena *arena, const ork_torch_archive *archive, size_t *count)
{
    const char *folder = ork_arena_printf(arena, "%smodels/", archive->root), *names = "";
    size_t skipped = strlen(folder), ending = strlen(".json");
    *count = 0;
    for (size_t i = 0; i < ork_zip_count(archive->zip) && *count < 8; i++) {
        const char *name = ork_zip_name(archive->zip, i);
        if (!ork_starts_with(name, folder) || !ork_ends_with(name + skipped, ".json"))
            continue;
        names = ork_arena_printf(arena, "%s%s%.*s", names, *names ? ", " : "",
                                 (int)(strlen(name) - skipped - ending), name + skipped);
        ++*count;
    }
    return names;
}

static bool holds_folder(ork_arena *arena, const ork_torch_archive *archive, const char *name)
{
    const char *folder = ork_arena_printf(arena, "%s%s", archive->root, name);
    for (size_t i = 0; i < ork_zip_count(archive->zip); i++)
        if (ork_starts_with(ork_zip_name(archive->zip, i), folder))
            return true;
    return false;
}

static bool fail_models(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                        const char *names, size_t count)
{
    if (count > 1) {
        ork_fail(diag, ORK_ERR_MODEL_FORMAT, "the package holds several networks: %s", names);
        return ork_fix(diag, "save the one you want alone: "
                             "torch.export.save(program, 'model.pt2')");
    }
    if (holds_folder(arena, archive, "data/aotinductor/"))
        return fail_archive(diag, "this is a network compiled by AOTInductor",
                            "it holds machine code for one processor, no layers");
    return fail_archive(diag, "this is an archive of torch.export without a network",
                        "it holds no record models/NAME.json");
}

static bool open_current(ork_diag *diag, ork_arena *arena, const ork_torch_archive *archive,
                         ork_torch_export *exported)
{
    size_t count;
    const char *model = model_names(arena, archive, &count);
    if (count != 1)
        return fail_models(diag, arena, archive, model, count);
    const ork_json *program =
        read_json(diag, arena, archive, ork_arena_printf(arena, "models/%s.json", model));
    return program && take_program(diag, arena, program, exported) &&
           open_payload(diag, arena, archive, model, "weights", &exported->weights) &&
           open_payload(diag, arena, archive, model, "constants", &exported->constants);
}

bool ork_torch_export_open(ork_diag *diag, ork_arena *arena, ork_zip *zip,
                           ork_torch_archive *archive)
{
    ork_torch_export *exported = ORK_NEW(arena, ork_torch_export);
    *archive = (ork_torch_archive){.zip = zip, .root = ork_torch_archive_root(arena, zip)};
    archive->exported = exported;
    exported->constants.storage.has_numbers = true;
    if (!ork_torch_check_byte_order(diag, arena, archive))
        return false;
    return has(arena, zip, old_program) ? open_old(diag, arena, archive, exported)
                                        : open_current(diag, arena, archive, exported);
}

/* ---- tensors --------------------------------------------------------------------------- */

bool ork_torch_export_size(const ork_json *size, int64_t *value)
{
    const ork_json *expression = ork_json_get(size, "as_expr");
    if (expression)
        size = ork_json_get(expression, "hint");
    return ork_json_as_int(ork_json_get(size, "as_int"), value);
}

const char *ork_torch_export_storage_class(int64_t scalar_type)
{
    static const char *const classes[] = {
        [1] = "ByteStorage",          [2] = "CharStorage",           [3] = "ShortStorage",
        [4] = "IntStorage",           [5] = "LongStorage",           [6] = "HalfStorage",
        [7] = "FloatStorage",         [8] = "DoubleStorage",         [9] = "ComplexHalfStorage",
        [10] = "ComplexFloatStorage", [11] = "ComplexDoubleStorage", [12] = "BoolStorage",
        [13] = "BFloat16Storage",
    };
    return scalar_type > 0 && scalar_type < (int64_t)ORK_COUNT(classes) ? classes[scalar_type]
                                                                        : NULL;
}

static bool take_meta(const ork_json *meta, ork_torch_tensor_info *info)
{
    const ork_json *sizes = ork_json_get(meta, "sizes"), *strides = ork_json_get(meta, "strides");
    size_t rank = ork_json_count(sizes);
    if (rank > ORK_MAX_RANK || ork_json_count(strides) != rank)
        return false;
    info->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++)
        if (!ork_torch_export_size(ork_json_item(sizes, i), &info->shape.dim[i]) ||
            !ork_torch_export_size(ork_json_item(strides, i), &info->stride[i]) ||
            info->shape.dim[i] < 0 || info->stride[i] < 0)
            return false;
    return ork_torch_export_size(ork_json_get(meta, "storage_offset"), &info->offset) &&
           info->offset >= 0;
}

static ork_torch_value *unavailable(ork_torch *torch, const char *name, const char *what)
{
    return ork_torch_text(torch, ORK_TORCH_UNAVAILABLE,
                          ork_arena_printf(torch->arena, "'%s', %s,", name, what));
}

static ork_torch_value *tabled_tensor(ork_torch *torch, const ork_torch_payload *payload,
                                      const ork_json *row, const char *name)
{
    const ork_json *meta = ork_json_get(row, "tensor_meta");
    ork_torch_tensor_info info = {
        .key = ork_json_get_text(row, "path_name", NULL),
        .storage_class = ork_torch_export_storage_class(ork_json_get_int(meta, "dtype", 0)),
    };
    if (ork_json_get_bool(row, "use_pickle", false))
        return unavailable(torch, name, "a pickled object");
    if (!info.key || !take_meta(meta, &info))
        return ork_torch_export_malformed(torch, "the tensor '%s' is not described well", name);
    if (!info.storage_class)
        return unavailable(torch, name, "a tensor of a type that is not known");
    return ork_torch_stored_tensor(torch, &payload->storage, &info, name);
}

static ork_torch_value *payload_tensor(ork_torch *torch, const ork_torch_payload *payload,
                                       const char *name, bool *found)
{
    const ork_json *row = ork_json_get(payload->table, name);
    ork_pickle_value *pickled = payload->tensors ? ork_map_get(payload->tensors, name) : NULL;
    ork_torch_tensor_info info;
    *found = row || pickled;
    if (row)
        return tabled_tensor(torch, payload, row, name);
    if (!pickled)
        return NULL;
    if (!ork_torch_tensor_info_get(pickled, &info))
        return unavailable(torch, name, "which is no plain tensor");
    return ork_torch_stored_tensor(torch, &payload->storage, &info, name);
}

ork_torch_value *ork_torch_export_tensor(ork_torch *torch, const char *name)
{
    const ork_torch_export *exported = torch->archive->exported;
    bool found;
    ork_torch_value *value = payload_tensor(torch, &exported->weights, name, &found);
    if (!found)
        value = payload_tensor(torch, &exported->constants, name, &found);
    if (!found)
        return ork_torch_export_malformed(torch, "the tensor '%s' is not in the file", name);
    return value;
}
