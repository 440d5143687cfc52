/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, lanes and lines. The steps are those of Sugiyama, Tagawa and Toda, "Methods for visual
   understanding of hierarchical system structures" (1981). */
#include "layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES_PER_BOX = 16, FEWEST_LANES = 4096 };
static const double lane_width = 6, least_gap = 30, most_gap = 110;

typedef struct work {
    ork_arena *arena;
    layout_box *boxes;
    int box_count;
    const layout_link *links;
    int link_count;
    places places;
    int *lane_first; /* of each box: its lanes, one in each row below it */
    int *lane_count;
    int longest; /* links over more rows have no lanes */
} work;

/* ---- rows -------------------------------------------------------------------------------- */

/* As high as possible; what has nothing above it stands just above what it leads to. */
static void find_rows(work *w)
{
    int *least = ORK_NEW_ARRAY(w->arena, int, (size_t)w->box_count + 1);
    bool *has_above = ORK_NEW_ARRAY(w->arena, bool, (size_t)w->box_count + 1);
    for (int i = 0; i < w->link_count; i++) {
        layout_box *from = &w->boxes[w->links[i].from], *to = &w->boxes[w->links[i].to];
        to->row = to->row > from->row ? to->row : from->row + 1;
        has_above[w->links[i].to] = true;
    }
    for (int i = 0; i < w->link_count; i++) {
        int *row = &least[w->links[i].from], below = w->boxes[w->links[i].to].row;
        *row = *row == 0 || below < *row ? below : *row;
    }
    for (int i = 0; i < w->box_count; i++) {
        if (!has_above[i] && least[i] > 0)
            w->boxes[i].row = least[i] - 1;
        if (w->boxes[i].row >= w->places.rows)
            w->places.rows = w->boxes[i].row + 1;
    }
}

/* ---- lanes ------------------------------------------------------------------------------- */

static int span(const work *w, const layout_link *link)
{
    return w->boxes[link->to].row - w->boxes[link->from].row;
}

static int by_number(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* What each length of links asks for. Lanes of one box serve all its links: of two, the longer adds
   only what it is longer by. */
static void count_wanted(const work *w, int64_t *wanted)
{
    int *spans = ORK_NEW_ARRAY(w->arena, int, (size_t)w->link_count + 1);
    for (int first = 0, end; first < w->link_count; first = end) {
        for (end = first; end < w->link_count && w->links[end].from == w->links[first].from; end++)
            spans[end - first] = span(w, &w->links[end]);
        qsort(spans, (size_t)(end - first), sizeof(*spans), by_number);
        for (int i = 0; i < end - first; i++)
            wanted[spans[i]] += spans[i] - (i ? spans[i - 1] : 1);
    }
}

/* Short links come first until the lanes are used up, so that no network can ask for a picture of
   quadratic size. */
static void find_longest(work *w)
{
    int rows = w->places.rows;
    int64_t *wanted = ORK_NEW_ARRAY(w->arena, int64_t, (size_t)rows + 1);
    count_wanted(w, wanted);
    int64_t left = (int64_t)w->box_count * LANES_PER_BOX + FEWEST_LANES;
    for (w->longest = 1; w->longest < rows && wanted[w->longest + 1] <= left; w->longest++)
        left -= wanted[w->longest + 1];
}

static void find_lanes(work *w)
{
    w->lane_first = ORK_NEW_ARRAY(w->arena, int, (size_t)w->box_count + 1);
    w->lane_count = ORK_NEW_ARRAY(w->arena, int, (size_t)w->box_count + 1);
    for (int i = 0; i < w->link_count; i++) {
        int lanes = span(w, &w->links[i]) - 1, *count = &w->lane_count[w->links[i].from];
        if (lanes < w->longest)
            *count = lanes > *count ? lanes : *count;
    }
    int count = w->box_count;
    for (int i = 0; i < w->box_count; i++) {
        w->lane_first[i] = count;
        count += w->lane_count[i];
    }
    w->places.count = count;
}

static void add_places(work *w)
{
    places *p = &w->places;
    p->box_count = w->box_count;
    p->width = ORK_NEW_ARRAY(w->arena, double, (size_t)p->count + 1);
    p->row = ORK_NEW_ARRAY(w->arena, int, (size_t)p->count + 1);
    for (int i = 0; i < w->box_count; i++) {
        p->width[i] = w->boxes[i].width;
        p->row[i] = w->boxes[i].row;
        for (int k = 0; k < w->lane_count[i]; k++) {
            p->width[w->lane_first[i] + k] = lane_width;
            p->row[w->lane_first[i] + k] = w->boxes[i].row + 1 + k;
        }
    }
}

/* The place in the row above its end from which a link comes. */
static int last_place(const work *w, const layout_link *link)
{
    int lanes = span(w, link) - 1;
    return lanes ? w->lane_first[link->from] + lanes - 1 : link->from;
}

static void add_segments(work *w)
{
    places *p = &w->places;
    p->segments =
        ORK_NEW_ARRAY(w->arena, segment, (size_t)(w->link_count + p->count - p->box_count) + 1);
    for (int i = 0; i < w->box_count; i++)
        for (int k = 0; k < w->lane_count[i]; k++) {
            int lane = w->lane_first[i] + k;
            p->segments[p->segment_count++] = (segment){k ? lane - 1 : i, lane, false};
        }
    for (int i = 0; i < w->link_count; i++)
        if (span(w, &w->links[i]) <= w->longest)
            p->segments[p->segment_count++] =
                (segment){last_place(w, &w->links[i]), w->links[i].to, false};
}

static sides collect_sides(const places *p, bool upper)
{
    sides s = {ORK_NEW_ARRAY(p->arena, int, (size_t)p->count + 2),
               ORK_NEW_ARRAY(p->arena, int, (size_t)p->segment_count + 1)};
    for (int i = 0; i < p->segment_count; i++)
        s.first[(upper ? p->segments[i].upper : p->segments[i].lower) + 2]++;
    for (int i = 0; i < p->count; i++)
        s.first[i + 2] += s.first[i + 1];
    for (int i = 0; i < p->segment_count; i++)
        s.items[s.first[(upper ? p->segments[i].upper : p->segments[i].lower) + 1]++] = i;
    return s;
}

/* ---- heights ----------------------------------------------------------------------------- */

/* Rows are as high as their highest box, and further apart where lines go far to the side. */
static double *find_heights(work *w, const double *x, double *total)
{
    places *p = &w->places;
    double *top = ORK_NEW_ARRAY(w->arena, double, (size_t)p->rows * 2 + 2);
    double *height = ORK_NEW_ARRAY(w->arena, double, (size_t)p->rows + 1);
    double *far = ORK_NEW_ARRAY(w->arena, double, (size_t)p->rows + 1);
    for (int i = 0; i < w->box_count; i++)
        height[p->row[i]] = fmax(height[p->row[i]], w->boxes[i].height);
    for (int i = 0; i < p->segment_count; i++) {
        const segment *s = &p->segments[i];
        far[p->row[s->upper]] = fmax(far[p->row[s->upper]], fabs(x[s->upper] - x[s->lower]));
    }
    double y = 0;
    for (int r = 0; r < p->rows; r++) {
        top[2 * r] = y;
        top[2 * r + 1] = y + height[r];
        *total = y + height[r];
        y += height[r] + fmin(most_gap, least_gap + far[r] * 0.06);
    }
    return top;
}

/* ---- lines ------------------------------------------------------------------------------- */

/* The longest link of a box draws all its lanes; the others leave them where they must. */
static void draw_line(const work *w, const double *x, const double *rows, int index, bool whole,
                      layout_line *line)
{
    const layout_link *link = &w->links[index];
    const layout_box *from = &w->boxes[link->from];
    int lanes = span(w, link) - 1;
    int first = whole || lanes == 0 ? -1 : lanes - 1; /* the lane to begin with; -1: the box */
    line->points = ORK_NEW_ARRAY(w->arena, layout_point, (size_t)(lanes - first) * 2 + 4);
    line->is_direct = lanes >= w->longest;
    if (line->is_direct)
        first = lanes = -1;
    if (first < 0) {
        line->points[line->count++] = (layout_point){x[link->from], from->y + from->height};
        line->points[line->count++] = (layout_point){x[link->from], rows[2 * from->row + 1]};
    }
    for (int k = first < 0 ? 0 : first; k < lanes; k++) {
        int lane = w->lane_first[link->from] + k, row = from->row + 1 + k;
        line->points[line->count++] = (layout_point){x[lane], rows[2 * row]};
        line->points[line->count++] = (layout_point){x[lane], rows[2 * row + 1]};
    }
    line->points[line->count++] = (layout_point){x[link->to], w->boxes[link->to].y};
}

typedef struct arrival {
    double x;
    int line;
} arrival;

static int by_x(const void *a, const void *b)
{
    const arrival *left = a, *right = b;
    return left->x != right->x ? (left->x < right->x ? -1 : 1) : left->line - right->line;
}

/* Lines that arrive at one box stand beside each other, in the order in which they come. */
static void spread(const work *w, layout *result, const int *first, const int *lines, int box)
{
    int count = first[box + 1] - first[box];
    if (count < 2)
        return;
    arrival *arrivals = ORK_NEW_ARRAY(w->arena, arrival, (size_t)count);
    for (int i = 0; i < count; i++) {
        const layout_line *line = &result->lines[lines[first[box] + i]];
        arrivals[i] = (arrival){line->points[line->count - 2].x, lines[first[box] + i]};
    }
    qsort(arrivals, (size_t)count, sizeof(*arrivals), by_x);
    double step = fmin(22, w->boxes[box].width * 0.7 / count);
    for (int i = 0; i < count; i++) {
        layout_line *line = &result->lines[arrivals[i].line];
        line->points[line->count - 1].x += (i - (count - 1) / 2.0) * step;
    }
}

static void spread_all(const work *w, layout *result)
{
    int *first = ORK_NEW_ARRAY(w->arena, int, (size_t)w->box_count + 2);
    int *lines = ORK_NEW_ARRAY(w->arena, int, (size_t)w->link_count + 1);
    for (int i = 0; i < w->link_count; i++)
        first[w->links[i].to + 2]++;
    for (int i = 0; i < w->box_count; i++)
        first[i + 2] += first[i + 1];
    for (int i = 0; i < w->link_count; i++)
        lines[first[w->links[i].to + 1]++] = i;
    for (int i = 0; i < w->box_count; i++)
        spread(w, result, first, lines, i);
}

static void draw_lines(const work *w, const double *x, const double *rows, layout *result)
{
    int *longest = ORK_NEW_ARRAY(w->arena, int, (size_t)w->box_count + 1);
    for (int i = 0; i < w->link_count; i++) {
        int box = w->links[i].from, length = span(w, &w->links[i]);
        if (length <= w->longest &&
            (!longest[box] || length > span(w, &w->links[longest[box] - 1])))
            longest[box] = i + 1;
    }
    result->lines = ORK_NEW_ARRAY(w->arena, layout_line, (size_t)w->link_count + 1);
    for (int i = 0; i < w->link_count; i++)
        draw_line(w, x, rows, i, longest[w->links[i].from] == i + 1, &result->lines[i]);
    spread_all(w, result);
}

layout layout_make(ork_arena *arena, layout_box *boxes, int box_count, const layout_link *links,
                   int link_count)
{
    layout result = {0};
    work w = {.arena = arena,
              .boxes = boxes,
              .box_count = box_count,
              .links = links,
              .link_count = link_count,
              .places = {.arena = arena}};
    find_rows(&w);
    find_longest(&w);
    find_lanes(&w);
    add_places(&w);
    add_segments(&w);
    w.places.up = collect_sides(&w.places, false);
    w.places.down = collect_sides(&w.places, true);
    places_order(&w.places);
    double *x = places_straighten(&w.places);
    double *rows = find_heights(&w, x, &result.height);
    for (int i = 0; i < w.places.count; i++)
        result.width = fmax(result.width, x[i] + w.places.width[i] / 2);
    for (int i = 0; i < box_count; i++) {
        boxes[i].x = x[i];
        boxes[i].y = rows[2 * boxes[i].row];
    }
    result.rows = w.places.rows;
    draw_lines(&w, x, rows, &result);
    return result;
}
