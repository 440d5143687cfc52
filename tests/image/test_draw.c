/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing: what is drawn is where it should be, and nothing leaves the picture. */
#include "image/image.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 60, HEIGHT = 40, GUARD = 0xa5, PADDING = 16, AROUND = 4096 };

/* A black canvas with guard bytes around it and after each row. */
typedef struct canvas {
    ork_image image;
    uint8_t *memory;
    size_t size;
} canvas;

static canvas new_canvas(int channels)
{
    canvas c = {.image = {WIDTH, HEIGHT, channels, WIDTH * channels + PADDING, NULL}};
    c.size = (size_t)c.image.stride * HEIGHT + 2 * AROUND;
    c.memory = malloc(c.size);
    memset(c.memory, GUARD, c.size);
    c.image.pixels = c.memory + AROUND;
    for (int y = 0; y < HEIGHT; y++)
        memset(ork_image_row(&c.image, y), 0, (size_t)(WIDTH * channels));
    return c;
}

static void free_canvas(canvas *c)
{
    for (size_t i = 0; i < c->size; i++) {
        ptrdiff_t place = (ptrdiff_t)i - AROUND;
        bool inside = place >= 0 && place < c->image.stride * HEIGHT &&
                      place % c->image.stride < WIDTH * c->image.channels;
        if (!inside)
            assert_int_equal(c->memory[i], GUARD);
    }
    free(c->memory);
}

static const ork_colour white = {255, 255, 255};

static bool drawn(const canvas *c, int x, int y)
{
    return ork_image_row(&c->image, y)[x * c->image.channels] != 0;
}

static int count_drawn(const canvas *c)
{
    int count = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            count += drawn(c, x, y);
    return count;
}

static void test_straight_lines_have_their_thickness(void **state)
{
    (void)state;
    for (int thickness = 1; thickness <= 6; thickness++) {
        canvas c = new_canvas(3);
        ork_draw_line(&c.image, 10, 20, 40, 20, white, thickness);
        int across = 0;
        for (int y = 0; y < HEIGHT; y++)
            across += drawn(&c, 25, y);
        assert_int_equal(across, thickness);
        free_canvas(&c);
        c = new_canvas(1);
        ork_draw_line(&c.image, 30, 5, 30, 35, white, thickness);
        across = 0;
        for (int x = 0; x < WIDTH; x++)
            across += drawn(&c, x, 20);
        assert_int_equal(across, thickness);
        free_canvas(&c);
    }
}

/* One pixel a column (or a row), both ends included, in every direction. */
static void test_thin_lines_have_no_gaps(void **state)
{
    (void)state;
    for (int dx = -18; dx <= 18; dx++) {
        for (int dy = -18; dy <= 18; dy++) {
            canvas c = new_canvas(1);
            ork_draw_line(&c.image, 30, 20, 30 + dx, 20 + dy, white, 1);
            int longer = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
            assert_int_equal(count_drawn(&c), longer + 1);
            assert_true(drawn(&c, 30, 20));
            assert_true(drawn(&c, 30 + dx, 20 + dy));
            free_canvas(&c);
        }
    }
}

static void test_rectangles(void **state)
{
    (void)state;
    canvas c = new_canvas(3);
    ork_draw_rectangle(&c.image, 30, 25, 10, 5, white, 1);
    assert_int_equal(count_drawn(&c), 2 * 21 + 2 * 19);
    assert_true(drawn(&c, 10, 5) && drawn(&c, 30, 25) && !drawn(&c, 11, 6));
    free_canvas(&c);
    c = new_canvas(3);
    ork_draw_rectangle(&c.image, 10, 5, 30, 25, white, 3);
    assert_true(drawn(&c, 9, 4) && drawn(&c, 11, 6) && !drawn(&c, 12, 7) && !drawn(&c, 8, 4));
    free_canvas(&c);
    c = new_canvas(4);
    ork_draw_filled_rectangle(&c.image, -5, 38, 4, 1000, white);
    assert_int_equal(count_drawn(&c), 5 * 2);
    assert_int_equal(ork_image_row(&c.image, 39)[3], 255);
    free_canvas(&c);
}

/* Every drawn pixel is near the ellipse, and the ellipse passes no pixel that is not drawn. */
static void test_ellipse_follows_its_curve(void **state)
{
    (void)state;
    for (int thickness = 1; thickness <= 5; thickness++) {
        canvas c = new_canvas(3);
        ork_draw_ellipse(&c.image, 30, 20, 20, 12, white, thickness);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                double nearest = 1e9;
                for (int i = 0; i < 720; i++) {
                    double turn = i * 3.14159265358979 / 360;
                    nearest =
                        fmin(nearest, hypot(30 + 20 * cos(turn) - x, 20 + 12 * sin(turn) - y));
                }
                if (nearest > thickness / 2.0 + 1.25)
                    assert_false(drawn(&c, x, y));
                if (nearest < thickness / 2.0 - 0.8)
                    assert_true(drawn(&c, x, y));
            }
        for (int i = 0; i < 360; i++) {
            double turn = i * 3.14159265358979 / 180;
            int x = (int)lrint(30 + 20 * cos(turn)), y = (int)lrint(20 + 12 * sin(turn));
            bool near = false;
            for (int near_y = y - 1; near_y <= y + 1; near_y++)
                for (int near_x = x - 1; near_x <= x + 1; near_x++)
                    near = near || drawn(&c, near_x, near_y);
            assert_true(near);
        }
        free_canvas(&c);
    }
}

static void test_text(void **state)
{
    (void)state;
    assert_int_equal(ork_text_width("abc", 2), 48);
    assert_int_equal(ork_text_width("\xe7\x9e\xb3", 1), 8); /* one character of three bytes */
    /* Each letter is drawn, inside its cell, and no two are alike. */
    uint8_t cells[95][ORK_FONT_HEIGHT * ORK_FONT_WIDTH];
    for (int i = 0; i < 95; i++) {
        char text[2] = {(char)(' ' + i), 0};
        canvas c = new_canvas(1);
        ork_draw_text(&c.image, 20, 10, text, 1, white, NULL);
        int inside = 0;
        for (int y = 0; y < ORK_FONT_HEIGHT; y++)
            for (int x = 0; x < ORK_FONT_WIDTH; x++)
                inside += cells[i][y * ORK_FONT_WIDTH + x] = drawn(&c, 20 + x, 10 + y);
        assert_int_equal(inside, count_drawn(&c));
        assert_true(i == 0 || inside > 0);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(cells[i], cells[j], sizeof(cells[i]));
        free_canvas(&c);
    }
    canvas c = new_canvas(3);
    ork_draw_text(&c.image, 3, 4, "  ", 2, (ork_colour){0, 0, 0}, &white);
    assert_int_equal(count_drawn(&c), 2 * ORK_FONT_WIDTH * 2 * ORK_FONT_HEIGHT * 2);
    free_canvas(&c);
}

static void draw_all(ork_image *image, int a, int b, int c, int d, int thickness)
{
    ork_draw_line(image, a, b, c, d, white, thickness);
    ork_draw_rectangle(image, a, b, c, d, white, thickness);
    ork_draw_filled_rectangle(image, a, b, c, d, white);
    ork_draw_ellipse(image, a, b, c, d, white, thickness);
    ork_draw_text(image, a, b, "Ag\xff~ 09", thickness, white, &white);
}

static void test_nothing_leaves_the_picture(void **state)
{
    (void)state;
    static const int places[] = {INT_MIN, -100000, -7, 0, 1, 39, 59, 60, 1000, INT_MAX};
    static const int thicknesses[] = {1, 2, 7, 1000, INT_MAX};
    for (int channels = 1; channels <= 4; channels += channels == 1 ? 2 : 1) {
        canvas c = new_canvas(channels);
        for (size_t t = 0; t < ORK_COUNT(thicknesses); t++)
            for (size_t i = 0; i < 10000; i += 37) /* some of each */
                draw_all(&c.image, places[i % 10], places[i / 10 % 10], places[i / 100 % 10],
                         places[i / 1000], thicknesses[t]);
        free_canvas(&c);
    }
}

/* A line that crosses the picture from far away is still where it should be. */
static void test_far_ends_do_not_bend_lines(void **state)
{
    (void)state;
    canvas c = new_canvas(1);
    ork_draw_line(&c.image, -1000000, -1000000, 1000000, 1000000, white, 1);
    assert_int_equal(count_drawn(&c), HEIGHT);
    for (int i = 0; i < HEIGHT; i++)
        assert_true(drawn(&c, i, i));
    free_canvas(&c);
}

static void test_palette(void **state)
{
    (void)state;
    for (int i = 0; i < 80; i++)
        for (int j = i + 1; j < i + 8; j++) {
            ork_colour a = ork_palette(i), b = ork_palette(j);
            int apart = abs(a.red - b.red) + abs(a.green - b.green) + abs(a.blue - b.blue);
            assert_true(apart >= 60);
        }
    ork_palette(INT_MIN);
    assert_int_equal(ork_colour_contrast((ork_colour){255, 255, 0}).red, 0);
    assert_int_equal(ork_colour_contrast((ork_colour){0, 0, 255}).red, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_straight_lines_have_their_thickness),
        cmocka_unit_test(test_thin_lines_have_no_gaps),
        cmocka_unit_test(test_rectangles),
        cmocka_unit_test(test_ellipse_follows_its_curve),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_nothing_leaves_the_picture),
        cmocka_unit_test(test_far_ends_do_not_bend_lines),
        cmocka_unit_test(test_palette),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
