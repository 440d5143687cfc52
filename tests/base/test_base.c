/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Only builds with AddressSanitizer have it. */
int __asan_address_is_poisoned(const volatile void *memory) __attribute__((weak));

/* It knows the pieces of a block: between them are gaps that nobody may touch. */
static void test_sanitizer_knows_pieces(void **state)
{
    (void)state;
    if (!__asan_address_is_poisoned)
        skip();
    ork_arena *arena = ork_arena_new();
    for (int size = 1; size < 70; size++) {
        const char *piece = ork_arena_alloc(arena, (size_t)size);
        assert_false(__asan_address_is_poisoned(piece));
        assert_false(__asan_address_is_poisoned(piece + size - 1));
        assert_true(__asan_address_is_poisoned(piece + size));
    }
    ork_arena_free(arena);
}

static void test_arena_is_zeroed_and_aligned(void **state)
{
    (void)state;
    ork_arena *arena = ork_arena_new();
    for (size_t size = 1; size < 3000000; size = size * 3 + 1) {
        uint8_t *bytes = ork_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, size);
        assert_int_equal((uintptr_t)ork_arena_alloc_data(arena, size) % 64, 0);
    }
    ork_arena_free(arena);
}

static void test_vec_and_map(void **state)
{
    (void)state;
    ork_arena *arena = ork_arena_new();
    ORK_VEC(int) numbers = {0};
    ork_map *map = ork_map_new(arena);
    for (int i = 0; i < 1000; i++) {
        ork_vec_push(arena, &numbers, i);
        ork_map_set(map, ork_arena_printf(arena, "key%d", i), (void *)(intptr_t)(i + 1));
    }
    assert_int_equal(ork_map_count(map), 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(numbers.items[i], i);
        assert_int_equal((intptr_t)ork_map_get(map, ork_arena_printf(arena, "key%d", i)), i + 1);
    }
    assert_null(ork_map_get(map, "absent"));
    ork_arena_free(arena);
}

static void test_first_text_of_an_error_stays(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    assert_false(ork_fail(diag, ORK_ERR_ZIP, "entry %d is damaged", 7));
    ork_where(diag, "inner");
    ork_where(diag, "outer");
    const ork_error *error = ork_diag_error(diag);
    assert_string_equal(error->id, "E0104");
    assert_string_equal(error->what, "entry 7 is damaged");
    assert_string_equal(error->where, "inner");
    assert_string_equal(error->why, "");
    assert_true(strlen(error->fix) > 0);
    ork_diag_clear(diag);
    assert_string_equal(ork_diag_error(diag)->id, "");
    ork_diag_free(diag);
}

static void test_reader_never_passes_the_end(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3, 4, 5};
    ork_reader reader = ork_reader_new((ork_bytes){data, sizeof(data)});
    assert_int_equal(ork_read_u32(&reader), 0x04030201);
    assert_int_equal(ork_read_u16(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(ork_read_u8(&reader), 0);
    assert_null(ork_read_bytes(&reader, SIZE_MAX));
}

static void test_output_appears_whole_or_not_at_all(void **state)
{
    (void)state;
    char folder[] = "/tmp/ork-base-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[128];
    snprintf(path, sizeof(path), "%s/out.bin", folder);
    ork_diag *diag = ork_diag_new();
    ork_output *output = ork_output_open(diag, path);
    assert_true(ork_output_write(output, "abc", 3));
    assert_false(ork_file_exists(path));
    ork_output_discard(output);
    assert_false(ork_file_exists(path));
    output = ork_output_open(diag, path);
    assert_true(ork_output_write(output, "abc", 3));
    assert_true(ork_output_commit(output));
    ork_file file;
    assert_true(ork_file_map(diag, path, &file));
    assert_int_equal(file.bytes.size, 3);
    assert_memory_equal(file.bytes.data, "abc", 3);
    ork_file_unmap(&file);
    unlink(path);
    assert_null(ork_output_open(diag, "/nowhere/at/all"));
    assert_string_equal(ork_diag_error(diag)->id, "E0102");
    assert_false(ork_file_map(diag, path, &file));
    assert_string_equal(ork_diag_error(diag)->id, "E0101");
    ork_diag_free(diag);
    rmdir(folder);
}

typedef struct tally {
    atomic_int hits[257];
} tally;

static void count_hit(void *arg, int index, int worker)
{
    (void)worker;
    atomic_fetch_add(&((tally *)arg)->hits[index], 1);
}

static void test_pool_runs_each_task_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        ork_pool *pool = ork_pool_new(threads);
        assert_int_equal(ork_pool_threads(pool), threads);
        for (int round = 0; round < 200; round++) {
            tally counts = {0};
            ork_pool_run(pool, count_hit, &counts, 257);
            for (int i = 0; i < 257; i++)
                assert_int_equal(counts.hits[i], 1);
        }
        ork_pool_free(pool);
    }
}

static void test_half_round_trips(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float value = ork_half_to_float((uint16_t)bits);
        if (isnan(value))
            assert_int_equal(ork_float_to_half(value) & 0x7c00, 0x7c00);
        else
            assert_int_equal(ork_float_to_half(value), bits);
    }
    assert_int_equal(ork_float_to_half(65520.0f), 0x7c00);
    assert_int_equal(ork_float_to_half(1.0f + 0x1p-11f), 0x3c00); /* tie to even */
    assert_int_equal(ork_float_to_half(1.0f + 0x3p-11f), 0x3c02);
    assert_int_equal(ork_float_to_half(0x1p-25f), 0);
}

static void test_nearest_name(void **state)
{
    (void)state;
    const char *const names[] = {"mean_values", "std_values", "target_platform"};
    assert_string_equal(ork_nearest_name("mean_value", names, 3), "mean_values");
    assert_string_equal(ork_nearest_name("target_plattform", names, 3), "target_platform");
    assert_null(ork_nearest_name("zzz", names, 3));
}

/* Examples of FIPS 180-4, and lengths around the end of a block. */
static void test_sha256(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sum;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        char sum[ORK_SHA256_TEXT];
        ork_sha256((ork_bytes){(const uint8_t *)rows[i].text, strlen(rows[i].text)}, sum);
        assert_string_equal(sum, rows[i].sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sanitizer_knows_pieces),
        cmocka_unit_test(test_arena_is_zeroed_and_aligned),
        cmocka_unit_test(test_vec_and_map),
        cmocka_unit_test(test_first_text_of_an_error_stays),
        cmocka_unit_test(test_reader_never_passes_the_end),
        cmocka_unit_test(test_output_appears_whole_or_not_at_all),
        cmocka_unit_test(test_pool_runs_each_task_once),
        cmocka_unit_test(test_half_round_trips),
        cmocka_unit_test(test_nearest_name),
        cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
