/* SPDX-License-Identifier: Apache-2.0 */
/* Windows read where they lie: in the picture, or, where they leave it, in copies of its lines with
   their borders. Helpers of the matrix-product convolutions, whose rows are output pixels in their
   order, whatever lines they belong to. Distances are counted in elements. */
#ifndef ORK_KERNELS_LINES_H
#define ORK_KERNELS_LINES_H

#include "strip.h"

/* How a window lies: runs of `length` elements, `columns` of them in each of `lines`. */
typedef struct window_runs {
    int64_t lines, columns, length, line_step, column_step;
} window_runs;

typedef struct line_layout {
    int64_t depth; /* channels of a group, in whole multiples of what the product takes together */
    bool in_place; /* no window leaves the picture */
    int64_t width; /* pixels of a line, with its borders */
    int64_t pixel; /* from pixel to pixel */
    int64_t rows;  /* output rows whose lines are copied together */
    int64_t lines; /* that these read */
    window_runs runs;
} line_layout;

static inline bool stays_inside(const ork_conv_shape *s)
{
    return s->pad_top == 0 && s->pad_left == 0 &&
           (s->out_h - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h < s->in_h &&
           (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w < s->in_w;
}

/* Channels padded to a multiple; about `strip` elements are read together, and at least some
   pixels, so that weights are not fetched for a few. Without `again`, nothing is read twice. */
static inline line_layout line_layout_of(const ork_conv_shape *s, int64_t multiple, int64_t strip,
                                         bool again)
{
    enum { LEAST_PIXELS = 64 };
    const int64_t channels = s->in_c / s->groups, reach = (s->kernel_h - 1) * s->dilation_h;
    line_layout l = {.depth = round_up(channels, multiple), .width = s->in_w};
    l.in_place = stays_inside(s) && l.depth == channels;
    l.pixel = l.in_place ? s->in_stride : l.depth;
    if (!l.in_place)
        l.width = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    const int64_t least = (LEAST_PIXELS + s->out_w - 1) / s->out_w;
    const int64_t fit = (strip / (l.width * l.depth) - reach) / s->stride_h;
    l.rows = ork_min64(s->out_h, ork_max64(least, fit));
    if (l.in_place && !again)
        l.rows = s->out_h;
    l.lines = (l.rows - 1) * s->stride_h + reach + 1;
    l.runs = (window_runs){s->kernel_h, s->kernel_w, l.depth, s->dilation_h * l.width * l.pixel,
                           s->dilation_w * l.pixel};
    if (s->dilation_w == 1 && l.pixel == l.depth) { /* taps beside each other are one run */
        l.runs.length *= s->kernel_w;
        l.runs.columns = 1;
    }
    return l;
}

static inline size_t line_scratch_bytes(const line_layout *l, size_t size)
{
    return l->in_place ? 0 : ork_size_product(size, l->lines, l->width, l->depth);
}

/* Pixels with zeros behind their channels. */
static inline void copy_line(const char *from, size_t from_step, char *to, size_t to_step,
                             size_t bytes, int64_t pixels)
{
    if (from_step == to_step && bytes == to_step) {
        memcpy(to, from, (size_t)pixels * bytes);
        return;
    }
    for (int64_t i = 0; i < pixels; i++, from += from_step, to += to_step) {
        memcpy(to, from, bytes);
        memset(to + bytes, 0, to_step - bytes);
    }
}

/* The lines of one group that output rows from `row` on read, all of one image. */
static inline void copy_lines(const ork_conv_shape *s, const line_layout *l, size_t size,
                              const char *image, int64_t row, int64_t rows, char *to)
{
    const size_t in_pixel = (size_t)s->in_stride * size, pixel = (size_t)l->depth * size;
    const size_t line = (size_t)l->width * pixel, channels = (size_t)(s->in_c / s->groups) * size;
    const int64_t first = row * s->stride_h - s->pad_top, left = ork_min64(s->pad_left, l->width);
    const int64_t inside = ork_max64(0, ork_min64(s->in_w, l->width - left));
    const int64_t lines = (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    for (int64_t y = first; y < first + lines; y++, to += line) {
        if (y < 0 || y >= s->in_h) {
            memset(to, 0, line);
            continue;
        }
        const size_t before = (size_t)left * pixel, within = (size_t)inside * pixel;
        memset(to, 0, before);
        copy_line(image + (size_t)(y * s->in_w) * in_pixel, in_pixel, to + before, pixel, channels,
                  inside);
        memset(to + before + within, 0, line - before - within);
    }
}

/* Where the window of each output pixel begins, one after the other. */
typedef struct window_walk {
    int64_t at, x, out_w, x_step, line_end;
} window_walk;

static inline window_walk window_walk_of(const ork_conv_shape *s, const line_layout *l)
{
    const int64_t x_step = s->stride_w * l->pixel;
    return (window_walk){0, 0, s->out_w, x_step,
                         s->stride_h * l->width * l->pixel - s->out_w * x_step};
}

ALWAYS_INLINE int64_t window_walk_next(window_walk *w)
{
    const int64_t at = w->at;
    w->at += w->x_step;
    if (++w->x == w->out_w) {
        w->x = 0;
        w->at += w->line_end;
    }
    return at;
}

/* How many of the `rest` rows of a product the next tile takes, so that no tile is much smaller
   than the others. */
static inline int64_t next_rows(int64_t most, int64_t rest)
{
    const int64_t tiles = (rest + most - 1) / most;
    return (rest + tiles - 1) / tiles;
}

/* Columns of a product as panels of nearly equal width, `most` vectors at most. */
typedef struct panels {
    int64_t vectors, count;
} panels;

static inline panels panels_of(int64_t columns, int64_t most)
{
    panels p = {.vectors = (columns + LANES - 1) / LANES};
    p.count = (p.vectors + most - 1) / most;
    return p;
}

/* The vectors before panel `at`. */
static inline int64_t panel_begin(const panels *p, int64_t at)
{
    return p->vectors * at / p->count;
}

static inline int64_t panel_vectors(const panels *p, int64_t at)
{
    return panel_begin(p, at + 1) - panel_begin(p, at);
}

#endif
