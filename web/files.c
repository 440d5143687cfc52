/* SPDX-License-Identifier: Apache-2.0 */
/* The files below the project's folder that the page can use. */
#include "web.h"

#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 4, MOST_FILES = 5000 };

static const struct {
    const char *ending, *kind;
} kinds[] = {
    {".pt", "network"},  {".pth", "network"},      {".torchscript", "network"},
    {".pt2", "network"}, {".onnx", "network"},     {".rknn", "model"},
    {".jpg", "picture"}, {".jpeg", "picture"},     {".png", "picture"},
    {".txt", "list"},    {".json", "json"},        {".html", "page"},
    {".mp4", "video"},   {".stats", "statistics"},
};

static const char *kind_of(const char *path)
{
    for (size_t i = 0; i < ORK_CLI_COUNT(kinds); i++)
        if (ork_cli_ends_with(path, kinds[i].ending))
            return kinds[i].kind;
    return NULL;
}

static void describe(ork_json_writer *writer, const char *path, const char *kind,
                     const struct stat *info)
{
    ork_json_begin_object(writer);
    ork_json_key(writer, "path");
    ork_json_put_text(writer, path);
    ork_json_key(writer, "kind");
    ork_json_put_text(writer, kind);
    ork_json_key(writer, "size");
    ork_json_put_int(writer, info->st_size);
    ork_json_key(writer, "changed");
    ork_json_put_int(writer, info->st_mtime);
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
