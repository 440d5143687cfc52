/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of the page. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1100, HEIGHT = 300, LEFT = 44, RIGHT = 12, TOP = 16, BOTTOM = 34 };
/* Beyond, nobody sees a difference. */
static const double best = 60, worst = -5;

typedef double (*course_fn)(const ork_layer_accuracy *layer);

static double alone(const ork_layer_accuracy *l)
{
    return l->isolated.channel_sqnr;
}

static double entire(const ork_layer_accuracy *l)
{
    return l->accumulated.channel_sqnr;
}

static double x_of(const ork_accuracy *a, size_t index)
{
    const double step =
        (WIDTH - LEFT - RIGHT) / (double)(a->layers.count > 1 ? a->layers.count - 1 : 1);
    return LEFT + step * (double)index;
}

static double y_of(double decibels)
{
    const double d = fmin(fmax(isnan(decibels) ? worst : decibels, worst), best);
    return TOP + (HEIGHT - TOP - BOTTOM) * (best - d) / (best - worst);
}

static void put_attribute(ork_str *out, const char *name, double number)
{
    ork_str_printf(out, " %s=\"", name);
    put_figure(out, number, 1);
    ork_str_printf(out, "\"");
}

static void put_line(ork_str *out, const char *style, double x1, double y1, double x2, double y2)
{
    ork_str_printf(out, "<line class=\"%s\"", style);
    put_attribute(out, "x1", x1);
    put_attribute(out, "y1", y1);
    put_attribute(out, "x2", x2);
    put_attribute(out, "y2", y2);
    ork_str_printf(out, "/>");
}

static void put_label(ork_str *out, const char *style, const char *anchor, double x, double y)
{
    ork_str_printf(out, "<text class=\"%s\" text-anchor=\"%s\"", style, anchor);
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    ork_str_printf(out, ">");
}

static void put_grid(ork_str *out, const ork_accuracy *a)
{
    for (int d = 0; d <= (int)best; d += 10) {
        put_line(out, "g", LEFT, y_of(d), WIDTH - RIGHT, y_of(d));
        put_label(out, "x", "end", LEFT - 8, y_of(d) + 4);
        ork_str_printf(out, "%d</text>", d);
    }
    put_line(out, "th", LEFT, y_of(a->bad_sqnr), WIDTH - RIGHT, y_of(a->bad_sqnr));
    put_label(out, "x", "start", LEFT, HEIGHT - 8);
    ork_str_printf(out, "first layer</text>");
    put_label(out, "x", "end", WIDTH - RIGHT, HEIGHT - 8);
    ork_str_printf(out, "last layer</text>");
}

static void put_course_line(ork_str *out, const ork_accuracy *a, course_fn course,
                            const char *style)
{
    ork_str_printf(out, "<polyline class=\"%s\" points=\"", style);
    for (size_t i = 0; i < a->layers.count; i++) {
        put_figure(out, x_of(a, i), 1);
        ork_str_printf(out, ",");
        put_figure(out, y_of(course(&a->layers.items[i])), 1);
        ork_str_printf(out, " ");
    }
    ork_str_printf(out, "\"/>");
}

static void put_dot(ork_str *out, const ork_accuracy *a, size_t index, course_fn course,
                    const char *style, double radius)
{
    const ork_layer_accuracy *l = &a->layers.items[index];
    ork_str_printf(out, "<a href=\"#layer%zu\"><circle class=\"%s\"", index, style);
    put_attribute(out, "cx", x_of(a, index));
    put_attribute(out, "cy", y_of(course(l)));
    put_attribute(out, "r", radius);
    ork_str_printf(out, "><title>");
    ork_str_append_xml(out, l->name);
    ork_str_printf(out, " (");
    ork_str_append_xml(out, l->op);
    ork_str_printf(out, "): alone ");
    put_figure(out, alone(l), 1);
    ork_str_printf(out, " dB, in the network ");
    put_figure(out, entire(l), 1);
    ork_str_printf(out, " dB, damage ");
    put_figure(out, l->damage, 4);
    ork_str_printf(out, "</title></circle></a>");
}

static void put_first_bad(ork_str *out, const ork_accuracy *a)
{
    if (a->first_bad < 0)
        return;
    const double x = x_of(a, (size_t)a->first_bad);
    const bool right = x > WIDTH / 2;
    put_line(out, "fb", x, TOP, x, HEIGHT - BOTTOM);
    put_label(out, "tb", right ? "end" : "start", right ? x - 6 : x + 6, TOP + 18);
    ork_str_printf(out, "first bad output: ");
    ork_str_append_xml(out, a->layers.items[a->first_bad].name);
    ork_str_printf(out, "</text>");
}

void put_course(ork_str *out, const ork_accuracy *a)
{
    ork_str_printf(out,
                   "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"signal over error of "
                   "each layer\">",
                   WIDTH, HEIGHT);
    put_grid(out, a);
    put_first_bad(out, a);
    put_course_line(out, a, alone, "pa");
    put_course_line(out, a, entire, "pe");
    for (size_t i = 0; i < a->layers.count; i++) {
        const ork_layer_accuracy *l = &a->layers.items[i];
        put_dot(out, a, i, entire, "de", 2.4);
        put_dot(out, a, i, alone, l->is_culprit ? "dc" : "da", l->is_culprit ? 5 : 2.4);
    }
    ork_str_printf(out, "</svg>\n");
}

/* ---- histograms ---- */

enum { WIDE = 520, HIGH = 120, BELOW = 20 };

/* Few numbers are seen too beside many. */
static double height_of(uint32_t count, uint32_t most)
{
    return most ? HIGH * log1p((double)count) / log1p((double)most) : 0;
}

static uint32_t greatest_bin(const uint32_t *bins, uint32_t most)
{
    for (int i = 0; i < ORK_ACCURACY_BINS; i++)
        most = bins[i] > most ? bins[i] : most;
    return most;
}

static void put_steps(ork_str *out, const uint32_t *bins, uint32_t most, const char *style)
{
    const double width = (double)WIDE / ORK_ACCURACY_BINS;
    ork_str_printf(out, "<path class=\"%s\" d=\"M0 %d", style, HIGH);
    for (int i = 0; i < ORK_ACCURACY_BINS; i++) {
        ork_str_printf(out, "V");
        put_figure(out, HIGH - height_of(bins[i], most), 1);
        ork_str_printf(out, "H");
        put_figure(out, width * (i + 1), 1);
    }
    ork_str_printf(out, "V%dZ\"/>", HIGH);
}

static void put_picture(ork_str *out, int height, const char *what)
{
    ork_str_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 -4 %d %d\" "
                   "role=\"img\" aria-label=\"%s\">",
                   WIDE, height, what);
}

/* A line below, and the numbers at its ends. */
static void put_ends(ork_str *out, int y, double low, double high)
{
    put_line(out, "g", 0, y, WIDE, y);
    put_label(out, "x", "start", 0, y + 15);
    put_figure(out, low, 3);
    ork_str_printf(out, "</text>");
    put_label(out, "x", "end", WIDE, y + 15);
    put_figure(out, high, 3);
    ork_str_printf(out, "</text>");
}

void put_histogram(ork_str *out, const ork_layer_accuracy *l)
{
    const uint32_t most = greatest_bin(l->bins[1], greatest_bin(l->bins[0], 0));
    put_picture(out, HIGH + BELOW + 4, "how often each number comes");
    put_steps(out, l->bins[0], most, "hf");
    put_steps(out, l->bins[1], most, "hq");
    put_ends(out, HIGH, (double)l->low, (double)l->high);
    ork_str_printf(out, "</svg>\n");
}

/* ---- weights ---- */

enum { CODES_TOP = HIGH + BELOW + 22, CODES_HIGH = 90, MOST_BITS = 16 };

static int by_codes(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static double bits_of(int32_t codes)
{
    return codes > 1 ? log2((double)codes) : 0;
}

/* A bar for each channel, those with most codes first: its bits of those that the type has. */
static void put_codes(ork_str *out, const ork_layer_accuracy *l)
{
    const int bits = l->dtype == ORK_I16 ? MOST_BITS : MOST_BITS / 2;
    const size_t count = (size_t)l->weight_channels;
    const double width = (double)WIDE / (double)count;
    ork_arena *scratch = ork_arena_new();
    int32_t *codes = ORK_NEW_ARRAY(scratch, int32_t, count);
    memcpy(codes, l->weight_codes, count * sizeof(*codes));
    qsort(codes, count, sizeof(*codes), by_codes);
    ork_str_printf(out, "<path class=\"hf\" d=\"M0 %d", CODES_TOP + CODES_HIGH);
    for (size_t i = 0; i < count; i++) {
        ork_str_printf(out, "V");
        put_figure(out, CODES_TOP + CODES_HIGH * (1 - fmin(bits_of(codes[i]) / bits, 1)), 1);
        ork_str_printf(out, "H");
        put_figure(out, width * (double)(i + 1), 1);
    }
    ork_str_printf(out, "V%dZ\"/>", CODES_TOP + CODES_HIGH);
    for (int b = 0; b <= bits; b += bits / 2)
        put_line(out, "g", 0, CODES_TOP + CODES_HIGH * (1 - (double)b / bits), WIDE,
                 CODES_TOP + CODES_HIGH * (1 - (double)b / bits));
    put_label(out, "x", "start", 0, CODES_TOP - 5);
    ork_str_printf(out, "codes of the weights of each of %zu channels: from %d to %d</text>", count,
                   (int)codes[0], (int)codes[count - 1]);
    ork_arena_free(scratch);
}

void put_weights(ork_str *out, const ork_layer_accuracy *l)
{
    if (l->weight_channels == 0)
        return;
    const bool coded = l->dtype != ORK_F32 && l->weight_codes[0] > 0;
    put_picture(out, coded ? CODES_TOP + CODES_HIGH + 8 : HIGH + BELOW + 4,
                "the weights, and the codes that each channel has");
    put_steps(out, l->weight_bins, greatest_bin(l->weight_bins, 0), "hf");
    put_ends(out, HIGH, (double)l->weight_low, (double)l->weight_high);
    put_label(out, "x", "middle", WIDE / 2, HIGH + 15);
    ork_str_printf(out, "weights</text>");
    if (coded)
        put_codes(out, l);
    ork_str_printf(out, "</svg>\n");
}
