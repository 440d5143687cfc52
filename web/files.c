/* SPDX-License-Identifier: Apache-2.0 */
/* The files below the project's folder that the page can use. */
#include "web.h"

#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 4, MOST_FILES = 5000 };

/* Files of no kind are not shown. */
static const struct {
    const char *ending, *kind, *type;
} kinds[] = {
    {".pt", "network", NULL},
    {".pth", "network", NULL},
    {".torchscript", "network", NULL},
    {".pt2", "network", NULL},
    {".onnx", "network", NULL},
    {".rknn", "model", NULL},
    {".jpg", "picture", "image/jpeg"},
    {".jpeg", "picture", "image/jpeg"},
    {".png", "picture", "image/png"},
    {".txt", "list", "text/plain; charset=utf-8"},
    {".json", "json", "application/json"},
    {".html", "page", "text/html; charset=utf-8"},
    {".svg", "page", "image/svg+xml"},
    {".mp4", "video", "video/mp4"},
    {".stats", "statistics", NULL},
};

static const char *kind_of(const char *path)
{
    for (size_t i = 0; i < ORK_CLI_COUNT(kinds); i++)
        if (ork_cli_ends_with(path, kinds[i].ending))
            return kinds[i].kind;
    return NULL;
}

const char *web_file_type(const char *path)
{
    for (size_t i = 0; i < ORK_CLI_COUNT(kinds); i++)
        if (ork_cli_ends_with(path, kinds[i].ending) && kinds[i].type)
            return kinds[i].type;
    return "application/octet-stream";
}

static void describe(ork_json_writer *writer, const char *path, const char *kind,
                     const struct stat *info)
{
    ork_json_begin_object(writer);
    ork_json_member_text(writer, "path", path);
    ork_json_member_text(writer, "kind", kind);
    ork_json_member_int(writer, "size", info->st_size);
    ork_json_member_int(writer, "changed", info->st_mtime);
    ork_json_end_object(writer);
}

/* folder: "" or with its slash. Links are left out: they may lead elsewhere. */
static void list(ork_arena *arena, ork_json_writer *writer, const char *folder, int depth,
                 int *left)
{
    ork_names names = {0};
    ork_diag *diag = ork_diag_new();
    struct stat info;
    if (!ork_folder_read(diag, arena, *folder ? folder : ".", &names))
        names.count = 0; /* what cannot be read is not there */
    ork_diag_free(diag);
    for (size_t i = 0; i<names.count && * left> 0; i++) {
        char *path = ork_arena_printf(arena, "%s%s", folder, names.items[i]);
        if (!web_path_is_plain(path) || lstat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            --*left;
            describe(writer, path, "folder", &info);
            if (depth < DEEPEST)
                list(arena, writer, ork_arena_printf(arena, "%s/", path), depth + 1, left);
        } else if (S_ISREG(info.st_mode) && kind_of(path)) {
            --*left;
            describe(writer, path, kind_of(path), &info);
        }
    }
}

void web_files_list(ork_arena *arena, ork_json_writer *writer)
{
    int left = MOST_FILES;
    ork_json_begin_array(writer);
    list(arena, writer, "", 1, &left);
    ork_json_end_array(writer);
}
