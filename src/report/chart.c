/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of the page. */
#include "internal.h"

#include <math.h>

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

static uint32_t greatest_bin(const ork_layer_accuracy *l)
{
    uint32_t most = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < ORK_ACCURACY_BINS; i++)
            most = l->bins[k][i] > most ? l->bins[k][i] : most;
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

void put_histogram(ork_str *out, const ork_layer_accuracy *l)
{
    const uint32_t most = greatest_bin(l);
    ork_str_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 -4 %d %d\" "
                   "role=\"img\" aria-label=\"how often each number comes\">",
                   WIDE, HIGH + BELOW + 4);
    put_steps(out, l->bins[0], most, "hf");
    put_steps(out, l->bins[1], most, "hq");
    put_line(out, "g", 0, HIGH, WIDE, HIGH);
    put_label(out, "x", "start", 0, HIGH + 15);
    put_figure(out, (double)l->low, 3);
    ork_str_printf(out, "</text>");
    put_label(out, "x", "end", WIDE, HIGH + 15);
    put_figure(out, (double)l->high, 3);
    ork_str_printf(out, "</text></svg>\n");
}
