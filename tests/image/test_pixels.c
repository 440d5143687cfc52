/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing, letterboxes and colour against what OpenCV made of the same bytes. */
#include "image/image.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The generator of make_image_fixtures.py. */
static void fill_noise(uint8_t *bytes, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static ork_image new_image(int width, int height, int channels)
{
    ork_diag *diag = ork_diag_new();
    ork_image image;
    assert_true(ork_image_new(diag, width, height, channels, &image));
    ork_diag_free(diag);
    fill_noise(image.pixels, (size_t)(width * height * channels));
    return image;
}

/* An image inside a larger buffer whose rest must stay as it is. */
enum { GUARD = 0xa5, PADDING = 7 };
typedef struct guarded {
    ork_image image;
    uint8_t *memory;
    size_t size;
} guarded;

static guarded new_guarded(int width, int height, int channels)
{
    guarded g = {.image = {width, height, channels, width * channels + PADDING, NULL}};
    g.size = (size_t)(g.image.stride * (height + 2));
    g.memory = malloc(g.size);
    memset(g.memory, GUARD, g.size);
    g.image.pixels = g.memory + g.image.stride;
    return g;
}

static void check_guards(const guarded *g)
{
    const ork_image *image = &g->image;
    for (size_t i = 0; i < g->size; i++) {
        ptrdiff_t place = (ptrdiff_t)i - image->stride;
        bool inside = place >= 0 && place / image->stride < image->height &&
                      place % image->stride < image->width * image->channels;
        if (!inside)
            assert_int_equal(g->memory[i], GUARD);
    }
}

static void check_file(const ork_image *image, const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), ORK_TEST_DATA "/image_expected/%s", name);
    ork_diag *diag = ork_diag_new();
    ork_file file;
    assert_true(ork_file_map(diag, path, &file));
    size_t row = (size_t)(image->width * image->channels);
    assert_int_equal(file.bytes.size, row * (size_t)image->height);
    for (int y = 0; y < image->height; y++)
        if (memcmp(ork_image_row(image, y), file.bytes.data + (size_t)y * row, row) != 0)
            fail_msg("%s: row %d differs", name, y);
    ork_file_unmap(&file);
    ork_diag_free(diag);
}

static void test_resize_is_that_of_opencv(void **state)
{
    (void)state;
    static const int sizes[][2] = {{53, 41}, {37, 29}, {18, 14}, {13, 31}, {74, 3}, {1, 1}};
    static const int channels[] = {1, 3, 4};
    for (size_t c = 0; c < ORK_COUNT(channels); c++) {
        ork_image src = new_image(37, 29, channels[c]);
        for (size_t i = 0; i < ORK_COUNT(sizes); i++) {
            guarded dst = new_guarded(sizes[i][0], sizes[i][1], channels[c]);
            assert_true(ork_image_resize_bilinear(&src, &dst.image));
            char name[64];
            snprintf(name, sizeof(name), "resize_%d_%dx%d.bin", channels[c], sizes[i][0],
                     sizes[i][1]);
            check_file(&dst.image, name);
            check_guards(&dst);
            free(dst.memory);
        }
        ork_image_free(&src);
    }
}

static void test_letterboxes_are_those_of_python(void **state)
{
    (void)state;
    static const struct {
        ork_fit fit;
        int size;
        const char *name;
    } cases[] = {{ORK_FIT_CENTRE, 40, "letterbox_centre_40.bin"},
                 {ORK_FIT_CENTRE, 48, "letterbox_centre_48.bin"},
                 {ORK_FIT_CORNER, 40, "letterbox_corner_40.bin"},
                 {ORK_FIT_CORNER, 48, "letterbox_corner_48.bin"}};
    ork_image src = new_image(51, 37, 3);
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        guarded dst = new_guarded(cases[i].size, cases[i].size, 3);
        ork_letterbox box = ork_letterbox_new(cases[i].fit, 51, 37, cases[i].size, cases[i].size);
        assert_true(ork_letterbox_apply(&box, ork_fit_fill(cases[i].fit), &src, &dst.image));
        check_file(&dst.image, cases[i].name);
        check_guards(&dst);
        free(dst.memory);
    }
    ork_image_free(&src);
}

static void test_letterbox_geometry(void **state)
{
    (void)state;
    ork_letterbox box = ork_letterbox_new(ORK_FIT_CENTRE, 1920, 1080, 416, 416);
    assert_int_equal(box.new_width, 416);
    assert_int_equal(box.new_height, 234);
    assert_int_equal(box.left, 0);
    assert_int_equal(box.top, 91);
    box = ork_letterbox_new(ORK_FIT_CORNER, 810, 1080, 640, 640);
    assert_int_equal(box.new_width, 480);
    assert_int_equal(box.new_height, 640);
    assert_int_equal(box.left + box.top, 0);
    box = ork_letterbox_new(ORK_FIT_STRETCH, 100, 50, 30, 40);
    assert_int_equal(box.new_width, 30);
    assert_int_equal(box.new_height, 40);
    /* Very flat pictures keep a row. */
    assert_int_equal(ork_letterbox_new(ORK_FIT_CENTRE, 32768, 1, 416, 416).new_height, 1);
    for (int width = 1; width < 300; width++) {
        box = ork_letterbox_new(ORK_FIT_CENTRE, width, 301 - width, 97, 64);
        assert_true(box.left >= 0 && box.left + box.new_width <= 97);
        assert_true(box.top >= 0 && box.top + box.new_height <= 64);
        /* int() may cut a whole pixel where the product falls just short. */
        assert_true(box.new_width >= 96 || box.new_height >= 63);
    }
}

/* The corners of the picture inside the letterbox are the corners of the picture. */
static void test_boxes_map_back(void **state)
{
    (void)state;
    static const ork_fit fits[] = {ORK_FIT_CENTRE, ORK_FIT_STRETCH};
    for (size_t i = 0; i < ORK_COUNT(fits); i++) {
        ork_letterbox box = ork_letterbox_new(fits[i], 1921, 1083, 416, 320);
        float corners[4] = {(float)box.left, (float)box.top, (float)(box.left + box.new_width),
                            (float)(box.top + box.new_height)};
        ork_letterbox_back(&box, corners);
        assert_true(fabsf(corners[0]) < 1e-3f && fabsf(corners[1]) < 1e-3f);
        assert_true(fabsf(corners[2] - 1921) < 1e-2f && fabsf(corners[3] - 1083) < 1e-2f);
    }
    ork_letterbox box = ork_letterbox_new(ORK_FIT_CORNER, 1280, 720, 416, 416);
    float corners[4] = {41.6f, 83.2f, 208, 416};
    ork_letterbox_back(&box, corners);
    const float expected[4] = {128, 256, 640, 1280};
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(corners[i] - expected[i]) < 1e-3f);
}

static void test_camera_formats_are_those_of_opencv(void **state)
{
    (void)state;
    uint8_t bytes[64 * 20 * 2];
    fill_noise(bytes, sizeof(bytes));
    guarded dst = new_guarded(64, 20, 3);
    ork_image_from_yuyv(bytes, 128, ORK_RGB, &dst.image);
    check_file(&dst.image, "yuyv.rgb");
    ork_image_from_yuyv(bytes, 128, ORK_BGR, &dst.image);
    ork_image_swap_red_blue(&dst.image);
    check_file(&dst.image, "yuyv.rgb");
    ork_image_from_nv12(bytes, bytes + 64 * 20, 64, ORK_RGB, &dst.image);
    check_file(&dst.image, "nv12.rgb");
    ork_image_from_nv12(bytes, bytes + 64 * 20, 64, ORK_BGR, &dst.image);
    ork_image_swap_red_blue(&dst.image);
    check_file(&dst.image, "nv12.rgb");
    check_guards(&dst);
    free(dst.memory);
}

static void test_channels_convert(void **state)
{
    (void)state;
    static const uint8_t rgba[8] = {255, 0, 0, 7, 10, 20, 30, 200};
    ork_image from = {2, 1, 4, 8, (uint8_t *)rgba};
    uint8_t out[8];
    ork_image to = {2, 1, 3, 6, out};
    ork_image_convert(&from, &to);
    assert_memory_equal(out, ((uint8_t[]){255, 0, 0, 10, 20, 30}), 6);
    ork_image gray = {2, 1, 1, 2, out};
    ork_image_convert(&from, &gray);
    assert_int_equal(out[0], 76);
    assert_int_equal(out[1], 18);
    uint8_t wide[8];
    ork_image back = {2, 1, 4, 8, wide};
    ork_image_convert(&gray, &back);
    assert_memory_equal(wide, ((uint8_t[]){76, 76, 76, 255, 18, 18, 18, 255}), 8);
}

static void test_impossible_sizes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{0, 1}, {1, 0}, {-1, 5}, {32769, 1}, {20000, 20000}};
    ork_diag *diag = ork_diag_new();
    for (size_t i = 0; i < ORK_COUNT(sizes); i++) {
        ork_image image;
        assert_false(ork_image_new(diag, sizes[i][0], sizes[i][1], 3, &image));
        assert_string_equal(ork_diag_error(diag)->id, "E0108");
        assert_false(ork_image_valid(&image));
        ork_image_free(&image);
    }
    ork_diag_free(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_is_that_of_opencv),
        cmocka_unit_test(test_letterboxes_are_those_of_python),
        cmocka_unit_test(test_letterbox_geometry),
        cmocka_unit_test(test_boxes_map_back),
        cmocka_unit_test(test_camera_formats_are_those_of_opencv),
        cmocka_unit_test(test_channels_convert),
        cmocka_unit_test(test_impossible_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
