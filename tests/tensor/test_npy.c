/* SPDX-License-Identifier: Apache-2.0 */
#include "../reader_fixture.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_path(fixture *f, const char *path, ork_tensor *tensor)
{
    ork_file file;
    assert_true(ork_file_map(f->diag, path, &file));
    bool is_read = ork_npy_read(f->diag, f->arena, file.bytes, tensor);
    ork_file_unmap(&file);
    return is_read;
}

static bool read_file(fixture *f, const char *name, ork_tensor *tensor)
{
    char path[512];
    snprintf(path, sizeof(path), ORK_TEST_DATA "/codec/npy/%s.npy", name);
    return read_path(f, path, tensor);
}

/* The little-endian files are in C order, the big-endian ones in Fortran order. */
static void test_types_and_orders(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        ork_dtype dtype;
    } rows[] = {
        {"f2", ORK_F16}, {"f4", ORK_F32}, {"f8", ORK_F64}, {"u1", ORK_U8},
        {"i1", ORK_I8},  {"i2", ORK_I16}, {"i4", ORK_I32}, {"i8", ORK_I64},
        {"u2", ORK_I32}, {"u4", ORK_I64}, {"u8", ORK_I64},
    };
    const ork_shape shape = ork_shape_of(3, (int64_t[]){2, 3, 4});
    for (size_t i = 0; i < 2 * ORK_COUNT(rows); i++) {
        char name[32];
        ork_tensor tensor;
        snprintf(name, sizeof(name), "%s_%s", rows[i / 2].name, i % 2 ? "big" : "little");
        assert_true(read_file(f, name, &tensor));
        assert_int_equal(tensor.type.dtype, rows[i / 2].dtype);
        assert_true(ork_shape_equal(&tensor.type.shape, &shape));
        for (int64_t k = 0; k < 24; k++)
            assert_true(ork_element_get(tensor.type.dtype, tensor.data, k) == (double)k);
    }
}

static void test_shapes_and_versions(void **state)
{
    fixture *f = *state;
    ork_tensor tensor;
    assert_true(read_file(f, "scalar", &tensor)); /* version 2 */
    assert_int_equal(tensor.type.shape.rank, 0);
    assert_true(ork_element_get(ORK_F32, tensor.data, 0) == 2.5);
    assert_true(read_file(f, "vector", &tensor)); /* version 3 */
    assert_int_equal(tensor.type.shape.rank, 1);
    assert_int_equal(((int8_t *)tensor.data)[2], 2);
    assert_true(read_file(f, "none", &tensor));
    assert_int_equal(ork_shape_count(&tensor.type.shape), 0);
    assert_true(read_file(f, "bool", &tensor));
    assert_int_equal(tensor.type.dtype, ORK_BOOL);
    for (int i = 0; i < 24; i++)
        assert_int_equal(((uint8_t *)tensor.data)[i], i % 3 == 0);
}

static void assert_refused(fixture *f, bool is_read, const char *text)
{
    const ork_error *error = ork_diag_error(f->diag);
    assert_false(is_read);
    assert_string_equal(error->id, "E0107");
    if (!strstr(error->what, text) && !strstr(error->why, text))
        fail_msg("'%s' / '%s' lacks '%s'", error->what, error->why, text);
}

static void test_refused_types(void **state)
{
    fixture *f = *state;
    static const char *const rows[][2] = {
        {"object", "Python objects"},
        {"record", "structured"},
        {"complex", "complex"},
        {"text", "texts"},
        {"too_large", "9223372036854775808"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_tensor tensor;
        assert_refused(f, read_file(f, rows[i][0], &tensor), rows[i][1]);
    }
}

static bool read_header(fixture *f, const char *dictionary, size_t data_size)
{
    uint8_t bytes[512] = "\x93NUMPY\1\0";
    size_t length = strlen(dictionary);
    ork_tensor tensor;
    bytes[8] = (uint8_t)length;
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + 10, dictionary, length);
    return ork_npy_read(f->diag, f->arena, (ork_bytes){bytes, 10 + length + data_size}, &tensor);
}

static void test_headers(void **state)
{
    fixture *f = *state;
    assert_true(read_header(f, "{'shape':(2L,),\"fortran_order\":True,'descr':'<f4'}", 8));
    static const struct {
        const char *dictionary, *text;
    } rows[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n", "cut short"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)", "'}' is missing"},
        {"{'descr': '<f4', 'fortran_order': False, }", "is missing"},
        {"{'descr': '<f4', 'descr': '<f4'}", "comes twice"},
        {"{'descr': '<f4', 'fortran_order': 1, 'shape': ()}", "True or False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "no number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}", "in the shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 999999999999, 999999999)}",
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "dimensions"},
        {"{'descr': '<f3', 'fortran_order': False, 'shape': ()}", "'<f3'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", "structured"},
        {"[1]", "not a dictionary"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++)
        assert_refused(f, read_header(f, rows[i].dictionary, 8), rows[i].text);
}

static void test_other_files(void **state)
{
    fixture *f = *state;
    ork_tensor tensor;
    ork_bytes npz = {(const uint8_t *)"PK\3\4....", 8};
    assert_refused(f, ork_npy_read(f->diag, f->arena, npz, &tensor), ".npz");
    assert_refused(f, ork_npy_read(f->diag, f->arena, (ork_bytes){0}, &tensor), "not a .npy");
    ork_bytes version9 = {(const uint8_t *)"\x93NUMPY\x09\0\1\0{", 11};
    assert_refused(f, ork_npy_read(f->diag, f->arena, version9, &tensor), "version 9");
    ork_bytes cut = {(const uint8_t *)"\x93NUMPY\1\0\xff\0{", 11};
    assert_refused(f, ork_npy_read(f->diag, f->arena, cut, &tensor), "inside its header");
}

static void test_write_and_read(void **state)
{
    fixture *f = *state;
    char folder[] = "/tmp/ork_npy_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.npy", folder);
    for (int dtype = 0; dtype < ORK_DTYPE_COUNT; dtype++) {
        for (int rank = 0; rank <= 3; rank++) {
            uint8_t data[48];
            ork_tensor read,
                written = {ork_type_of((ork_dtype)dtype, rank, (int64_t[]){1, 3, 2}), data};
            int64_t count = ork_shape_count(&written.type.shape);
            for (int64_t i = 0; i < count; i++)
                ork_element_set((ork_dtype)dtype, data, i, (double)i);
            assert_true(ork_npy_write(f->diag, path, &written));
            assert_true(read_path(f, path, &read));
            assert_int_equal(read.type.dtype, dtype == ORK_BF16 ? ORK_F32 : dtype);
            assert_true(ork_shape_equal(&read.type.shape, &written.type.shape));
            for (int64_t i = 0; i < count; i++)
                assert_true(ork_element_get(read.type.dtype, read.data, i) ==
                            ork_element_get((ork_dtype)dtype, data, i));
        }
    }
    unlink(path);
    rmdir(folder);
}

/* What we write is, byte for byte, what numpy.save wrote. */
static void test_same_bytes_as_numpy(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"f4_little", "i8_little", "u1_little", "bool", "none"};
    char folder[] = "/tmp/ork_npy_XXXXXX", path[64], source[512];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.npy", folder);
    for (size_t i = 0; i < ORK_COUNT(names); i++) {
        ork_tensor tensor;
        ork_file ours, theirs;
        snprintf(source, sizeof(source), ORK_TEST_DATA "/codec/npy/%s.npy", names[i]);
        assert_true(read_path(f, source, &tensor));
        assert_true(ork_npy_write(f->diag, path, &tensor));
        assert_true(ork_file_map(f->diag, path, &ours));
        assert_true(ork_file_map(f->diag, source, &theirs));
        assert_int_equal(ours.bytes.size, theirs.bytes.size);
        assert_memory_equal(ours.bytes.data, theirs.bytes.data, ours.bytes.size);
        ork_file_unmap(&ours);
        ork_file_unmap(&theirs);
    }
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types_and_orders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shapes_and_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_bytes_as_numpy, setup, teardown),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
