/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is that is neither TorchScript nor of torch.export. People bring all kinds of files
   that carry weights; each gets told by name and with the lines that make a usable file of it. */
#include "torch.h"

#include <string.h>

static const char trace_lines[] = "    traced = torch.jit.trace(model.eval(), %s)\n"
                                  "    traced.save('model.pt')";
static const char any_input[] = "torch.zeros(1, 3, H, W)";
static const char again[] = "copy or download the file again, or ";

/* The fix of most failures here: those lines, with the sizes that are known. */
static bool fix_export(ork_diag *diag, ork_arena *arena, const char *begin,
                       const ork_import_options *options)
{
    return ork_fix(
        diag, "%sexport the model again:\n%s", begin,
        ork_arena_printf(arena, trace_lines, ork_torch_example_input(arena, options, any_input)));
}

static bool fail_format(ork_diag *diag, const char *path, const char *what, const char *why)
{
    ork_fail(diag, ORK_ERR_MODEL_FORMAT, "this is %s, not a file of torch.jit.trace", what);
    ork_where(diag, "%s", path);
    return why ? ork_why(diag, "%s", why) : false;
}

static bool fail_export(ork_diag *diag, ork_arena *arena, const char *path, const char *what,
                        const char *why, const ork_import_options *options)
{
    fail_format(diag, path, what, why);
    return fix_export(diag, arena, "", options);
}

/* ---- files with a signature ------------------------------------------------------------ */

static const struct {
    size_t offset, length;
    const char *bytes, *what, *fix; /* fix NULL: export it from PyTorch again */
} signatures[] = {
    {0, 8, "PYTORCH1", "a TorchScript file of a preview of torch 1.0", NULL},
    {4, 4, "PTMF", "a TorchScript file for mobile phones (.ptl) in flatbuffer form", NULL},
    {257, 5, "ustar", "a tar archive of torch before 0.2", NULL},
    {0, 4, "RKNN", "a model for the chip already", "load it with rknn.load_rknn()"},
    {4, 4, "TFL3", "a TensorFlow Lite model", "load it with rknn.load_tflite()"},
    {0, 4, "\x89HDF", "an HDF5 file, as Keras writes", "load it with rknn.load_keras()"},
    {0, 7, "version", "a pointer of Git LFS", "fetch the file itself: git lfs pull"},
    {0, 2, "\x1f\x8b", "a gzip archive", "unpack it with gunzip and load what is inside"},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and load what is inside"},
    {0, 4, "%PDF", "a PDF document", "download the model itself"},
};

static bool fail_signature(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes bytes,
                           const ork_import_options *options, bool *found)
{
    for (size_t i = 0; i < ORK_COUNT(signatures); i++) {
        if (bytes.size < signatures[i].offset + signatures[i].length ||
            memcmp(bytes.data + signatures[i].offset, signatures[i].bytes, signatures[i].length))
            continue;
        *found = true;
        if (!signatures[i].fix)
            return fail_export(diag, arena, path, signatures[i].what, NULL, options);
        fail_format(diag, path, signatures[i].what, NULL);
        return ork_fix(diag, "%s", signatures[i].fix);
    }
    return false;
}

static bool is_web_page(ork_bytes bytes)
{
    size_t at = 0;
    while (at < bytes.size && memchr(" \t\r\n\xef\xbb\xbf", bytes.data[at], 7))
        at++;
    return bytes.size - at > 4 && bytes.data[at] == '<' &&
           (bytes.data[at + 1] == '!' || bytes.data[at + 1] == 'h' || bytes.data[at + 1] == 'H');
}

/* A protobuf that begins with ir_version (field 1, a small number) and another low field. */
static bool is_onnx(const char *path, ork_bytes bytes)
{
    if (ork_ends_with(path, ".onnx"))
        return true;
    return bytes.size > 16 && bytes.data[0] == 0x08 && bytes.data[1] < 0x20 &&
           (bytes.data[2] == 0x12 || bytes.data[2] == 0x3a || bytes.data[2] == 0x42);
}

/* ---- torch.save before 1.6 ------------------------------------------------------------- */

/* 0x1950a86a20f9469cfc6c as a pickle. */
static const uint8_t legacy_magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                       0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

static bool is_legacy(ork_bytes bytes)
{
    return bytes.size > sizeof(legacy_magic) &&
           !memcmp(bytes.data, legacy_magic, sizeof(legacy_magic));
}

/* Magic, protocol, system: three pickles in front of the object. */
static bool fail_legacy(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes bytes,
                        const ork_import_options *options)
{
    ork_pickle_value *value = NULL;
    for (int i = 0; i < 4; i++) {
        size_t consumed;
        if (!ork_pickle_read(diag, arena, bytes, &value, &consumed)) {
            ork_where(diag, "%s", path);
            ork_why(diag, "the file of torch.save is damaged or incomplete");
            return fix_export(diag, arena, again, options);
        }
        bytes.data += consumed;
        bytes.size -= consumed;
    }
    return ork_torch_fail_saved(diag, arena, path, value, options);
}

/* ---- zip archives ---------------------------------------------------------------------- */

static bool has(const ork_zip *zip, ork_arena *arena, const char *root, const char *name)
{
    size_t index;
    return ork_zip_find(zip, ork_arena_printf(arena, "%s%s", root, name), &index);
}

static bool has_ending(const ork_zip *zip, const char *ending)
{
    for (size_t i = 0; i < ork_zip_count(zip); i++)
        if (ork_ends_with(ork_zip_name(zip, i), ending))
            return true;
    return false;
}

static bool fail_saved(ork_diag *diag, ork_arena *arena, const char *path, const ork_zip *zip,
                       const char *root, const ork_import_options *options)
{
    size_t index;
    ork_bytes bytes;
    ork_pickle_value *value;
    if (!ork_zip_find(zip, ork_arena_printf(arena, "%sdata.pkl", root), &index))
        return false;
    if (!ork_zip_entry_bytes(diag, zip, index, arena, &bytes) ||
        !ork_pickle_read(diag, arena, bytes, &value, NULL))
        return ork_where(diag, "%s", path);
    return ork_torch_fail_saved(diag, arena, path, value, options);
}

static bool fail_other_zip(ork_diag *diag, ork_arena *arena, const char *path, const ork_zip *zip,
                           const char *root, const ork_import_options *options)
{
    if (has(zip, arena, root, "model.json"))
        return fail_export(diag, arena, path, "a TorchScript file of torch 1.3 or older", NULL,
                           options);
    if (has_ending(zip, ".data/extern_modules") || has_ending(zip, "extern_modules"))
        return fail_export(diag, arena, path, "a torch.package archive", NULL, options);
    fail_format(diag, path,
                has_ending(zip, ".npy") ? "an archive of NumPy arrays" : "a zip archive", NULL);
    ork_why(diag, "it holds no record data.pkl; its first entry is '%s'",
            ork_zip_count(zip) > 0 ? ork_zip_name(zip, 0) : "");
    return fix_export(diag, arena, "", options);
}

/* A file for phones keeps its code, as torch.jit.trace wrote it or rewritten for their processors;
   some tools strip the code and leave the bytecode. */
static const char mobile[] = "a TorchScript file for mobile phones (.ptl)";

static bool accept_mobile(ork_diag *diag, ork_arena *arena, const char *path, const ork_zip *zip,
                          const char *root, const ork_import_options *options)
{
    const char *code = ork_arena_printf(arena, "%scode/", root);
    for (size_t i = 0; i < ork_zip_count(zip); i++) {
        if (!ork_starts_with(ork_zip_name(zip, i), code))
            continue;
        ork_log(diag, ORK_LOG_WARNING,
                "%s is %s; its code is read, but better trace the model:\n%s", path, mobile,
                ork_arena_printf(arena, trace_lines,
                                 ork_torch_example_input(arena, options, any_input)));
        return true;
    }
    return fail_export(diag, arena, path, mobile, "it holds bytecode only, no code", options);
}

void ork_torch_fail_mobile(ork_diag *diag, ork_arena *arena, const char *path,
                           const ork_torch_archive *archive, const ork_import_options *options)
{
    size_t index;
    if (!ork_torch_find_record(arena, archive, "bytecode.pkl", &index))
        return;
    const ork_error *error = ork_diag_error(diag);
    const char *why = ork_arena_printf(arena, "its code was rewritten for phones: %s", error->what);
    fail_export(diag, arena, path, mobile, why, options);
}

static bool recognise_zip(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes bytes,
                          const ork_import_options *options, ork_zip **zip)
{
    *zip = ork_zip_open(diag, arena, bytes);
    if (!*zip) {
        ork_where(diag, "%s", path);
        ork_why(diag,
                "the file begins like a model but is damaged: often a download or copy that "
                "stopped early (%zu bytes)",
                bytes.size);
        return fix_export(diag, arena, again, options);
    }
    const char *root = ork_torch_archive_root(arena, *zip);
    if (ork_torch_is_export(arena, *zip))
        return true;
    if (has(*zip, arena, root, "bytecode.pkl"))
        return accept_mobile(diag, arena, path, *zip, root, options);
    if (!has(*zip, arena, root, "data.pkl"))
        return fail_other_zip(diag, arena, path, *zip, root, options);
    if (!has(*zip, arena, root, "constants.pkl"))
        return fail_saved(diag, arena, path, *zip, root, options);
    return true;
}

bool ork_torch_recognise(ork_diag *diag, ork_arena *arena, const char *path, ork_bytes bytes,
                         const ork_import_options *options, ork_zip **zip)
{
    bool found = false;
    if (bytes.size == 0) {
        ork_fail(diag, ORK_ERR_MODEL_FORMAT, "the file is empty");
        ork_where(diag, "%s", path);
        return ork_fix(diag, "download or export it again");
    }
    if (ork_zip_is(bytes))
        return recognise_zip(diag, arena, path, bytes, options, zip);
    if (is_legacy(bytes))
        return fail_legacy(diag, arena, path, bytes, options);
    fail_signature(diag, arena, path, bytes, options, &found);
    if (found)
        return false;
    if (is_web_page(bytes)) {
        fail_format(diag, path, "a web page (HTML)", "the link led to a page about the file");
        return ork_fix(diag, "download the model itself: on GitHub through 'Download raw file'");
    }
    if (is_onnx(path, bytes)) {
        fail_format(diag, path, "an ONNX model", NULL);
        return ork_fix(diag, "load it with rknn.load_onnx()");
    }
    if (bytes.data[0] == 0x80)
        return fail_export(diag, arena, path, "a pickle of Python",
                           "it was not written by torch.jit.save", options);
    return fail_export(diag, arena, path, "a file of an unknown kind",
                       "a file of torch.jit.save is a zip archive and begins with 'PK'", options);
}
