/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures are like, and which of many to take. */
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WIDTH = 96, HEIGHT = 64 };

typedef uint8_t (*paint_fn)(int x, int y, int c);

static uint8_t paint_gradient(int x, int y, int c)
{
    return (uint8_t)(c == 0 ? x * 2 : c == 1 ? y * 3 : 90);
}

static uint8_t paint_mirrored(int x, int y, int c)
{
    return paint_gradient(WIDTH - 1 - x, y, c);
}

static uint8_t paint_gray(int x, int y, int c)
{
    return (uint8_t)((x * 37 + y * 11) % 200 + (c == 1 ? 2 : 0));
}

static uint8_t paint_night(int x, int y, int c)
{
    return (uint8_t)(x / 8 * 3 % 25 + (y + c) % 2);
}

static uint8_t paint_snow(int x, int y, int c)
{
    return (uint8_t)(255 - paint_night(x, y, c));
}

static uint8_t paint_wall(int x, int y, int c)
{
    return (uint8_t)(120 + (x + y + c) % 2);
}

static uint8_t paint_red_wall(int x, int y, int c)
{
    return (uint8_t)(c ? 40 : paint_wall(x, y, c));
}

static void paint(paint_fn fn, int scale, int noise, ork_image *image)
{
    ork_diag *diag = ork_diag_new();
    assert_true(ork_image_new(diag, WIDTH * scale, HEIGHT * scale, 3, image));
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            for (int c = 0; c < 3; c++)
                ork_image_row(image, y)[x * 3 + c] =
                    (uint8_t)(fn(x / scale, y / scale, c) ^ ((x * 7 + y * 3 + c) % 5 < noise));
    ork_diag_free(diag);
}

static ork_sketch sketch_of(paint_fn fn, int scale, int noise)
{
    ork_image image;
    ork_sketch sketch;
    paint(fn, scale, noise, &image);
    ork_sketch_draw(&image, &sketch);
    ork_image_free(&image);
    return sketch;
}

static void test_sketches_tell_pictures_apart(void **state)
{
    (void)state;
    ork_sketch one = sketch_of(paint_gradient, 1, 0), larger = sketch_of(paint_gradient, 3, 0);
    ork_sketch noisy = sketch_of(paint_gradient, 1, 2), other = sketch_of(paint_mirrored, 1, 0);
    assert_int_equal(ork_sketch_bits(&one, &one), 0);
    assert_int_equal(ork_sketch_bits(&one, &larger), 0);
    assert_true(ork_sketch_bits(&one, &noisy) <= 4);
    assert_true(ork_sketch_bits(&one, &other) > 40);
    assert_int_equal(ork_sketch_distance(&one, &one), 0);
    assert_true(ork_sketch_distance(&one, &noisy) < ork_sketch_distance(&one, &other) / 20);
    /* The mean colour of the first of 4 x 4 cells: 24 columns, 16 rows. */
    assert_in_range(one.features[0], 22, 24);
    assert_in_range(one.features[1], 22, 24);
    assert_int_equal(one.features[2], 90);
}

static void test_light_and_colour(void **state)
{
    (void)state;
    ork_sketch gray = sketch_of(paint_gray, 1, 0), night = sketch_of(paint_night, 1, 0);
    ork_sketch wall = sketch_of(paint_wall, 1, 0), snow = sketch_of(paint_snow, 1, 0);
    assert_true(gray.is_gray && !sketch_of(paint_gradient, 1, 0).is_gray);
    assert_true(night.brightness < 30 && snow.brightness > 225);
    assert_true(wall.contrast < 1 && night.contrast > 3);
}

static void test_tiny_pictures_have_sketches(void **state)
{
    (void)state;
    uint8_t pixel[3] = {200, 10, 10};
    ork_image image = {1, 1, 3, 3, pixel};
    ork_sketch sketch;
    ork_sketch_draw(&image, &sketch);
    assert_true(sketch.hash == 0 && sketch.contrast == 0 && !sketch.is_gray);
    assert_int_equal(sketch.features[0], 200);
}

/* ---- sets ---- */

typedef struct fixture {
    ork_diag *diag;
    ork_picture_set *set;
    char folder[64], paths[12][96];
    const char *names[12];
    size_t count;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){
        .diag = ork_diag_new(), .set = ork_picture_set_new(), .folder = "/tmp/ork-survey-XXXXXX"};
    assert_non_null(mkdtemp(f.folder));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < f->count; i++)
        unlink(f->paths[i]);
    rmdir(f->folder);
    ork_picture_set_free(f->set);
    ork_diag_free(f->diag);
    return 0;
}

static const char *name_file(fixture *f, const char *name)
{
    char *path = f->paths[f->count];
    snprintf(path, sizeof(f->paths[0]), "%s/%s", f->folder, name);
    f->names[f->count++] = path;
    return path;
}

static void add_picture(fixture *f, const char *name, paint_fn fn, int scale, int noise)
{
    ork_image image;
    paint(fn, scale, noise, &image);
    assert_true(ork_image_write(f->diag, name_file(f, name), &image, 95));
    ork_image_free(&image);
}

static void add_text(fixture *f, const char *name, const char *text)
{
    FILE *file = fopen(name_file(f, name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void add_all(fixture *f)
{
    add_picture(f, "0.png", paint_gradient, 1, 0);
    add_picture(f, "1.jpg", paint_gradient, 2, 0); /* looks like 0 */
    add_picture(f, "2.png", paint_wall, 1, 0);
    add_picture(f, "3.bmp", paint_mirrored, 1, 0);
    add_text(f, "4.png", "no picture");
    add_picture(f, "5.png", paint_night, 1, 0);
    add_picture(f, "6.png", paint_gradient, 1, 2); /* looks like 0, not like 1 */
    add_picture(f, "7.png", paint_red_wall, 1, 0); /* equal hash, another colour */
}

static void check_items(const ork_picture_set *set)
{
    static const struct {
        const char *format;
        int width, twin;
        bool is_dark, is_blank;
    } expected[] = {
        {"PNG", WIDTH, -1, false, false}, {"JPEG", WIDTH * 2, 0, false, false},
        {"PNG", WIDTH, -1, false, true},  {"BMP", WIDTH, -1, false, false},
        {"", 0, -1, false, false},        {"PNG", WIDTH, -1, true, false},
        {"PNG", WIDTH, 0, false, false},  {"PNG", WIDTH, -1, false, true},
    };
    assert_int_equal(set->items.count, ORK_COUNT(expected));
    for (size_t i = 0; i < ORK_COUNT(expected); i++) {
        const ork_surveyed *item = &set->items.items[i];
        assert_string_equal(item->format, expected[i].format);
        assert_int_equal(item->width, expected[i].width);
        assert_int_equal(item->twin, expected[i].twin);
        assert_int_equal(item->is_dark, expected[i].is_dark);
        assert_int_equal(item->is_blank, expected[i].is_blank);
        assert_int_equal(item->problem != NULL, expected[i].width == 0);
    }
    assert_non_null(strstr(set->items.items[4].problem, "not a JPEG, PNG or BMP"));
}

static bool has_advice(const ork_picture_set *set, const char *text)
{
    for (size_t i = 0; i < set->advice.count; i++)
        if (strstr(set->advice.items[i], text))
            return true;
    return false;
}

static void test_files(void **state)
{
    fixture *f = *state;
    add_all(f);
    assert_true(ork_picture_set_read(f->set, f->diag, f->names, f->count, 4));
    check_items(f->set);
    assert_true(has_advice(f->set, "Different pictures: 3. Take at least 20"));
    assert_true(has_advice(f->set, "cannot be used: 1."));
    assert_true(has_advice(f->set, "duplicates of earlier pictures: 2."));
    assert_true(has_advice(f->set, "show nothing: 2."));
    assert_false(has_advice(f->set, "Very dark"));
    assert_string_equal(ork_diag_error(f->diag)->id, "");
}

static void test_folder(void **state)
{
    fixture *f = *state;
    const char *folder = f->folder;
    add_all(f);
    add_text(f, "notes.txt", "not looked at");
    assert_true(ork_picture_set_read(f->set, f->diag, &folder, 1, 4));
    check_items(f->set);
}

static void test_list(void **state)
{
    fixture *f = *state;
    add_all(f);
    add_text(f, "list.txt", "0.png 1.jpg\n# nothing\n2.png\n'3.bmp'\n4.png\n5.png\n6.png\n7.png\n");
    assert_true(ork_picture_set_read(f->set, f->diag, &f->names[8], 1, 4));
    check_items(f->set);
}

static void test_missing_files_are_items(void **state)
{
    fixture *f = *state;
    add_text(f, "list.txt", "absent.png\n");
    assert_true(ork_picture_set_read(f->set, f->diag, f->names, 1, 4));
    assert_int_equal(f->set->items.count, 1);
    assert_non_null(f->set->items.items[0].problem);
}

static void test_nothing_to_read(void **state)
{
    fixture *f = *state;
    const char *folder = f->folder, *absent = "absent";
    assert_false(ork_picture_set_read(f->set, f->diag, &folder, 1, 4));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0403");
    assert_false(ork_picture_set_read(f->set, f->diag, &absent, 1, 4));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0401");
    add_text(f, "list.txt", "# nothing\n");
    assert_false(ork_picture_set_read(f->set, f->diag, f->names, 1, 4));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0403");
}

static bool stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    (void)total;
    return done < 2;
}

static void test_reading_can_be_cancelled(void **state)
{
    fixture *f = *state;
    add_all(f);
    ork_diag_set_progress(f->diag, stop, NULL);
    assert_false(ork_picture_set_read(f->set, f->diag, f->names, f->count, 4));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0002");
}

/* ---- samples ---- */

/* A set of items whose first feature is given; negative ones cannot be used. */
static void make_items(fixture *f, const int *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ork_surveyed item = {.path = "", .format = "PNG", .width = 1, .height = 1, .twin = -1};
        item.problem = values[i] < 0 ? "broken" : NULL;
        item.sketch.features[0] = (uint8_t)abs(values[i]);
        ork_vec_push(f->set->arena, &f->set->items, item);
    }
}

static void test_samples_are_far_apart(void **state)
{
    fixture *f = *state;
    const int values[] = {100, 101, 0, -255, 200, 150, 200, 1};
    int chosen[8];
    make_items(f, values, ORK_COUNT(values));
    f->set->items.items[6].twin = 4;
    f->set->items.items[1].is_blank = true;
    assert_int_equal(ork_picture_set_sample(f->set, 3, chosen), 3);
    /* The mean of 100, 0, 200, 150 and 1 is 90; then the two ends, which are equally far. */
    assert_true(chosen[0] == 0 && chosen[1] == 2 && chosen[2] == 4);
    assert_int_equal(ork_picture_set_sample(f->set, 8, chosen), 5);
    assert_true(chosen[3] == 5 && chosen[4] == 7);
}

static void test_samples_of_nothing(void **state)
{
    fixture *f = *state;
    const int values[] = {-1, -2};
    int chosen[2];
    assert_int_equal(ork_picture_set_sample(f->set, 2, chosen), 0);
    make_items(f, values, ORK_COUNT(values));
    assert_int_equal(ork_picture_set_sample(f->set, 2, chosen), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sketches_tell_pictures_apart),
        cmocka_unit_test(test_light_and_colour),
        cmocka_unit_test(test_tiny_pictures_have_sketches),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_files_are_items, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading_can_be_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples_are_far_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples_of_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
