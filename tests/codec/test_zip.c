/* SPDX-License-Identifier: Apache-2.0 */
#define DATA_FOLDER "codec/zip"
#include "../reader_fixture.h"
#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ork_bytes load_copy(fixture *f, const char *name)
{
    ork_bytes bytes = load(f, name);
    free(f->copy);
    f->copy = malloc(bytes.size);
    memcpy(f->copy, bytes.data, bytes.size);
    return (ork_bytes){f->copy, bytes.size};
}

static uint8_t *find(ork_bytes bytes, const char *text, size_t size, int which)
{
    for (size_t i = 0; i + size <= bytes.size; i++)
        if (memcmp(bytes.data + i, text, size) == 0 && which-- == 0)
            return (uint8_t *)(uintptr_t)bytes.data + i;
    fail_msg("not found");
    return NULL;
}

static void assert_refused(fixture *f, ork_bytes bytes, const char *text)
{
    assert_null(ork_zip_open(f->diag, f->arena, bytes));
    const ork_error *error = ork_diag_error(f->diag);
    assert_string_equal(error->id, "E0104");
    if (!strstr(error->what, text) && !strstr(error->why, text))
        fail_msg("'%s' / '%s' lacks '%s'", error->what, error->why, text);
}

static void assert_contents(fixture *f, ork_bytes file)
{
    ork_zip *zip = ork_zip_open(f->diag, f->arena, file);
    assert_non_null(zip);
    assert_int_equal(ork_zip_count(zip), 3);
    assert_string_equal(ork_zip_name(zip, 0), "a.txt");
    ork_bytes bytes;
    size_t index;
    assert_true(ork_zip_entry_bytes(f->diag, zip, 0, f->arena, &bytes));
    assert_int_equal(bytes.size, 40 * 32);
    for (size_t i = 0; i < 40; i++)
        assert_memory_equal(bytes.data + 32 * i, "the same words again and again, ", 32);
    assert_true(ork_zip_find(zip, "sub/b.bin", &index));
    assert_int_equal(index, 1);
    assert_true(ork_zip_entry_bytes(f->diag, zip, 1, f->arena, &bytes));
    assert_int_equal(bytes.size, 64);
    assert_true(bytes.data > file.data && bytes.data < file.data + file.size); /* no copy */
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(bytes.data[i], i);
    assert_true(ork_zip_entry_bytes(f->diag, zip, 2, f->arena, &bytes));
    assert_int_equal(bytes.size, 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(ork_zip_verify(f->diag, zip, i));
    assert_false(ork_zip_find(zip, "sub/", &index));
    assert_false(ork_zip_find(zip, "zz", &index));
}

static void test_contents(void **state)
{
    fixture *f = *state;
    const char *const names[] = {"plain.zip", "comment.zip", "zip64_end.zip", "zip64_entries.zip"};
    for (size_t i = 0; i < ORK_COUNT(names); i++)
        assert_contents(f, load(f, names[i]));
}

static void test_empty_archive(void **state)
{
    fixture *f = *state;
    ork_zip *zip = ork_zip_open(f->diag, f->arena, load(f, "empty.zip"));
    size_t index;
    assert_non_null(zip);
    assert_int_equal(ork_zip_count(zip), 0);
    assert_false(ork_zip_find(zip, "a", &index));
}

static void test_traced_model(void **state)
{
    fixture *f = *state;
    ork_zip *zip = ork_zip_open(f->diag, f->arena, load(f, "traced.pt"));
    size_t index;
    ork_bytes bytes;
    assert_non_null(zip);
    assert_true(ork_zip_find(zip, "archive/data/0", &index));
    assert_true(ork_zip_entry_bytes(f->diag, zip, index, f->arena, &bytes));
    assert_int_equal(bytes.size % sizeof(float), 0);
    assert_int_equal((size_t)(bytes.data - f->file.bytes.data) % 64, 0);
    for (size_t i = 0; i < ork_zip_count(zip); i++) {
        assert_true(ork_zip_entry_bytes(f->diag, zip, i, f->arena, &bytes));
        assert_int_equal(bytes.size, ork_zip_entry_at(zip, i)->size);
        assert_true(ork_zip_verify(f->diag, zip, i));
    }
}

static void test_every_truncation_is_refused(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load_copy(f, "plain.zip");
    for (size_t size = 4; size < bytes.size; size++)
        assert_refused(f, (ork_bytes){bytes.data, size}, "cut short");
}

static void test_other_files(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "empty"},
        {" \n<!DOCTYPE html><html>not found</html>", "web page"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"},
        {"anything else", "another kind"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++)
        assert_refused(f, (ork_bytes){(const uint8_t *)rows[i].text, strlen(rows[i].text)},
                       rows[i].why);
}

static void test_duplicate_names(void **state)
{
    fixture *f = *state;
    assert_refused(f, load(f, "duplicate.zip"), "two entries are called 'a.txt'");
}

static void test_overlap(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load_copy(f, "plain.zip");
    /* The second entry claims to begin where the first does, and to be it. */
    uint8_t *second = find(bytes, "PK\1\2", 4, 1), *first = find(bytes, "PK\1\2", 4, 0);
    memset(second + 42, 0, 4);
    assert_refused(f, bytes, "do not agree");
    memcpy(second + 10, first + 10, 2);  /* method */
    memcpy(second + 46, "a.txt/bcd", 9); /* same length of name in the local header needed */
    assert_refused(f, bytes, "do not agree");

    bytes = load_copy(f, "plain.zip"); /* the stored entry reaches into the third one */
    second = find(bytes, "PK\1\2", 4, 1);
    second[20] = second[24] = 70;
    assert_refused(f, bytes, "overlap");
}

static void test_damage(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load_copy(f, "plain.zip"), out;
    find(bytes, "PK\3\4", 4, 1)[0] = 'Q';
    assert_refused(f, bytes, "should begin at byte");
    bytes = load_copy(f, "plain.zip");
    find(bytes, "PK\1\2", 4, 2)[3] = 9;
    assert_refused(f, bytes, "wrong signature");
    bytes = load_copy(f, "plain.zip"); /* more entries than the directory can hold */
    memset(find(bytes, "PK\5\6", 4, 0) + 8, 0x77, 4);
    assert_refused(f, bytes, "cannot hold");
    bytes = load_copy(f, "plain.zip"); /* the directory lies beyond the end */
    memset(find(bytes, "PK\5\6", 4, 0) + 16, 0x77, 4);
    assert_refused(f, bytes, "does not fit");

    bytes = load_copy(f, "plain.zip"); /* contents */
    find(bytes, "a.txt", 5, 0)[5 + 8] ^= 0x10;
    *find(bytes, "\x08\x09\x0a\x0b", 4, 0) = 0;
    ork_zip *zip = ork_zip_open(f->diag, f->arena, bytes);
    assert_non_null(zip);
    assert_false(ork_zip_entry_bytes(f->diag, zip, 0, f->arena, &out));
    assert_int_equal(ork_diag_error_id(f->diag), ORK_ERR_ZIP);
    assert_true(ork_zip_entry_bytes(f->diag, zip, 1, f->arena, &out)); /* only told by verify */
    assert_false(ork_zip_verify(f->diag, zip, 1));
    assert_non_null(strstr(ork_diag_error(f->diag)->what, "sub/b.bin"));
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void assert_unreadable(fixture *f, ork_bytes bytes, const char *text)
{
    ork_bytes out;
    size_t before = ork_arena_size(f->arena);
    ork_zip *zip = ork_zip_open(f->diag, f->arena, bytes);
    assert_non_null(zip);
    assert_false(ork_zip_entry_bytes(f->diag, zip, 0, f->arena, &out));
    assert_true(ork_arena_size(f->arena) - before < 100000);
    if (!strstr(ork_diag_error(f->diag)->what, text))
        fail_msg("'%s' lacks '%s'", ork_diag_error(f->diag)->what, text);
}

static void test_refused_entries(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load_copy(f, "plain.zip");
    put_u32(find(bytes, "PK\1\2", 4, 0) + 24, 0x80000001u);
    assert_unreadable(f, bytes, "2 GiB");
    put_u32(find(bytes, "PK\1\2", 4, 0) + 24, 10000000);
    assert_unreadable(f, bytes, "cannot be true");
    put_u32(find(bytes, "PK\1\2", 4, 0) + 24, 1279);
    assert_unreadable(f, bytes, "cannot be unpacked");
    bytes = load_copy(f, "plain.zip");
    find(bytes, "PK\1\2", 4, 0)[8] |= 1;
    assert_unreadable(f, bytes, "encrypted");
    bytes = load_copy(f, "plain.zip");
    find(bytes, "PK\1\2", 4, 0)[10] = find(bytes, "PK\3\4", 4, 0)[8] = 12;
    assert_unreadable(f, bytes, "method 12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_contents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_archive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_traced_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_truncation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_duplicate_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_entries, setup, teardown),
    };
    return cmocka_run_group_tests_name("zip", tests, NULL, NULL);
}
