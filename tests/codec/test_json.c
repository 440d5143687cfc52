/* SPDX-License-Identifier: Apache-2.0 */
#include "../reader_fixture.h"
#include "codec/codec.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ork_json *read_text(fixture *f, const char *text)
{
    return ork_json_read(f->diag, f->arena, (ork_bytes){(const uint8_t *)text, strlen(text)});
}

static ork_json *read_file(fixture *f, const char *name)
{
    char path[512];
    ork_file file;
    snprintf(path, sizeof(path), ORK_TEST_DATA "/codec/json/%s.json", name);
    assert_true(ork_file_map(f->diag, path, &file));
    ork_json *value = ork_json_read(f->diag, f->arena, file.bytes);
    ork_file_unmap(&file); /* the tree does not point into the text */
    return value;
}

static void test_values(void **state)
{
    fixture *f = *state;
    const ork_json *v = read_file(f, "values"), *a = ork_json_get(v, "a");
    double number = 0;
    int64_t integer = 0;
    bool boolean = false;
    assert_int_equal(ork_json_count(v), 5);
    assert_string_equal(v->object.members[3].key, "a b"); /* order of the text */
    assert_int_equal(ork_json_count(a), 6);
    assert_true(ork_json_as_int(ork_json_item(a, 0), &integer) && integer == 1);
    assert_true(ork_json_as_double(ork_json_item(a, 0), &number) && number == 1.0);
    assert_true(ork_json_as_double(ork_json_item(a, 1), &number) && number == -2500.0);
    assert_false(ork_json_as_int(ork_json_item(a, 1), &integer));
    assert_true(ork_json_as_bool(ork_json_item(a, 2), &boolean) && boolean);
    assert_true(ork_json_as_bool(ork_json_item(a, 3), &boolean) && !boolean);
    assert_true(ork_json_is(ork_json_item(a, 4), ORK_JSON_NULL));
    assert_string_equal(ork_json_as_text(ork_json_item(a, 5)), "t\xc3\xa9\n\xf0\x9f\x98\x80");
    assert_null(ork_json_item(a, 6));
    assert_int_equal(ork_json_count(ork_json_get(v, "b")), 0);
    assert_true(ork_json_is(ork_json_get(v, "c"), ORK_JSON_ARRAY));
    assert_true(ork_json_get_int(v, "a b", 0) == INT64_MAX);
    assert_true(ork_json_is(ork_json_get(v, "big"), ORK_JSON_FLOAT));
    assert_true(ork_json_get_double(v, "big", 0) == 9223372036854775808.0);
}

static void test_fallbacks(void **state)
{
    fixture *f = *state;
    const ork_json *v = read_text(f, "{\"i\": 4, \"d\": 1.5, \"t\": \"x\", \"b\": true}");
    assert_int_equal(ork_json_get_int(v, "i", 9), 4);
    assert_int_equal(ork_json_get_int(v, "d", 9), 9);
    assert_int_equal(ork_json_get_int(v, "absent", 9), 9);
    assert_int_equal(ork_json_get_int(NULL, "i", 9), 9);
    assert_true(ork_json_get_double(v, "d", 9) == 1.5 && ork_json_get_double(v, "t", 9) == 9);
    assert_true(ork_json_get_bool(v, "b", false) && ork_json_get_bool(v, "i", true));
    assert_string_equal(ork_json_get_text(v, "t", "none"), "x");
    assert_string_equal(ork_json_get_text(v, "i", "none"), "none");
    assert_null(ork_json_get(ork_json_get(ork_json_get(v, "x"), "y"), "z"));
}

static void test_equal_keys(void **state)
{
    fixture *f = *state;
    const ork_json *v = read_file(f, "twice");
    assert_int_equal(ork_json_count(v), 2);
    assert_string_equal(v->object.members[0].key, "k");
    assert_int_equal(v->object.members[0].value->integer, 3);
    assert_int_equal(ork_json_get_int(v, "k", 0), 3);
    assert_int_equal(ork_json_get_int(v, "l", 0), 2);
}

static void test_many_keys(void **state)
{
    fixture *f = *state;
    ork_str text = {0};
    for (int i = 0; i < 3000; i++)
        ork_str_printf(&text, "%c\"key%d\":%d", i ? ',' : '{', i * 7919 % 1000, i);
    ork_str_append(&text, "}", 1);
    const ork_json *v = read_text(f, text.text);
    ork_str_free(&text);
    assert_int_equal(ork_json_count(v), 1000);
    for (int i = 0; i < 1000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "key%d", i * 7919 % 1000);
        assert_int_equal(ork_json_get_int(v, key, -1), 2000 + i);
        assert_string_equal(v->object.members[i].key, key);
    }
}

static void test_limits(void **state)
{
    fixture *f = *state;
    assert_non_null(read_file(f, "bom"));
    assert_non_null(read_file(f, "deep"));
    assert_null(read_file(f, "bad_deep"));
    assert_non_null(strstr(ork_diag_error(f->diag)->what, "line 1, column 129: "));
}

static void test_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *what;
    } rows[] = {
        {"", "line 1, column 1: the text ends"},
        {"[1,\n 2,\n ]", "line 3, column 2: a value"},
        {"{\"a\": \"b", "line 1, column 7: a string"},
        {"{\"a\" 1}", "line 1, column 6: ':'"},
        {"{\"a\": 1, }", "line 1, column 10: a key"},
        {"{a: 1}", "line 1, column 2: a key"},
        {"[1 2]", "line 1, column 4: ',' or ']'"},
        {"{\"a\":1 2}", "line 1, column 8: ',' or '}'"},
        {"[01]", "line 1, column 2: this is not a number"},
        {"[1.]", "not a number"},
        {"[.5]", "a value"},
        {"[+1]", "a value"},
        {"[1e]", "not a number"},
        {"[-]", "not a number"},
        {"[1e999]", "too large"},
        {"[NaN]", "a value"},
        {"[-Infinity]", "not a number"},
        {"[tru]", "a value"},
        {"\"\\x\"", "line 1, column 3: unknown escape"},
        {"\"\\u12g4\"", "hexadecimal"},
        {"\"\\ud800x\"", "surrogate"},
        {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"a\tb\"", "line 1, column 3: control character"},
        {"\"\xc0\x80\"", "UTF-8"},
        {"\"\xed\xa0\x80\"", "UTF-8"},
        {"{} {}", "line 1, column 4: the document has ended"},
        {"// no\n1", "a value"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        assert_null(read_text(f, rows[i].text));
        const ork_error *error = ork_diag_error(f->diag);
        assert_string_equal(error->id, "E0106");
        if (!strstr(error->what, rows[i].what))
            fail_msg("row %zu: '%s' lacks '%s'", i, error->what, rows[i].what);
    }
}

static void write_sample(ork_json_writer *w)
{
    ork_json_begin_object(w);
    ork_json_key(w, "list");
    ork_json_begin_array(w);
    ork_json_put_int(w, INT64_MIN);
    ork_json_put_double(w, 0.1);
    ork_json_put_float(w, 0.1f);
    ork_json_put_double(w, 1.0);
    ork_json_put_double(w, (double)NAN);
    ork_json_put_bool(w, true);
    ork_json_end_array(w);
    ork_json_key(w, "a\"b");
    ork_json_put_text(w, "tab\t\\ \x01 \xc3\xa9 \xff");
    ork_json_key(w, "empty");
    ork_json_begin_object(w);
    ork_json_end_object(w);
    ork_json_end_object(w);
    ork_json_finish(w);
}

static void test_writer(void **state)
{
    (void)state;
    ork_str text = {0};
    ork_json_writer flat = ork_json_writer_new(&text, 0);
    write_sample(&flat);
    assert_string_equal(text.text, "{\"list\":[-9223372036854775808,0.1,0.1,1.0,null,true],"
                                   "\"a\\\"b\":\"tab\\t\\\\ \\u0001 \xc3\xa9 \xef\xbf\xbd\","
                                   "\"empty\":{}}");
    text.length = 0;
    ork_json_writer indented = ork_json_writer_new(&text, 2);
    write_sample(&indented);
    assert_string_equal(text.text,
                        "{\n  \"list\": [\n    -9223372036854775808,\n    0.1,\n    0.1,\n"
                        "    1.0,\n    null,\n    true\n  ],\n"
                        "  \"a\\\"b\": \"tab\\t\\\\ \\u0001 \xc3\xa9 \xef\xbf\xbd\",\n"
                        "  \"empty\": {}\n}");
    ork_str_free(&text);
}

static double round_trip(fixture *f, double value, bool is_float)
{
    ork_str text = {0};
    ork_json_writer writer = ork_json_writer_new(&text, 0);
    if (is_float)
        ork_json_put_float(&writer, (float)value);
    else
        ork_json_put_double(&writer, value);
    ork_json_finish(&writer);
    const ork_json *read = read_text(f, text.text);
    assert_true(ork_json_is(read, ORK_JSON_FLOAT));
    ork_str_free(&text);
    return read->number;
}

static void test_numbers_round_trip(void **state)
{
    fixture *f = *state;
    double values[] = {0.0, -0.0, 1.0 / 3, DBL_MAX, DBL_MIN, DBL_TRUE_MIN, 1e22, 123456789.125, -7};
    for (size_t i = 0; i < ORK_COUNT(values); i++) {
        double read = round_trip(f, values[i], false);
        assert_memory_equal(&read, &values[i], sizeof(read));
    }
    uint32_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        float value;
        bits = bits * 1664525u + 1013904223u;
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value))
            assert_true((float)round_trip(f, (double)value, true) == value);
    }
}

/* Other parts of the process may have chosen a language that writes 0,5. */
static void test_locale_does_not_matter(void **state)
{
    fixture *f = *state;
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool has_locale = false;
    for (size_t i = 0; i < ORK_COUNT(names) && !has_locale; i++)
        has_locale = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!has_locale)
        skip();
    double value = round_trip(f, 0.5, false);
    setlocale(LC_NUMERIC, "C");
    assert_true(value == 0.5);
}

static void test_tree_round_trip(void **state)
{
    fixture *f = *state;
    const char *text = "{\"a\":[1,-2.5,true,null,\"x\\u0000y\"],\"b\":{\"c\":{}},\"d\":[]}";
    ork_str out = {0};
    ork_json_writer writer = ork_json_writer_new(&out, 0);
    ork_json_put(&writer, read_text(f, text));
    ork_json_finish(&writer);
    assert_string_equal(out.text, text);
    ork_str_free(&out);
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {
        {"", true},
        {"abc", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc3", false},
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf8\x80\x80\x80", false},
        {"\xe2\x82", false},
        {"\xe2\x28\xa1", false},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++)
        assert_int_equal(ork_utf8_valid(rows[i].text, strlen(rows[i].text)), rows[i].is_valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fallbacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test(test_writer),
        cmocka_unit_test_setup_teardown(test_numbers_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_locale_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tree_round_trip, setup, teardown),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
