/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of readers share: diagnostics, an arena, and one file at a time of the folder of
   tests/data that the test names as DATA_FOLDER before it includes this. */
#ifndef ORK_TESTS_READER_FIXTURE_H
#define ORK_TESTS_READER_FIXTURE_H

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    ork_diag *diag;
    ork_arena *arena;
    ork_file file;
    uint8_t *copy; /* what a test may damage */
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    f->diag = ork_diag_new();
    f->arena = ork_arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ork_file_unmap(&f->file);
    ork_arena_free(f->arena);
    ork_diag_free(f->diag);
    free(f->copy);
    free(f);
    return 0;
}

#ifdef DATA_FOLDER
static ork_bytes load(fixture *f, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), ORK_TEST_DATA "/" DATA_FOLDER "/%s", name);
    ork_file_unmap(&f->file);
    assert_true(ork_file_map(f->diag, path, &f->file));
    return f->file.bytes;
}
#endif

#endif
