/* SPDX-License-Identifier: Apache-2.0 */
#define DATA_FOLDER "codec/pickle"
#include "../reader_fixture.h"
#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ork_pickle_value *read_bytes(fixture *f, ork_bytes bytes)
{
    ork_pickle_value *value = NULL;
    size_t consumed = 0;
    if (!ork_pickle_read(f->diag, f->arena, bytes, &value, &consumed)) {
        const ork_error *error = ork_diag_error(f->diag);
        fail_msg("%s: %s", error->what, error->why);
    }
    assert_true(consumed <= bytes.size);
    return value;
}

static void assert_int(const ork_pickle_value *value, int64_t expected)
{
    int64_t integer = ~expected;
    assert_true(ork_pickle_int(value, &integer));
    assert_true(integer == expected);
}

static void check_numbers(const ork_pickle_value *v)
{
    double number;
    bool boolean;
    assert_true(ork_pickle_is(ork_pickle_get(v, "none"), ORK_PICKLE_NONE));
    assert_true(ork_pickle_bool(ork_pickle_get(v, "yes"), &boolean) && boolean);
    assert_true(ork_pickle_bool(ork_pickle_get(v, "no"), &boolean) && !boolean);
    assert_int(ork_pickle_get(v, "small"), 7);
    assert_int(ork_pickle_get(v, "byte"), 200);
    assert_int(ork_pickle_get(v, "short"), 60000);
    assert_int(ork_pickle_get(v, "negative"), -5);
    assert_int(ork_pickle_get(v, "wide"), (int64_t)1 << 40);
    assert_int(ork_pickle_get(v, "least"), INT64_MIN);
    const ork_pickle_value *big = ork_pickle_get(v, "big");
    assert_true(ork_pickle_is(big, ORK_PICKLE_BIG_INT));
    assert_int_equal(big->bytes.size, 9);
    assert_memory_equal(big->bytes.data, "\0\0\0\0\0\0\0\0\x40", 9);
    assert_true(ork_pickle_float(ork_pickle_get(v, "float"), &number) && number == 0.1);
    assert_true(ork_pickle_float(ork_pickle_get(v, "small"), &number) && number == 7.0);
    assert_false(ork_pickle_int(ork_pickle_get(v, "float"), &(int64_t){0}));
}

static void check_texts(const ork_pickle_value *v, int protocol)
{
    assert_string_equal(ork_pickle_text(ork_pickle_get(v, "text")), "gr\xc3\xb6\xc3\x9f"
                                                                    "er");
    assert_int_equal(strlen(ork_pickle_text(ork_pickle_get(v, "long text"))), 300);
    const ork_pickle_value *bytes = ork_pickle_get(v, "bytes");
    if (protocol == 2) { /* bytes did not exist: _codecs.encode(text, 'latin1') */
        assert_true(ork_pickle_is_call(bytes, "_codecs", "encode"));
        assert_string_equal(ork_pickle_text(ork_pickle_arg(bytes, 1)), "latin1");
        return;
    }
    assert_true(ork_pickle_is(bytes, ORK_PICKLE_BYTES));
    assert_int_equal(bytes->bytes.size, 2);
    assert_memory_equal(bytes->bytes.data, "\0\xff", 2);
    assert_int_equal(ork_pickle_get(v, "long bytes")->bytes.size, 300);
}

static void check_containers(const ork_pickle_value *v, int protocol)
{
    const ork_pickle_value *tuples = ork_pickle_get(v, "tuples");
    assert_int_equal(ork_pickle_count(tuples), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(ork_pickle_count(ork_pickle_item(tuples, i)), i);
        for (size_t k = 0; k < i; k++)
            assert_int(ork_pickle_item(ork_pickle_item(tuples, i), k), (int64_t)k + 1);
    }
    assert_null(ork_pickle_item(tuples, 5));
    const ork_pickle_value *shared = ork_pickle_get(v, "shared");
    assert_ptr_equal(ork_pickle_item(shared, 0), ork_pickle_item(shared, 1));
    const ork_pickle_value *loop = ork_pickle_get(v, "loop");
    assert_ptr_equal(ork_pickle_item(loop, 1), loop);
    const ork_pickle_value *many = ork_pickle_get(v, "many");
    assert_int_equal(ork_pickle_count(many), 1200);
    for (size_t i = 0; i < 1200; i++)
        assert_int(ork_pickle_item(many, i), (int64_t)i);
    const ork_pickle_value *set = ork_pickle_get(v, "set");
    if (protocol >= 4)
        assert_true(ork_pickle_is(set, ORK_PICKLE_SET) && ork_pickle_count(set) == 1);
    else
        assert_int(ork_pickle_item(ork_pickle_arg(set, 0), 0), 5);
}

static void check_calls(const ork_pickle_value *v)
{
    const ork_pickle_value *ordered = ork_pickle_get(v, "ordered");
    assert_true(ork_pickle_is_call(ordered, "collections", "OrderedDict"));
    assert_int(ork_pickle_get(ordered, "k"), 1);
    assert_int(ork_pickle_get(ordered, "l"), 2);
    const ork_pickle_value *complex = ork_pickle_get(v, "complex");
    double number = 0;
    assert_true(ork_pickle_is(complex, ORK_PICKLE_CALL));
    assert_string_equal(complex->object->callable->global.name, "complex");
    assert_true(ork_pickle_float(ork_pickle_arg(complex, 1), &number) && number == 2.0);
}

static void test_all_protocols(void **state)
{
    fixture *f = *state;
    for (int protocol = 2; protocol <= 5; protocol++) {
        char name[32];
        snprintf(name, sizeof(name), "sample%d.pkl", protocol);
        const ork_pickle_value *v = read_bytes(f, load(f, name));
        assert_int_equal(ork_pickle_count(v), 22);
        check_numbers(v);
        check_texts(v, protocol);
        check_containers(v, protocol);
        check_calls(v);
    }
}

static void test_traced_model(void **state)
{
    fixture *f = *state;
    const ork_pickle_value *v = read_bytes(f, load(f, "traced_data.pkl"));
    assert_true(ork_pickle_is(v, ORK_PICKLE_OBJECT));
    const ork_pickle_value *conv = ork_pickle_get(v, "conv");
    assert_true(ork_pickle_is(conv, ORK_PICKLE_OBJECT));
    const ork_pickle_value *weight = ork_pickle_get(conv, "weight");
    assert_true(ork_pickle_is_call(weight, "torch._utils", "_rebuild_tensor_v2"));
    /* The same parameter under two names is one tensor. */
    assert_ptr_equal(ork_pickle_get(ork_pickle_get(v, "again"), "weight"), weight);
    const ork_pickle_value *storage = ork_pickle_arg(weight, 0);
    assert_true(ork_pickle_is(storage, ORK_PICKLE_PERSISTENT));
    assert_string_equal(ork_pickle_text(ork_pickle_item(storage->id, 0)), "storage");
    assert_true(ork_pickle_is_global(ork_pickle_item(storage->id, 1), "torch", "FloatStorage"));
    const ork_pickle_value *sizes = ork_pickle_arg(weight, 2);
    const int64_t expected[] = {2, 2, 3, 3};
    assert_int_equal(ork_pickle_count(sizes), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int(ork_pickle_item(sizes, i), expected[i]);
}

/* Five pickles follow one another, then the raw storages. */
static void test_legacy_file(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load(f, "legacy.pth");
    const ork_pickle_value *parts[5];
    for (int i = 0; i < 5; i++) {
        size_t consumed = 0;
        ork_pickle_value *part = NULL;
        assert_true(ork_pickle_read(f->diag, f->arena, bytes, &part, &consumed));
        parts[i] = part;
        bytes = (ork_bytes){bytes.data + consumed, bytes.size - consumed};
    }
    assert_true(ork_pickle_is(parts[0], ORK_PICKLE_BIG_INT)); /* the magic number */
    assert_memory_equal(parts[0]->bytes.data, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
    assert_int(parts[1], 1001);
    assert_int(ork_pickle_get(parts[2], "protocol_version"), 1001);
    assert_true(ork_pickle_is_call(parts[3], "collections", "OrderedDict"));
    const ork_pickle_value *weight = ork_pickle_get(parts[3], "weight");
    const ork_pickle_value *view = ork_pickle_get(parts[3], "view");
    assert_non_null(weight);
    assert_ptr_not_equal(weight, view);
    assert_string_equal(ork_pickle_text(ork_pickle_item(ork_pickle_arg(weight, 0)->id, 2)),
                        ork_pickle_text(ork_pickle_item(ork_pickle_arg(view, 0)->id, 2)));
    assert_int(ork_pickle_arg(view, 1), 3);
    assert_int(ork_pickle_get(ork_pickle_get(parts[3], "_metadata"), "version"), 1);
    assert_int_equal(ork_pickle_count(parts[4]), 1);
    assert_int_equal(bytes.size, 8 + 6 * sizeof(float));
}

static void test_python2(void **state)
{
    fixture *f = *state;
    const ork_pickle_value *v = read_bytes(f, load(f, "python2.pkl"));
    assert_true(ork_pickle_is(ork_pickle_get(v, "key"), ORK_PICKLE_BYTES));
    assert_int(ork_pickle_get(v, "k"), 1);
}

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static void test_short_programs(void **state)
{
    fixture *f = *state;
    ork_bytes text_forms = BYTES("(I01\nI-3\nL12L\nF2.5\np7\ng7\nt.");
    const ork_pickle_value *v = read_bytes(f, text_forms);
    bool boolean = false;
    assert_true(ork_pickle_bool(ork_pickle_item(v, 0), &boolean) && boolean);
    assert_int(ork_pickle_item(v, 1), -3);
    assert_int(ork_pickle_item(v, 2), 12);
    assert_ptr_equal(ork_pickle_item(v, 3), ork_pickle_item(v, 4));
    ork_bytes stack_games = BYTES("(K\1(K\2K\3"
                                  "1K\4"
                                  "2"
                                  "0l.");
    v = read_bytes(f, stack_games);
    assert_int_equal(ork_pickle_count(v), 2);
    assert_int(ork_pickle_item(v, 1), 4);
    ork_bytes kept_class = BYTES("X\1\0\0\0kQ)\x81}X\1\0\0\0aK\5sb.");
    v = read_bytes(f, kept_class);
    assert_true(ork_pickle_is(v->object->callable, ORK_PICKLE_PERSISTENT));
    assert_int(ork_pickle_get(v, "a"), 5);
    ork_bytes twice = BYTES("(X\1\0\0\0aK\1X\1\0\0\0aK\2d.");
    assert_int(ork_pickle_get(read_bytes(f, twice), "a"), 2); /* the last one set */
}

static void test_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        ork_bytes bytes;
        const char *what, *why;
    } rows[] = {
        {BYTES(""), "byte 0", "no STOP"},
        {BYTES("K\1"), "byte 2", "no STOP"},
        {BYTES("."), "STOP", "other than one value"},
        {BYTES("NN."), "STOP", "other than one value"},
        {BYTES("(N."), "STOP", "other than one value"},
        {BYTES("\x80\x01N."), "PROTO", "protocols"},
        {BYTES("M\1"), "BININT2", "cut short"},
        {BYTES("X\xff\xff\xff\xff"), "BINUNICODE", "beyond the end"},
        {BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "BINUNICODE8", "beyond the end"},
        {BYTES("X\1\0\0\0\xff."), "BINUNICODE", "UTF-8"},
        {BYTES("h\0."), "BINGET", "never memorized"},
        {BYTES("Nr\xff\xff\xff\x7f."), "LONG_BINPUT", "larger than the pickle"},
        {BYTES("Na."), "APPEND", "empty"},
        {BYTES("NNa."), "APPEND", "no list"},
        {BYTES("]NNs."), "SETITEM", "no dictionary"},
        {BYTES("}(Nu."), "SETITEMS", "no value"},
        {BYTES("t."), "TUPLE", "needs a mark"},
        {BYTES("(N0]Na."), "STOP", "other than one value"},
        {BYTES("N\x86."), "TUPLE2", "more values"},
        {BYTES("NN\x93."), "STACK_GLOBAL", "not texts"},
        {BYTES("cos\n"), "GLOBAL", "no end"},
        {BYTES("N)R."), "REDUCE", "neither"},
        {BYTES("cos\nsystem\nNR."), "REDUCE", "not a tuple"},
        {BYTES("NNb."), "BUILD", "no object"},
        {BYTES("\x82\1."), "EXT1", "outside"},
        {BYTES("\x97."), "NEXT_BUFFER", "outside"},
        {BYTES("\xff."), "unknown opcode", "no pickle"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        ork_pickle_value *value;
        assert_false(ork_pickle_read(f->diag, f->arena, rows[i].bytes, &value, NULL));
        const ork_error *error = ork_diag_error(f->diag);
        assert_string_equal(error->id, "E0105");
        if (!strstr(error->what, rows[i].what) || !strstr(error->why, rows[i].why))
            fail_msg("row %zu: '%s' / '%s'", i, error->what, error->why);
    }
}

/* Nothing may be called: the pickle that would run a command in Python is only described. */
static void test_calls_are_not_made(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = BYTES("cposix\nsystem\nX\6\0\0\0exit 1\x85R.");
    const ork_pickle_value *v = read_bytes(f, bytes);
    assert_true(ork_pickle_is_call(v, "posix", "system"));
    assert_string_equal(ork_pickle_text(ork_pickle_arg(v, 0)), "exit 1");
}

static void test_every_truncation_is_refused(void **state)
{
    fixture *f = *state;
    ork_bytes bytes = load(f, "sample4.pkl");
    for (size_t size = 0; size < bytes.size; size += 1 + size / 64) {
        ork_pickle_value *value;
        assert_false(
            ork_pickle_read(f->diag, f->arena, (ork_bytes){bytes.data, size}, &value, NULL));
    }
}

/* A deep nest is read without recursion. */
static void test_deep(void **state)
{
    fixture *f = *state;
    enum { DEPTH = 1000000 };
    uint8_t *program = malloc(DEPTH + 2);
    memset(program, 0x85, DEPTH + 1);
    program[0] = 'N';
    program[DEPTH + 1] = '.';
    const ork_pickle_value *v = read_bytes(f, (ork_bytes){program, DEPTH + 2});
    size_t depth = 0;
    for (; ork_pickle_item(v, 0); v = ork_pickle_item(v, 0))
        depth++;
    assert_int_equal(depth, DEPTH);
    free(program);
}

static void test_questions_to_nothing(void **state)
{
    (void)state;
    int64_t integer;
    double number;
    bool boolean;
    assert_null(ork_pickle_get(NULL, "x"));
    assert_null(ork_pickle_item(NULL, 0));
    assert_null(ork_pickle_arg(NULL, 0));
    assert_null(ork_pickle_text(NULL));
    assert_int_equal(ork_pickle_count(NULL), 0);
    assert_false(ork_pickle_int(NULL, &integer) || ork_pickle_float(NULL, &number) ||
                 ork_pickle_bool(NULL, &boolean) || ork_pickle_is_call(NULL, "a", "b") ||
                 ork_pickle_is_global(NULL, "a", "b"));
    for (int kind = 0; kind < ORK_PICKLE_KIND_COUNT; kind++)
        assert_true(strlen(ork_pickle_kind_name((ork_pickle_kind)kind)) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_protocols, setup, teardown),
        cmocka_unit_test_setup_teardown(test_traced_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_legacy_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_python2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_programs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calls_are_not_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_truncation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deep, setup, teardown),
        cmocka_unit_test(test_questions_to_nothing),
    };
    return cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
}
