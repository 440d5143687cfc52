/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures whose class is known: a folder for each class, or a list. */
#include "internal.h"

#include "../quant/quant.h"

#include <stdlib.h>
#include <string.h>

struct ork_labelled {
    ork_arena *arena;
    ORK_VEC(ork_labelled_picture) pictures;
};

typedef struct labels {
    const char *const *names;
    int count;
} labels;

/* A whole number of at most 6 digits, or -1. */
static int number_of(const char *text)
{
    size_t length = strlen(text);
    bool good = length >= 1 && length <= 6 && strspn(text, "0123456789") == length;
    return good ? atoi(text) : -1;
}

static int label_of(const labels *names, const char *text)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->names[i], text) == 0)
            return i;
    return -1;
}

static bool fail_class(ork_diag *diag, const labels *names, const char *name)
{
    ork_fail(diag, ORK_ERR_EVALUATION, "'%s' is no class", name);
    const char *nearest =
        names->count ? ork_nearest_name(name, names->names, (size_t)names->count) : NULL;
    if (nearest)
        return ork_fix(diag, "did you mean '%s'?", nearest);
    return ork_fix(diag, "give the names of the classes in the order of the network's outputs "
                         "(--labels FILE), or write numbers from 0");
}

/* ---- a list ---- */

static bool add_line(ork_labelled *labelled, ork_diag *diag, const char *path,
                     const ork_list_line *line, const labels *names)
{
    const char *beside, *name = line->words[line->count - 1];
    if (line->count != 2) {
        ork_fail(diag, ORK_ERR_DATASET_LINE, "line %zu has %zu words", line->number, line->count);
        return ork_fix(diag, "write a picture and its class in each line; names with spaces stand "
                             "in double or single quotes");
    }
    const char *file = ork_list_file(labelled->arena, path, line->words[0], &beside);
    if (!file) {
        ork_fail(diag, ORK_ERR_DATASET_LINE, "line %zu names a file that does not exist: '%s'",
                 line->number, line->words[0]);
        return ork_fix(diag, "name files relative to the list or to the folder you start from");
    }
    int class_id = label_of(names, name);
    class_id = class_id >= 0 ? class_id : number_of(name);
    if (class_id < 0)
        return fail_class(diag, names, name);
    ork_vec_push(labelled->arena, &labelled->pictures, ((ork_labelled_picture){file, class_id}));
    return true;
}

static bool read_list(ork_labelled *labelled, ork_diag *diag, const char *path, const labels *names)
{
    ork_file file;
    ork_list list;
    if (!ork_list_map(diag, path, &file))
        return false;
    bool good = ork_list_read(diag, labelled->arena, path, file.bytes, &list);
    ork_file_unmap(&file);
    for (size_t i = 0; good && i < list.count; i++)
        if (!add_line(labelled, diag, path, &list.items[i], names))
            return ork_where(diag, "%s:%zu", path, list.items[i].number);
    return good;
}

/* ---- a folder ---- */

typedef struct class_folder {
    const char *name, *path;
    int class_id;
} class_folder;

typedef ORK_VEC(class_folder) class_folders;

static bool list_classes(ork_labelled *labelled, ork_diag *diag, const char *path,
                         class_folders *classes)
{
    ork_names found;
    if (!ork_folder_read(diag, labelled->arena, path, &found))
        return false;
    for (size_t i = 0; i < found.count; i++) {
        const char *inner = ork_arena_printf(labelled->arena, "%s/%s", path, found.items[i]);
        if (ork_is_folder(inner))
            ork_vec_push(labelled->arena, classes, ((class_folder){found.items[i], inner, -1}));
    }
    return true;
}

static bool name_classes(ork_diag *diag, class_folders *classes, const labels *names)
{
    bool numbered = true;
    for (size_t i = 0; i < classes->count; i++)
        numbered = numbered && number_of(classes->items[i].name) >= 0;
    for (size_t i = 0; i < classes->count; i++) {
        class_folder *folder = &classes->items[i];
        folder->class_id = label_of(names, folder->name);
        if (folder->class_id < 0 && numbered)
            folder->class_id = number_of(folder->name);
        else if (folder->class_id < 0 && !names->count)
            folder->class_id = (int)i;
        if (folder->class_id < 0) {
            fail_class(diag, names, folder->name);
            return ork_where(diag, "%s", folder->path);
        }
    }
    return true;
}

static bool add_folder(ork_labelled *labelled, ork_diag *diag, const class_folder *folder)
{
    ork_names found;
    if (!ork_folder_read(diag, labelled->arena, folder->path, &found))
        return false;
    for (size_t i = 0; i < found.count; i++)
        if (ork_image_kind_of_path(found.items[i]) != ORK_IMAGE_UNKNOWN) {
            const char *path =
                ork_arena_printf(labelled->arena, "%s/%s", folder->path, found.items[i]);
            ork_vec_push(labelled->arena, &labelled->pictures,
                         ((ork_labelled_picture){path, folder->class_id}));
        }
    return true;
}

static bool read_folder(ork_labelled *labelled, ork_diag *diag, const char *path,
                        const labels *names)
{
    class_folders classes = {0};
    if (!list_classes(labelled, diag, path, &classes) || !name_classes(diag, &classes, names))
        return false;
    for (size_t i = 0; i < classes.count; i++)
        if (!add_folder(labelled, diag, &classes.items[i]))
            return false;
    return true;
}

/* ---- both ---- */

ork_labelled *ork_labelled_read(ork_model *model, const char *path, const char *const *label_names,
                                int label_count)
{
    ork_diag *diag = model->diag;
    labels names = {label_names, label_names ? label_count : 0};
    ork_arena *arena = ork_arena_new();
    ork_labelled *labelled = ORK_NEW(arena, ork_labelled);
    labelled->arena = arena;
    ork_diag_clear(diag);
    bool good = ork_is_folder(path) ? read_folder(labelled, diag, path, &names)
                                    : read_list(labelled, diag, path, &names);
    if (good && labelled->pictures.count)
        return labelled;
    if (good) {
        ork_fail(diag, ORK_ERR_DATASET_EMPTY, "there are no labelled pictures");
        ork_where(diag, "%s", path);
        ork_fix(diag, "give a folder with a folder of pictures for each class, or a list with a "
                      "picture and its class in each line");
    }
    ork_arena_free(arena);
    return NULL;
}

void ork_labelled_free(ork_labelled *labelled)
{
    if (labelled)
        ork_arena_free(labelled->arena);
}

int ork_labelled_count(const ork_labelled *labelled)
{
    return (int)labelled->pictures.count;
}

const ork_labelled_picture *ork_labelled_at(const ork_labelled *labelled, int index)
{
    return index >= 0 && index < ork_labelled_count(labelled) ? &labelled->pictures.items[index]
                                                              : NULL;
}
