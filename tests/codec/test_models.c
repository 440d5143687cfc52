/* SPDX-License-Identifier: Apache-2.0 */
/* Every PyTorch file below $ORK_SHARED/models opens, has undamaged entries and readable pickles. */
#define _XOPEN_SOURCE 700
#include "codec/codec.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static ork_diag *diag;
static int archives, legacy_files, pickles, failures;

static bool tell(const char *path, const char *name)
{
    const ork_error *error = ork_diag_error(diag);
    print_error("%s %s: %s; %s\n", path, name, error->what, error->why);
    failures++;
    return false;
}

static bool check_pickle(ork_arena *arena, ork_bytes bytes, const char *path, const char *name)
{
    ork_pickle_value *value;
    size_t consumed;
    if (!ork_pickle_read(diag, arena, bytes, &value, &consumed) || consumed != bytes.size)
        return tell(path, name);
    pickles++;
    return true;
}

static void check_archive(ork_arena *arena, ork_bytes file, const char *path)
{
    ork_zip *zip = ork_zip_open(diag, arena, file);
    if (!zip) {
        tell(path, "");
        return;
    }
    archives++;
    for (size_t i = 0; i < ork_zip_count(zip); i++) {
        const char *name = ork_zip_name(zip, i);
        ork_bytes bytes;
        if (!ork_zip_entry_bytes(diag, zip, i, arena, &bytes) || !ork_zip_verify(diag, zip, i))
            tell(path, name);
        else if (ork_ends_with(name, ".pkl") || ork_ends_with(name, ".debug_pkl"))
            check_pickle(arena, bytes, path, name);
    }
}

/* Magic number, version, system, the object, the keys of the storages. */
static void check_legacy(ork_arena *arena, ork_bytes bytes, const char *path)
{
    legacy_files++;
    for (int i = 0; i < 5; i++) {
        ork_pickle_value *value;
        size_t consumed;
        if (!ork_pickle_read(diag, arena, bytes, &value, &consumed)) {
            tell(path, "");
            return;
        }
        bytes = (ork_bytes){bytes.data + consumed, bytes.size - consumed};
    }
}

static int visit(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)ftw;
    bool is_torch = ork_ends_with(path, ".pt") || ork_ends_with(path, ".pth");
    if (type != FTW_F || !is_torch)
        return 0;
    ork_arena *arena = ork_arena_new();
    ork_file file = {0};
    if (!ork_file_map(diag, path, &file))
        tell(path, "");
    else if (ork_zip_is(file.bytes))
        check_archive(arena, file.bytes, path);
    else
        check_legacy(arena, file.bytes, path);
    ork_file_unmap(&file);
    ork_arena_free(arena);
    return 0;
}

static void test_shared_models(void **state)
{
    (void)state;
    const char *shared = getenv("ORK_SHARED");
    if (!shared)
        skip();
    char folder[4096];
    snprintf(folder, sizeof(folder), "%s/models", shared);
    diag = ork_diag_new();
    assert_int_equal(nftw(folder, visit, 16, FTW_PHYS), 0);
    print_message("%d archives, %d legacy files, %d pickles in archives\n", archives, legacy_files,
                  pickles);
    ork_diag_free(diag);
    assert_int_equal(failures, 0);
    assert_true(archives > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_models)};
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
