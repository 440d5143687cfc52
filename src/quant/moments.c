/* SPDX-License-Identifier: Apache-2.0 */
/* What the windows of convolutions look like: means and second moments. */
#include "moments.h"

#include <stdlib.h>
#include <string.h>

enum { POSITIONS = 256 };

static bool is_linear(const ork_node *node)
{
    return node->op == ORK_OP_LINEAR;
}

bool ork_moments_apply(const ork_node *node)
{
    return (node->op == ORK_OP_CONV2D || is_linear(node)) &&
           node->inputs[1]->kind == ORK_VALUE_CONSTANT && node->output->type.dtype == ORK_F32;
}

ork_window ork_window_of(const ork_node *node)
{
    const int64_t *w = node->inputs[1]->type.shape.dim;
    if (is_linear(node))
        return (ork_window){.in_c = w[1],
                            .taps_h = 1,
                            .taps_w = 1,
                            .stride = {{1, 1}},
                            .dilation = {{1, 1}},
                            .groups = 1,
                            .group_in = w[1]};
    return (ork_window){.in_c = node->inputs[0]->type.shape.dim[1],
                        .taps_h = w[2],
                        .taps_w = w[3],
                        .stride = node->attrs.conv2d.stride,
                        .dilation = node->attrs.conv2d.dilation,
                        .pad = node->attrs.conv2d.pad,
                        .out_h = node->output->type.shape.dim[2],
                        .out_w = node->output->type.shape.dim[3],
                        .groups = node->attrs.conv2d.groups,
                        .group_in = w[1]};
}

int64_t ork_window_length(const ork_window *w)
{
    return w->group_in * w->taps_h * w->taps_w;
}

bool ork_moments_new(ork_moments *m, ork_arena *arena, const ork_node *node)
{
    m->input = node->inputs[0];
    m->window = ork_window_of(node);
    const int64_t length = ork_window_length(&m->window);
    const size_t squares = (size_t)(length * length * m->window.groups);
    m->sums = ORK_NEW_ARRAY(arena, double, (size_t)(length * m->window.groups));
    m->squares = ork_arena_alloc_data(arena, squares * sizeof(float));
    if (m->squares)
        memset(m->squares, 0, squares * sizeof(float));
    return m->squares != NULL;
}

bool ork_moments_serve(const ork_moments *m, const ork_node *node)
{
    ork_window w = ork_window_of(node);
    return m->input == node->inputs[0] && memcmp(&w, &m->window, sizeof(w)) == 0;
}

/* ---- windows ---- */

typedef struct source {
    const float *data;
    int64_t height, width;
    int64_t image_step, channel_step, row_step, column_step;
} source;

static source source_of(const ork_observation *seen)
{
    const int64_t *d = seen->value->type.shape.dim;
    source s = {seen->data, d[2], d[3], d[1] * d[2] * d[3], d[2] * d[3], d[3], 1};
    if (seen->is_nhwc) {
        s.channel_step = 1;
        s.row_step = d[1] * d[3];
        s.column_step = d[1];
    }
    return s;
}

/* The window of group `group` at output pixel (y, x): channel, then row, then column of the
   kernel, as weights lie. */
static void gather(const ork_window *w, const source *s, int64_t image, int64_t y, int64_t x,
                   int64_t group, float *to)
{
    for (int64_t ky = 0; ky < w->taps_h; ky++)
        for (int64_t kx = 0; kx < w->taps_w; kx++) {
            const int64_t row = y * w->stride.v[0] + ky * w->dilation.v[0] - w->pad.v[0];
            const int64_t column = x * w->stride.v[1] + kx * w->dilation.v[1] - w->pad.v[1];
            const bool inside = row >= 0 && row < s->height && column >= 0 && column < s->width;
            const float *from = s->data + image * s->image_step + row * s->row_step +
                                column * s->column_step + group * w->group_in * s->channel_step;
            for (int64_t c = 0; c < w->group_in; c++)
                to[(c * w->taps_h + ky) * w->taps_w + kx] = inside ? from[c * s->channel_step] : 0;
        }
}

typedef struct batch {
    ork_moments *moments;
    const ork_observation *seen;
    int64_t positions, all, images;
    float *windows; /* groups x positions x length */
    int tasks;
} batch;

static void gather_group(const batch *b, int64_t group)
{
    const ork_window *w = &b->moments->window;
    const int64_t length = ork_window_length(w);
    float *to = b->windows + group * b->positions * length;
    const bool rows = b->seen->value->type.shape.rank != 4 || w->out_h == 0;
    const source s = rows ? (source){0} : source_of(b->seen);
    for (int64_t i = 0; i < b->positions; i++, to += length) {
        const int64_t at = i * b->all / b->positions;
        if (rows) {
            memcpy(to, b->seen->data + at * length, (size_t)length * sizeof(*to));
            continue;
        }
        const int64_t pixel = at % (w->out_h * w->out_w);
        gather(w, &s, at / (w->out_h * w->out_w), pixel / w->out_w, pixel % w->out_w, group, to);
    }
}

/* Rows of the second moments, upper half; the rows of all groups are shared among the tasks. */
static void add_squares(void *arg, int index, int worker)
{
    const batch *b = arg;
    (void)worker;
    const int64_t length = ork_window_length(&b->moments->window);
    const int64_t rows = length * b->moments->window.groups;
    for (int64_t row = index; row < rows; row += b->tasks) {
        const int64_t group = row / length, i = row % length;
        const float *restrict windows = b->windows + group * b->positions * length;
        float *restrict squares = b->moments->squares + row * length;
        double sum = 0;
        for (int64_t p = 0; p < b->positions; p++) {
            const float x = windows[p * length + i];
            sum += (double)x;
            if (x == 0)
                continue;
            for (int64_t k = i; k < length; k++)
                squares[k] += x * windows[p * length + k];
        }
        b->moments->sums[row] += sum;
    }
}

void ork_moments_add(ork_moments *m, const ork_observation *seen, ork_pool *pool)
{
    const int64_t length = ork_window_length(&m->window);
    batch b = {.moments = m, .seen = seen, .tasks = ork_pool_threads(pool) * 4};
    b.all = m->window.out_h ? seen->value->type.shape.dim[0] * m->window.out_h * m->window.out_w
                            : seen->count / length;
    b.positions = b.all < POSITIONS ? b.all : POSITIONS;
    b.windows = malloc((size_t)(m->window.groups * b.positions * length) * sizeof(float));
    if (!b.windows)
        abort();
    for (int64_t g = 0; g < m->window.groups; g++)
        gather_group(&b, g);
    ork_pool_run(pool, add_squares, &b, b.tasks);
    m->count += (uint64_t)b.positions;
    free(b.windows);
}
