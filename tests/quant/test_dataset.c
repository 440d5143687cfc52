/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of samples, what is wrong with them, and calibration over them. */
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct place {
    char folder[64], list[128];
    ork_diag *diag;
} place;

static int set_up(void **state)
{
    place *p = calloc(1, sizeof(*p));
    strcpy(p->folder, "/tmp/ork-dataset-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->list, sizeof(p->list), "%s/list.txt", p->folder);
    p->diag = ork_diag_new();
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    place *p = *state;
    char command[160];
    snprintf(command, sizeof(command), "rm -r '%s'", p->folder);
    ork_diag_free(p->diag);
    int result = system(command);
    free(p);
    return result;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* An array of 1 x 2 x 2 x 1 with its numbers from `first` on. */
static void write_array(place *p, const char *name, float first)
{
    char path[256];
    float data[4] = {first, first + 1, first + 2, first + 3};
    snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    ork_tensor tensor = {ork_type_of(ORK_F32, 4, (int64_t[]){1, 2, 2, 1}), data};
    assert_true(ork_npy_write(p->diag, path, &tensor));
}

static void expect(place *p, const char *text, size_t inputs, const char *id, const char *what)
{
    write_text(p->list, text);
    assert_null(ork_dataset_open(p->diag, p->list, inputs));
    assert_string_equal(ork_diag_error(p->diag)->id, id);
    if (!strstr(ork_diag_error(p->diag)->what, what))
        fail_msg("%s", ork_diag_error(p->diag)->what);
}

static void test_wrong_lists(void **state)
{
    place *p = *state;
    assert_null(ork_dataset_open(p->diag, "/nowhere/list.txt", 1));
    assert_string_equal(ork_diag_error(p->diag)->id, "E0401");
    expect(p, "", 1, "E0403", "no samples");
    expect(p, "# only a remark\n\n", 1, "E0403", "no samples");
    expect(p, "absent.jpg\n", 1, "E0402", "line 1 names a file that does not exist");
    assert_non_null(strstr(ork_diag_error(p->diag)->why, p->folder));
    write_array(p, "a.npy", 0);
    expect(p, "a.npy a.npy\n", 1, "E0402", "lists 2 files, but the network has 1 input");
    expect(p, "a.npy\n", 2, "E0402", "lists 1 file, but the network has 2 inputs");
    expect(p, "a.npy\nno.jpg\n\n'no again.jpg'\n", 1, "E0402", "line 2 names a file");
    assert_non_null(strstr(ork_diag_error(p->diag)->fix, "2 of 3 lines"));
    expect(p, "a.npy\n\"a.npy\n", 1, "E0402", "a quote in line 2 is not closed");
    static const char utf16[] = "a\0.\0n\0p\0y\0";
    assert_null(ork_dataset_read(p->diag, p->list, (ork_bytes){(const uint8_t *)utf16, 10}, 1));
    assert_string_equal(ork_diag_error(p->diag)->id, "E0401");
    assert_non_null(strstr(ork_diag_error(p->diag)->why, "UTF-16"));
}

static void test_lists_from_other_systems(void **state)
{
    place *p = *state;
    write_array(p, "a.npy", 0);
    write_array(p, "b c.npy", 0);
    write_text(p->list, "\xef\xbb\xbf"
                        "a.npy 'b c.npy'\r\n\r\n\t\"b c.npy\"\ta.npy # remark");
    ork_dataset *dataset = ork_dataset_open(p->diag, p->list, 2);
    if (!dataset)
        fail_msg("%s", ork_diag_error(p->diag)->what);
    assert_int_equal(ork_dataset_count(dataset), 2);
    ork_dataset_free(dataset);
}

static const char network[] = "graph \"n\" canon { input %0 \"x\" f32[1x1x2x2]\n"
                              "%1 \"y\" f32[1x1x2x2] = neg(%0) output %1 }";

static bool calibrate(place *p, const char *text, int batch, int epochs, ork_range *ranges)
{
    write_text(p->list, text);
    ork_dataset *dataset = ork_dataset_open(p->diag, p->list, 1);
    assert_non_null(dataset);
    ork_graph *graph = ork_graph_parse(p->diag, network, strlen(network));
    bool good = ork_calibrate(p->diag, graph, dataset, batch, epochs, NULL, ranges);
    ork_graph_free(graph);
    ork_dataset_free(dataset);
    return good;
}

static void test_ranges_cover_the_samples(void **state)
{
    place *p = *state;
    write_array(p, "a.npy", -5);
    write_array(p, "with space.npy", 10);
    write_array(p, "it's.npy", 10);
    ork_range ranges[2] = {0};
    assert_true(calibrate(p, "a.npy\n# remark\n\"with space.npy\"\n", 100, -1, ranges));
    assert_true(ranges[0].min == -5 && ranges[0].max == 13);
    assert_true(ranges[1].min == -13 && ranges[1].max == 5);
    memset(ranges, 0, sizeof(ranges));
    assert_true(calibrate(p, "\xef\xbb\xbf'a.npy' # remark\r\n\"it's.npy\"\r\n", 100, -1, ranges));
    assert_true(ranges[0].min == -5 && ranges[0].max == 13);
    memset(ranges, 0, sizeof(ranges));
    assert_true(calibrate(p, "a.npy\n\"with space.npy\"\n", 1, 1, ranges)); /* one sample */
    assert_true(ranges[0].max == -2);
}

static void test_samples_that_cannot_be_used(void **state)
{
    place *p = *state;
    char path[256];
    write_array(p, "a.npy", 1);
    snprintf(path, sizeof(path), "%s/broken.jpg", p->folder);
    write_text(path, "this is no picture");
    ork_range ranges[2] = {0};
    assert_true(calibrate(p, "broken.jpg\na.npy\n", 100, -1, ranges)); /* skipped */
    assert_true(ranges[0].max == 4);
    assert_false(calibrate(p, "broken.jpg\nbroken.jpg\n", 100, -1, ranges));
    assert_string_equal(ork_diag_error(p->diag)->id, "E0403");
    assert_non_null(strstr(ork_diag_error(p->diag)->where, "broken.jpg"));
    assert_non_null(strstr(ork_diag_error(p->diag)->fix, "8-bit JPEG"));
}

/* A picture of 4 x 4 red pixels. */
static void write_red(const place *p)
{
    char path[256];
    uint8_t bytes[54 + 48] = {
        'B', 'M', 102, [10] = 54, [14] = 40, [18] = 4, [22] = 4, [26] = 1, [28] = 24};
    for (int i = 54; i < 102; i += 3)
        bytes[i + 2] = 200; /* blue comes first */
    snprintf(path, sizeof(path), "%s/red.bmp", p->folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    fclose(file);
}

/* The network's first channel of the samples, which is the picture's last or first. */
static void test_the_order_of_channels_varies_where_one_is_set(void **state)
{
    place *p = *state;
    static const char text[] = "graph \"n\" canon { input %0 \"x\" f32[1x3x4x4] mean [0 0 0] "
                               "std [1 1 1] reorder [2 1 0]\n"
                               "%1 \"y\" f32[1x3x4x4] = relu(%0)\noutput %1 }";
    write_red(p);
    write_text(p->list, "red.bmp\nred.bmp\nred.bmp\nred.bmp\nred.bmp\n");
    ork_graph *graph = ork_graph_parse(p->diag, text, strlen(text));
    ork_dataset *dataset = ork_dataset_open(p->diag, p->list, 1);
    assert_non_null(graph);
    assert_non_null(dataset);
    ork_plan *plan = ork_plan_new(p->diag, graph, &(ork_plan_options){0});
    ork_runner *runner = ork_runner_new(p->diag, plan, NULL);
    for (int vary = 0; vary < 2; vary++) {
        ork_dataset_vary_fits(dataset, vary);
        for (size_t i = 0; i < 5; i++) {
            assert_true(ork_dataset_feed(dataset, p->diag, i, runner, graph));
            ork_runner_run(runner);
            const float *y = ork_runner_output(runner, 0);
            assert_true(y[5] == (vary && i == 4 ? 200 : 0));
            assert_true(y[2 * 16 + 5] == (vary && i == 4 ? 0 : 200));
        }
    }
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_dataset_free(dataset);
    ork_graph_free(graph);
}

static void test_constant_inputs_are_refused(void **state)
{
    place *p = *state;
    char path[256];
    float zeros[4] = {0};
    snprintf(path, sizeof(path), "%s/black.npy", p->folder);
    ork_tensor tensor = {ork_type_of(ORK_F32, 4, (int64_t[]){1, 2, 2, 1}), zeros};
    assert_true(ork_npy_write(p->diag, path, &tensor));
    ork_range ranges[2] = {0};
    assert_false(calibrate(p, "black.npy\n", 100, -1, ranges));
    assert_string_equal(ork_diag_error(p->diag)->id, "E0501");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wrong_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_from_other_systems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ranges_cover_the_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_order_of_channels_varies_where_one_is_set, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_constant_inputs_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
