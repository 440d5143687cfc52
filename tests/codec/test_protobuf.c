/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format, byte by byte. */
#include "../reader_fixture.h"
#include "codec/codec.h"

#include <string.h>

#define MESSAGE(...)                                                                               \
    ork_protobuf_new(                                                                              \
        (ork_bytes){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static void test_fields(void **state)
{
    fixture *f = *state;
    ork_protobuf message = MESSAGE(0x08, 0x96, 0x01,                /* 1: varint 150 */
                                   0x12, 2, 'h', 'i',               /* 2: "hi" */
                                   0x1d, 0, 0, 0x80, 0x3f,          /* 3: float 1 */
                                   0x21, 0, 0, 0, 0, 0, 0, 0, 0xc0, /* 4: double -2 */
                                   0xfa, 0x01, 0);                  /* 31: empty */
    ork_protobuf_field field;
    assert_true(ork_protobuf_next(&message, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.value, 150);
    assert_true(ork_protobuf_next(&message, &field));
    assert_string_equal(ork_protobuf_text(f->arena, &field), "hi");
    assert_true(ork_protobuf_next(&message, &field));
    assert_true(ork_protobuf_float(&field) == 1.0f);
    assert_true(ork_protobuf_next(&message, &field));
    assert_true(ork_protobuf_double(&field) == -2.0);
    assert_true(ork_protobuf_next(&message, &field));
    assert_int_equal(field.number, 31);
    assert_string_equal(ork_protobuf_text(f->arena, &field), "");
    assert_false(ork_protobuf_next(&message, &field));
    assert_false(ork_protobuf_is_damaged(&message));
}

static void check_damaged(ork_protobuf message)
{
    ork_protobuf_field field;
    while (ork_protobuf_next(&message, &field))
        ;
    assert_true(ork_protobuf_is_damaged(&message));
}

static void test_damage(void **state)
{
    (void)state;
    check_damaged(MESSAGE(0x08));              /* no value */
    check_damaged(MESSAGE(0x08, 0x80));        /* the number goes on */
    check_damaged(MESSAGE(0x12, 3, 'h', 'i')); /* shorter than it says */
    check_damaged(MESSAGE(0x1d, 0, 0));        /* four bytes wanted */
    check_damaged(MESSAGE(0x0b));              /* a group */
    check_damaged(MESSAGE(0x0e));              /* no such wire */
    check_damaged(MESSAGE(0x00, 0));           /* field 0 */
    check_damaged(MESSAGE(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
    check_damaged(MESSAGE(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
}

static void test_text(void **state)
{
    fixture *f = *state;
    ork_protobuf message = MESSAGE(0x12, 2, 0xc3, 0x28, 0x12, 2, 'a', 0, 0x08, 1);
    ork_protobuf_field field;
    for (int i = 0; i < 3; i++) { /* not UTF-8; with a NUL inside; a number */
        assert_true(ork_protobuf_next(&message, &field));
        assert_null(ork_protobuf_text(f->arena, &field));
    }
}

/* The sum of a repeated number, and how many there were. */
static uint64_t sum(const ork_protobuf_field *field, ork_wire item, int *count, bool *failed)
{
    ork_protobuf_numbers numbers = ork_protobuf_numbers_of(field, item);
    ork_protobuf_field number;
    uint64_t total = 0;
    for (*count = 0; ork_protobuf_number(&numbers, &number); ++*count)
        total += number.value;
    *failed = numbers.reader.failed;
    return total;
}

static void test_numbers(void **state)
{
    (void)state;
    int count;
    bool failed;
    ork_protobuf_field field;
    ork_protobuf packed = MESSAGE(0x0a, 4, 1, 0x96, 0x01, 3);
    assert_true(ork_protobuf_next(&packed, &field));
    assert_int_equal(sum(&field, ORK_WIRE_VARINT, &count, &failed), 154);
    assert_true(count == 3 && !failed);
    ork_protobuf single = MESSAGE(0x08, 7);
    assert_true(ork_protobuf_next(&single, &field));
    assert_int_equal(sum(&field, ORK_WIRE_VARINT, &count, &failed), 7);
    assert_true(count == 1 && !failed);
    sum(&field, ORK_WIRE_FIXED32, &count, &failed); /* another wire than wanted */
    assert_true(count == 0 && failed);
    ork_protobuf cut = MESSAGE(0x0a, 5, 0, 0, 0x80, 0x3f, 0);
    assert_true(ork_protobuf_next(&cut, &field));
    sum(&field, ORK_WIRE_FIXED32, &count, &failed);
    assert_true(count == 1 && failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test(test_damage),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
