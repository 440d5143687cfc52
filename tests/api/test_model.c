/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration and the order of calls: what is refused, and how it is explained. */
#include <openrknn/openrknn.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define EYES ORK_TEST_DATA "/../../examples/eyes/eyes.pt"

static const ork_input_size eyes_size = {3, {3, 416, 416}};
static const ork_load_options eyes_load = {
    .size = sizeof(ork_load_options), .input_sizes = &eyes_size, .input_size_count = 1};

/* The call failed with this id, and its texts hold this part. */
static void expect(const ork_model *model, const char *id, const char *part)
{
    const ork_error *e = ork_model_error(model);
    assert_string_equal(e->id, id);
    if (!strstr(e->what, part) && !strstr(e->why, part) && !strstr(e->fix, part))
        fail_msg("%s | %s | %s", e->what, e->why, e->fix);
}

static void test_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *id, *part; /* id NULL: accepted */
    } cases[] = {
        {"mean_values", "123.675 116.28 103.53", NULL, NULL},
        {"std_values", "1,2,3#4", NULL, NULL},
        {"std_values", "1 0 1", "E0303", "holds a 0"},
        {"mean_values", "1 x", "E0303", "not a list of numbers"},
        {"reorder_channel", "2 1 0", NULL, NULL},
        {"reorder_channel", "2 1 0#0 1 2", NULL, NULL},
        {"reorder_channel", "2 1 1", "E0304", "twice"},
        {"reorder_channel", "0 2", "E0304", "missing"},
        {"reorder_channel", "rgb", "E0304", "not a number"},
        {"target_platform", "rv1126", NULL, NULL},
        {"target_platform", "rk1808,rk3399pro", NULL, NULL},
        {"target_platform", "rk1808,rv1109", "E0305", "LION and PUMA"},
        {"target_platform", "rk1818", "E0305", "did you mean 'rk1808'"},
        {"quantized_dtype", "asymmetric_affine-u8", NULL, NULL},
        {"quantized_dtype", "int4", "E0302", "dynamic_fixed_point-i16"},
        {"optimization_level", "4", "E0302", "0 to 3"},
        {"batch_size", "0", "E0302", "from 1"},
        {"mean_value", "1", "E0301", "did you mean 'mean_values'"},
    };
    ork_model *model = ork_model_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ork_model_config(model, cases[i].key, cases[i].value), !cases[i].id);
        if (cases[i].id)
            expect(model, cases[i].id, cases[i].part);
        else
            assert_string_equal(ork_model_error(model)->id, "");
    }
    for (int i = 0; ork_config_key_at(i); i++) { /* every default is accepted */
        const ork_config_key *key = ork_config_key_at(i);
        assert_true(ork_model_config(model, key->name, key->default_value));
        assert_true(strlen(key->help) > 0);
    }
    ork_model_free(model);
}

static void test_order_of_calls(void **state)
{
    (void)state;
    ork_model *model = ork_model_new();
    ork_build_options build = ORK_OPTIONS_INIT(ork_build_options);
    assert_false(ork_model_build(model, &build));
    expect(model, "E0005", "load one first");
    assert_false(ork_model_export(model, "/tmp/never.rknn"));
    expect(model, "E0005", "build()");
    assert_null(ork_session_new(model, NULL));
    expect(model, "E0005", "build()");
    assert_false(ork_model_load(model, "/nowhere.pt", NULL));
    expect(model, "E0101", "nowhere.pt");
    assert_null(ork_model_text(model, false));
    ork_model_free(model);
}

static void test_what_does_not_fit_the_network(void **state)
{
    (void)state;
    ork_model *model = ork_model_new();
    assert_true(ork_model_config(model, "mean_values", "1 2"));
    assert_false(ork_model_load_pytorch(model, EYES, &eyes_load));
    expect(model, "E0303", "3 channels, but mean_values[0] has 2");
    assert_true(ork_model_config(model, "mean_values", "1 2 3#4 5 6"));
    assert_false(ork_model_load_pytorch(model, EYES, &eyes_load));
    expect(model, "E0303", "2 lists, but the network has 1 input");
    assert_true(ork_model_config(model, "mean_values", "5"));
    assert_true(ork_model_load_pytorch(model, EYES, &eyes_load));

    ork_build_options build = ORK_OPTIONS_INIT(ork_build_options);
    build.do_quantization = true;
    assert_false(ork_model_build(model, &build));
    expect(model, "E0404", "needs a dataset");
    build.do_quantization = false;
    assert_true(ork_model_build(model, &build));
    ork_preprocess_info info;
    assert_true(ork_model_preprocess_info(model, 0, &info));
    assert_int_equal(info.count, 3);
    assert_true(info.mean[2] == 5.0f && info.std[0] == 1.0f && info.reorder[1] == 1);
    assert_false(ork_model_export(model, "/nowhere/at/all.rknn"));
    expect(model, "E0102", "/nowhere/at/all.rknn");
    ork_model_free(model);
}

static void test_every_error_is_listed(void **state)
{
    (void)state;
    int count = 0;
    for (; ork_error_at(count); count++) {
        assert_int_equal(ork_error_at(count)->id[0], 'E');
        assert_true(ork_error_at(count)->exit_code > 0);
    }
    assert_true(count > 30);
    assert_null(ork_error_at(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_order_of_calls),
        cmocka_unit_test(test_what_does_not_fit_the_network),
        cmocka_unit_test(test_every_error_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
