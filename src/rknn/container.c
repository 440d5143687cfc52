/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is, told from its bytes; and the errors for what cannot be read. */
#include "internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool has_at(ork_bytes bytes, size_t offset, const char *magic, size_t length)
{
    return bytes.size >= offset && bytes.size - offset >= length &&
           memcmp(bytes.data + offset, magic, length) == 0;
}

static const struct {
    size_t offset, length;
    const char *magic;
    ork_rknn_kind kind;
    const char *other;
} magics[] = {
    {0, 8, "CYPTRKNN", ORK_RKNN_ENCRYPTED, ""},
    {0, 4, "RKNX", ORK_RKNN_LATER, ""},
    {4, 4, "RKNN", ORK_RKNN_LATER, ""},
    {0, 4, "VPMN", ORK_RKNN_BARE_NBG, ""},
    {0, 4, "PK\3\4", ORK_RKNN_OTHER_MODEL, "a zip archive, perhaps a TorchScript model"},
    {4, 4, "TFL3", ORK_RKNN_OTHER_MODEL, "a TensorFlow Lite model"},
    {0, 4, "\x89HDF", ORK_RKNN_OTHER_MODEL, "an HDF5 file, perhaps a Keras model"},
    {0, 23, "version https://git-lfs", ORK_RKNN_LFS_POINTER, ""},
};

static bool starts_with_word(ork_bytes bytes, const char *word)
{
    size_t at = 0;
    while (at < bytes.size && at < 64 && (isspace(bytes.data[at]) || bytes.data[at] > 127))
        at++;
    for (; *word; word++, at++)
        if (at >= bytes.size || tolower(bytes.data[at]) != *word)
            return false;
    return true;
}

static bool is_text(ork_bytes bytes)
{
    for (size_t i = 0; i < bytes.size && i < 512; i++)
        if (bytes.data[i] < 32 && !isspace(bytes.data[i]))
            return false;
    return true;
}

/* An ONNX file is a protobuf that begins with the field ir_version, then a producer. */
static bool is_onnx(ork_bytes bytes)
{
    return bytes.size > 4 && bytes.data[0] == 8 && bytes.data[1] < 32 &&
           (bytes.data[2] == 0x12 || bytes.data[2] == 0x3a);
}

static ork_rknn_kind foreign_kind(ork_bytes bytes, ork_rknn_info *info)
{
    static const char own[8] = {'R', 'K', 'N', 'N'};
    if (bytes.size == 0)
        return ORK_RKNN_EMPTY;
    for (size_t i = 0; i < ORK_COUNT(magics); i++) {
        if (has_at(bytes, magics[i].offset, magics[i].magic, magics[i].length)) {
            info->other = magics[i].other;
            return magics[i].kind;
        }
    }
    if (bytes.size < 8 && memcmp(bytes.data, own, bytes.size) == 0)
        return ORK_RKNN_TRUNCATED;
    if (is_onnx(bytes)) {
        info->other = "an ONNX model";
        return ORK_RKNN_OTHER_MODEL;
    }
    if (starts_with_word(bytes, "<!doctype") || starts_with_word(bytes, "<html") ||
        starts_with_word(bytes, "<?xml"))
        return ORK_RKNN_WEB_PAGE;
    return is_text(bytes) ? ORK_RKNN_TEXT : ORK_RKNN_UNKNOWN;
}

/* Chips by the id in the binary's header. */
static const struct {
    uint32_t target;
    const char *chip;
} nbg_targets[] = {
    {0x82, "RK1806/RK1808/RK3399Pro"},
    {0xB5, "RV1109/RV1126"},
};

static void read_nbg_header(ork_bytes data, ork_rknn_info *info)
{
    ork_reader reader = ork_reader_new(data);
    ork_read_u32(&reader);
    info->nbg_version = ork_read_u32(&reader);
    info->nbg_target = ork_read_u32(&reader);
    for (size_t i = 0; i < ORK_COUNT(nbg_targets); i++)
        if (nbg_targets[i].target == info->nbg_target)
            snprintf(info->chip, sizeof(info->chip), "%s", nbg_targets[i].chip);
}

static void read_json_facts(const ork_json *json, ork_rknn_info *info)
{
    snprintf(info->toolkit, sizeof(info->toolkit), "%s", ork_json_get_text(json, "version", ""));
    const ork_json *platforms = ork_json_get(json, "target_platform");
    size_t used = strlen(info->chip);
    for (size_t i = 0; !info->nbg_target && i < ork_json_count(platforms); i++) {
        const char *name = ork_json_as_text(ork_json_item(platforms, i));
        if (name && used + strlen(name) + 2 < sizeof(info->chip))
            used += (size_t)snprintf(info->chip + used, sizeof(info->chip) - used, "%s%s",
                                     used ? "/" : "", name);
    }
}

static bool has_nbg_node(const ork_json *json)
{
    const ork_json *nodes = ork_json_get(json, "nodes");
    for (size_t i = 0; i < ork_json_count(nodes); i++)
        if (strcmp(ork_json_get_text(ork_json_item(nodes, i), "op", ""), "VSI_NN_OP_NBG") == 0)
            return true;
    return false;
}

static ork_rknn_kind version_1_kind(ork_arena *arena, ork_bytes bytes, ork_rknn_container *c)
{
    ork_reader reader = ork_reader_new(bytes);
    ork_read_bytes(&reader, ORK_RKNN_HEADER);
    if (c->info.data_size > bytes.size)
        return ORK_RKNN_TRUNCATED;
    c->data.data = ork_read_bytes(&reader, (size_t)c->info.data_size);
    c->info.json_size = ork_read_u64(&reader);
    if (reader.failed || c->info.json_size > bytes.size - reader.offset)
        return ORK_RKNN_TRUNCATED;
    c->data.size = (size_t)c->info.data_size;
    bool is_nbg = has_at(c->data, 0, "VPMN", 4);
    if (is_nbg)
        read_nbg_header(c->data, &c->info);
    ork_diag *quiet = ork_diag_new();
    ork_bytes text = {bytes.data + reader.offset, (size_t)c->info.json_size};
    c->json = ork_json_read(quiet, arena, text);
    ork_diag_free(quiet);
    read_json_facts(c->json, &c->info);
    if (has_at(c->data, 0, ORK_RKNN_PACKED_MAGIC, 8))
        return ORK_RKNN_PACKED;
    if (is_nbg || has_nbg_node(c->json))
        return ORK_RKNN_PRECOMPILED;
    return ork_json_is(ork_json_get(c->json, "nodes"), ORK_JSON_ARRAY) ? ORK_RKNN_PLAIN
                                                                       : ORK_RKNN_DAMAGED;
}

void ork_rknn_look(ork_arena *arena, ork_bytes bytes, ork_rknn_container *c)
{
    *c = (ork_rknn_container){.info = {.other = ""}};
    if (!has_at(bytes, 0, "RKNN\0\0\0\0", 8)) {
        c->info.kind = foreign_kind(bytes, &c->info);
        if (c->info.kind == ORK_RKNN_BARE_NBG)
            read_nbg_header(bytes, &c->info);
        return;
    }
    ork_reader reader = ork_reader_new(bytes);
    ork_read_u64(&reader);
    c->info.version = ork_read_u64(&reader);
    c->info.data_size = ork_read_u64(&reader);
    if (reader.failed)
        c->info.kind = ORK_RKNN_TRUNCATED;
    else if (c->info.version == 1)
        c->info.kind = version_1_kind(arena, bytes, c);
    else
        c->info.kind = c->info.version == 2 ? ORK_RKNN_CUSTOM_OP : ORK_RKNN_LATER;
}

ork_rknn_kind ork_rknn_probe(ork_bytes bytes, ork_rknn_info *info)
{
    ork_arena *scratch = ork_arena_new();
    ork_rknn_container container;
    ork_rknn_look(scratch, bytes, &container);
    ork_arena_free(scratch);
    if (info)
        *info = container.info;
    return container.info.kind;
}

static const struct {
    const char *name;
    ork_error_id id;
    const char *what, *why, *fix;
} kinds[ORK_RKNN_KIND_COUNT] = {
    [ORK_RKNN_PLAIN] = {"plain", ORK_ERR_RKNN_FORMAT, "", "", ""},
    [ORK_RKNN_DAMAGED] = {"damaged", ORK_ERR_RKNN_FORMAT, "the .rknn file is damaged",
                          "its lengths fit, but its JSON part cannot be read or has no nodes",
                          "copy or export the file again"},
    [ORK_RKNN_PRECOMPILED] = {"precompiled", ORK_ERR_RKNN_PRECOMPILED,
                              "the model is precompiled: it contains NPU binary",
                              "such a file holds commands for one chip and no longer the network",
                              "use the file that was exported without pre_compile, or run this "
                              "one on the board"},
    [ORK_RKNN_PACKED] = {"packed", ORK_ERR_RKNN_PRECOMPILED,
                         "the model is pre-compiled: its weights are packed for one processor",
                         "the numbers that the simulator needs are not in it",
                         "use the file that was exported without pre_compile, or run this one "
                         "through librknn_api.so where it was made for"},
    [ORK_RKNN_ENCRYPTED] = {"encrypted", ORK_ERR_RKNN_ENCRYPTED,
                            "the model is encrypted (CYPTRKNN)",
                            "only the driver on the board has the key",
                            "use the file from before export_encrypted_rknn_model"},
    [ORK_RKNN_CUSTOM_OP] = {"custom-op", ORK_ERR_RKNN_VERSION,
                            "the model carries compiled custom operators (container version 2)",
                            "they are programs for the board's processor",
                            "export the model without register_op"},
    [ORK_RKNN_LATER] = {"later", ORK_ERR_RKNN_VERSION, "the model is of a later .rknn version",
                        "RKNN-Toolkit2 and later make files for RK35xx and RV1103/RV1106, which "
                        "share only the name",
                        "convert the original model again for rk1808 or rv1126"},
    [ORK_RKNN_BARE_NBG] = {"bare-nbg", ORK_ERR_RKNN_PRECOMPILED,
                           "the file is a bare network binary (NBG) without a .rknn container",
                           "it holds commands for one chip and no longer the network",
                           "use the .rknn file that was exported without pre_compile"},
    [ORK_RKNN_TRUNCATED] = {"truncated", ORK_ERR_RKNN_FORMAT,
                            "the .rknn file is incomplete: it ends before its contents do",
                            "an interrupted download or copy, or a full disk",
                            "copy or download the file again"},
    [ORK_RKNN_EMPTY] = {"empty", ORK_ERR_RKNN_FORMAT, "the file is empty",
                        "an interrupted download or copy, or a full disk",
                        "copy or download the file again"},
    [ORK_RKNN_LFS_POINTER] = {"lfs-pointer", ORK_ERR_RKNN_FORMAT,
                              "the file is a Git LFS pointer, not the model",
                              "the repository was cloned without its large files",
                              "run 'git lfs pull' in the repository"},
    [ORK_RKNN_WEB_PAGE] = {"web-page", ORK_ERR_RKNN_FORMAT, "the file is a web page, not a model",
                           "the download saved the page around the model", "download the raw file"},
    [ORK_RKNN_TEXT] = {"text", ORK_ERR_RKNN_FORMAT, "the file is text, not a .rknn model",
                       "a .rknn file begins with the bytes RKNN", "check the path"},
    [ORK_RKNN_OTHER_MODEL] = {"other-model", ORK_ERR_RKNN_FORMAT, "the file is not a .rknn model",
                              "", "load it with the call for its framework, then build and export"},
    [ORK_RKNN_UNKNOWN] = {"unknown", ORK_ERR_RKNN_FORMAT, "the file is not a .rknn model",
                          "a .rknn file begins with the bytes RKNN",
                          "check the path; if the file was downloaded, download it again"},
};

const char *ork_rknn_kind_name(ork_rknn_kind kind)
{
    return kinds[kind].name;
}

bool ork_rknn_refuse(ork_diag *diag, const ork_rknn_info *info)
{
    ork_rknn_kind kind = info->kind;
    ork_error_id id = kinds[kind].id;
    if (id == ORK_ERR_RKNN_PRECOMPILED)
        ork_fail(diag, id, "%s for %s%s%s", kinds[kind].what, *info->chip ? info->chip : "a chip",
                 *info->toolkit ? ", made by toolkit " : "", info->toolkit);
    else if (kind == ORK_RKNN_LATER && info->version)
        ork_fail(diag, id, "%s: container version %llu", kinds[kind].what,
                 (unsigned long long)info->version);
    else
        ork_fail(diag, id, "%s", kinds[kind].what);
    ork_fix(diag, "%s", kinds[kind].fix);
    if (kind == ORK_RKNN_OTHER_MODEL)
        return ork_why(diag, "it is %s", info->other);
    if (info->nbg_target)
        return ork_why(diag, "%s (target 0x%02X, binary version 0x%x)", kinds[kind].why,
                       info->nbg_target, info->nbg_version);
    return ork_why(diag, "%s", kinds[kind].why);
}
