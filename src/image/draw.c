/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, rectangles, ellipses and text. Everything ends in fill_span, which clips. */
#include "formats.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static int64_t clamp64(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void put_pixel(uint8_t *pixel, int channels, ork_colour colour)
{
    if (channels == 1) {
        *pixel =
            (uint8_t)((colour.red * 4899 + colour.green * 9617 + colour.blue * 1868 + 8192) >> 14);
        return;
    }
    pixel[0] = colour.red;
    pixel[1] = colour.green;
    pixel[2] = colour.blue;
    if (channels == 4)
        pixel[3] = 255;
}

/* Pixels first .. last of row y. */
static void fill_span(ork_image *image, int y, int64_t first, int64_t last, ork_colour colour)
{
    if (y < 0 || y >= image->height)
        return;
    int64_t x = first < 0 ? 0 : first;
    int64_t end = last >= image->width ? image->width - 1 : last;
    uint8_t *row = ork_image_row(image, y);
    for (; x <= end; x++)
        put_pixel(row + x * image->channels, image->channels, colour);
}

static void fill_area(ork_image *image, int64_t left, int64_t top, int64_t right, int64_t bottom,
                      ork_colour colour)
{
    int64_t end = bottom >= image->height ? image->height - 1 : bottom;
    for (int64_t y = top < 0 ? 0 : top; y <= end; y++)
        fill_span(image, (int)y, left, right, colour);
}

typedef struct point {
    double x, y;
} point;

/* A range of x; empty while low > high. */
typedef struct range {
    double low, high;
} range;

static void include(range *r, double x)
{
    r->low = fmin(r->low, x);
    r->high = fmax(r->high, x);
}

static void fill_range(ork_image *image, int y, range r, ork_colour colour)
{
    double low = ceil(fmax(r.low, 0)), high = floor(fmin(r.high, image->width));
    if (low <= high)
        fill_span(image, y, (int64_t)low, (int64_t)high, colour);
}

/* The line of one pixel: a pixel a column where it is flat, a pixel a row where it is steep. */
static range thin_range(point a, point b, int y)
{
    double dx = b.x - a.x, dy = b.y - a.y;
    if (fabs(dy) >= fabs(dx)) {
        double x = dy == 0 ? a.x : floor(a.x + (y - a.y) * dx / dy + 0.5);
        return (range){x, x};
    }
    range r = {fmin(a.x, b.x), fmax(a.x, b.x)};
    if (dy == 0)
        return r;
    double above = a.x + (y - 0.5 - a.y) * dx / dy, below = a.x + (y + 0.5 - a.y) * dx / dy;
    double low = fmin(above, below), high = fmax(above, below);
    /* Half open, so that a column on the boundary is drawn in one row only. */
    r.low = fmax(r.low, low);
    r.high = fmin(r.high, ceil(high) - 1);
    return r;
}

static void include_circle(range *r, point centre, double radius, int y)
{
    double dy = y - centre.y;
    if (fabs(dy) > radius)
        return;
    double dx = sqrt(radius * radius - dy * dy);
    include(r, centre.x - dx);
    include(r, centre.x + dx);
}

static void include_edge(range *r, point a, point b, int y)
{
    if ((a.y < y && b.y < y) || (a.y > y && b.y > y))
        return;
    if (a.y == b.y) {
        include(r, a.x);
        include(r, b.x);
        return;
    }
    include(r, a.x + (y - a.y) * (b.x - a.x) / (b.y - a.y));
}

/* A thick line is all that is near enough to the segment: two circles and the rectangle between
   them, which together are convex, so that each row has one range. */
static range thick_range(point a, point b, double radius, int y)
{
    range r = {INFINITY, -INFINITY};
    include_circle(&r, a, radius, y);
    include_circle(&r, b, radius, y);
    double dx = b.x - a.x, dy = b.y - a.y, length = hypot(dx, dy);
    if (length == 0)
        return r;
    double across_x = -dy / length * radius, across_y = dx / length * radius;
    point corners[4] = {{a.x + across_x, a.y + across_y},
                        {b.x + across_x, b.y + across_y},
                        {b.x - across_x, b.y - across_y},
                        {a.x - across_x, a.y - across_y}};
    for (int i = 0; i < 4; i++)
        include_edge(&r, corners[i], corners[(i + 1) % 4], y);
    return r;
}

static void draw_segment(ork_image *image, point a, point b, ork_colour colour, int thickness)
{
    double radius = thickness > 1 ? thickness / 2.0 : 0;
    double top = fmax(ceil(fmin(a.y, b.y) - radius), 0);
    double bottom = fmin(floor(fmax(a.y, b.y) + radius), image->height - 1);
    for (double row = top; row <= bottom; row++) {
        int y = (int)row;
        fill_range(image, y, thickness > 1 ? thick_range(a, b, radius, y) : thin_range(a, b, y),
                   colour);
    }
}

/* Even thicknesses lie around the upper left edge of the pixel. */
static double shift_of(int thickness)
{
    return thickness % 2 == 0 ? 0.5 : 0.0;
}

void ork_draw_line(ork_image *image, int x0, int y0, int x1, int y1, ork_colour colour,
                   int thickness)
{
    double shift = shift_of(thickness);
    draw_segment(image, (point){x0 - shift, y0 - shift}, (point){x1 - shift, y1 - shift}, colour,
                 thickness);
}

void ork_draw_filled_rectangle(ork_image *image, int left, int top, int right, int bottom,
                               ork_colour colour)
{
    fill_area(image, left < right ? left : right, top < bottom ? top : bottom,
              left < right ? right : left, top < bottom ? bottom : top, colour);
}

void ork_draw_rectangle(ork_image *image, int left, int top, int right, int bottom,
                        ork_colour colour, int thickness)
{
    if (left > right || top > bottom) {
        int low_x = left < right ? left : right, low_y = top < bottom ? top : bottom;
        right = left < right ? right : left;
        bottom = top < bottom ? bottom : top;
        left = low_x;
        top = low_y;
    }
    int64_t before = thickness / 2, behind = (thickness - 1) / 2;
    int64_t outer_left = left - before, outer_right = right + behind;
    int64_t outer_top = top - before, outer_bottom = bottom + behind;
    fill_area(image, outer_left, outer_top, outer_right, top + behind, colour);
    fill_area(image, outer_left, bottom - before, outer_right, outer_bottom, colour);
    fill_area(image, outer_left, outer_top, left + behind, outer_bottom, colour);
    fill_area(image, right - before, outer_top, outer_right, outer_bottom, colour);
}

static point ellipse_point(point centre, int radius_x, int radius_y, double turn, bool whole)
{
    const double full = 6.283185307179586;
    point p = {centre.x + radius_x * cos(full * turn), centre.y + radius_y * sin(full * turn)};
    return whole ? (point){floor(p.x + 0.5), floor(p.y + 0.5)} : p;
}

/* Short straight pieces, as OpenCV draws them: their thickness is the same all around. Thin ones
   begin and end on whole pixels so that they meet. */
void ork_draw_ellipse(ork_image *image, int centre_x, int centre_y, int radius_x, int radius_y,
                      ork_colour colour, int thickness)
{
    if (radius_x < 0 || radius_y < 0)
        return;
    double shift = shift_of(thickness);
    point centre = {centre_x - shift, centre_y - shift};
    bool whole = thickness == 1;
    int pieces = (int)clamp64((int64_t)radius_x + radius_y, 16, 720);
    point before = ellipse_point(centre, radius_x, radius_y, 0, whole);
    for (int i = 1; i <= pieces; i++) {
        point next = ellipse_point(centre, radius_x, radius_y, (double)i / pieces, whole);
        draw_segment(image, before, next, colour, thickness);
        before = next;
    }
}

/* ---- text ------------------------------------------------------------------------------ */

static const uint8_t unknown_character[ORK_FONT_HEIGHT] = {0,    0x7c, 0x44, 0x44, 0x44, 0x44,
                                                           0x44, 0x44, 0x7c, 0,    0,    0};

/* The next character's picture, or NULL at the end; moves *text behind it. */
static const uint8_t *next_character(const char **text)
{
    unsigned char byte = (unsigned char)**text;
    if (!byte)
        return NULL;
    ++*text;
    if (byte >= 0x80) /* the other bytes of a UTF-8 character are 10xxxxxx */
        while (((unsigned char)**text & 0xc0) == 0x80)
            ++*text;
    return byte >= ' ' && byte <= '~' ? ork_font[byte - ' '] : unknown_character;
}

static void draw_character(ork_image *image, int64_t left, int64_t top, const uint8_t *rows,
                           int scale, ork_colour colour)
{
    for (int row = 0; row < ORK_FONT_HEIGHT; row++) {
        int64_t y = top + (int64_t)row * scale;
        for (int column = 0; column < ORK_FONT_WIDTH; column++) {
            int64_t x = left + (int64_t)column * scale;
            if (rows[row] & (0x80 >> column))
                fill_area(image, x, y, x + scale - 1, y + scale - 1, colour);
        }
    }
}

int ork_text_width(const char *text, int scale)
{
    int64_t width = 0;
    while (next_character(&text))
        width += (int64_t)ORK_FONT_WIDTH * scale;
    return width > INT_MAX ? INT_MAX : (int)width;
}

void ork_draw_text(ork_image *image, int x, int y, const char *text, int scale, ork_colour colour,
                   const ork_colour *background)
{
    int64_t left = x, height = (int64_t)ORK_FONT_HEIGHT * scale;
    if (background)
        fill_area(image, x, y, left + ork_text_width(text, scale) - 1, y + height - 1, *background);
    for (const uint8_t *rows; left < image->width && (rows = next_character(&text));) {
        draw_character(image, left, y, rows, scale, colour);
        left += (int64_t)ORK_FONT_WIDTH * scale;
    }
}

/* ---- palette --------------------------------------------------------------------------- */

static uint8_t hue_channel(double hue, double offset, double saturation, double value)
{
    double place = fmod(hue + offset, 6.0);
    double part = fmax(0.0, fmin(1.0, fmin(place, 4.0 - place)));
    return (uint8_t)lrint(255.0 * value * (1.0 - saturation * part));
}

/* Hues a golden section apart never come close to those just before them; strength changes after
   each round so that far indices differ too. */
ork_colour ork_palette(int index)
{
    static const struct {
        double saturation, value;
    } rounds[] = {{1.0, 1.0}, {0.55, 1.0}, {1.0, 0.65}};
    unsigned number = (unsigned)index;
    double hue = fmod(number * 0.6180339887498949, 1.0) * 6.0;
    unsigned round = number / 8 % ORK_COUNT(rounds);
    double saturation = rounds[round].saturation, value = rounds[round].value;
    return (ork_colour){hue_channel(hue, 5.0, saturation, value),
                        hue_channel(hue, 3.0, saturation, value),
                        hue_channel(hue, 1.0, saturation, value)};
}

ork_colour ork_colour_contrast(ork_colour colour)
{
    bool bright = colour.red * 299 + colour.green * 587 + colour.blue * 114 > 128000;
    uint8_t value = bright ? 0 : 255;
    return (ork_colour){value, value, value};
}
