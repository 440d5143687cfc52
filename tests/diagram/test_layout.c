/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold for every drawing, over random networks and those made to be awkward. */
#include "diagram/layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct drawing {
    ork_arena *arena;
    layout_box *boxes;
    layout_link *links;
    int box_count, link_count;
    layout l;
} drawing;

static drawing drawing_new(int boxes, int most_links)
{
    drawing d = {.arena = ork_arena_new(), .box_count = boxes};
    d.boxes = ORK_NEW_ARRAY(d.arena, layout_box, (size_t)boxes + 1);
    d.links = ORK_NEW_ARRAY(d.arena, layout_link, (size_t)most_links + 1);
    for (int i = 0; i < boxes; i++)
        d.boxes[i] = (layout_box){.width = 80 + i * 37 % 90, .height = 30 + i * 13 % 40};
    return d;
}

static int by_from(const void *a, const void *b)
{
    const layout_link *left = a, *right = b;
    return left->from != right->from ? left->from - right->from : left->to - right->to;
}

static void make(drawing *d)
{
    qsort(d->links, (size_t)d->link_count, sizeof(*d->links), by_from);
    d->l = layout_make(d->arena, d->boxes, d->box_count, d->links, d->link_count);
}

static void link_boxes(drawing *d, int from, int to)
{
    d->links[d->link_count++] = (layout_link){from, to};
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static drawing random_drawing(uint32_t seed, int boxes)
{
    drawing d = drawing_new(boxes, boxes * 3);
    for (int to = 1; to < boxes; to++)
        for (uint32_t n = next_random(&seed) % 3 + (to % 7 != 0); n > 0; n--)
            link_boxes(&d, (int)(next_random(&seed) % (uint32_t)to), to);
    make(&d);
    return d;
}

/* ---- what holds --------------------------------------------------------------------------- */

static bool overlap(const layout_box *a, const layout_box *b)
{
    return fabs(a->x - b->x) < (a->width + b->width) / 2 - 0.01 && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static void check_boxes(const drawing *d)
{
    for (int i = 0; i < d->box_count; i++) {
        const layout_box *box = &d->boxes[i];
        assert_true(box->x - box->width / 2 >= -0.01);
        assert_true(box->x + box->width / 2 <= d->l.width + 0.01);
        assert_true(box->y >= 0 && box->y + box->height <= d->l.height + 0.01);
        for (int k = 0; k < i; k++)
            assert_false(overlap(box, &d->boxes[k]));
    }
}

static void check_ends(const drawing *d, int index)
{
    const layout_line *line = &d->l.lines[index];
    const layout_box *from = &d->boxes[d->links[index].from], *to = &d->boxes[d->links[index].to];
    layout_point end = line->points[line->count - 1];
    assert_int_equal(line->count % 2, 1);
    assert_true(from->row < to->row);
    assert_true(end.y == to->y);
    assert_true(fabs(end.x - to->x) <= to->width / 2);
    assert_true(line->points[0].y >= from->y + from->height);
    for (int i = 1; i < line->count; i++)
        assert_true(line->points[i].y >= line->points[i - 1].y);
}

/* The straight pieces, which pass rows, touch no box of the row. */
static void check_lanes(const drawing *d, int index)
{
    const layout_line *line = &d->l.lines[index];
    for (int i = 2; i + 1 < line->count && !line->is_direct; i += 2) {
        layout_point top = line->points[i], bottom = line->points[i + 1];
        assert_true(top.x == bottom.x);
        for (int k = 0; k < d->box_count; k++) {
            const layout_box *box = &d->boxes[k];
            bool beside = box->y >= bottom.y || box->y + box->height <= top.y;
            assert_true(beside || fabs(box->x - top.x) > box->width / 2);
        }
    }
}

static void check(const drawing *d)
{
    check_boxes(d);
    for (int i = 0; i < d->link_count; i++) {
        check_ends(d, i);
        check_lanes(d, i);
    }
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        drawing d = random_drawing(seed, 3 + (int)(seed * 7 % 90));
        check(&d);
        ork_arena_free(d.arena);
    }
}

static void test_same_again(void **state)
{
    (void)state;
    drawing a = random_drawing(5, 80), b = random_drawing(5, 80);
    assert_memory_equal(a.boxes, b.boxes, sizeof(*a.boxes) * 80);
    ork_arena_free(a.arena);
    ork_arena_free(b.arena);
}

/* ---- what is pretty ----------------------------------------------------------------------- */

static void test_chain_is_straight(void **state)
{
    (void)state;
    drawing d = drawing_new(30, 30);
    for (int i = 0; i + 1 < 30; i++)
        link_boxes(&d, i, i + 1);
    make(&d);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(d.boxes[i].row, i);
        assert_true(fabs(d.boxes[i].x - d.boxes[0].x) < 0.01);
    }
    ork_arena_free(d.arena);
}

/* Around a chain, a long link runs straight beside it. */
static void test_long_link_is_straight(void **state)
{
    (void)state;
    drawing d = drawing_new(12, 12);
    for (int i = 0; i + 1 < 12; i++)
        link_boxes(&d, i, i + 1);
    link_boxes(&d, 1, 10);
    make(&d);
    check(&d);
    for (int i = 0; i < d.link_count; i++) {
        const layout_line *line = &d.l.lines[i];
        for (int k = 3; d.links[i].to == 10 && d.links[i].from == 1 && k + 1 < line->count; k++)
            assert_true(fabs(line->points[k].x - line->points[2].x) < 0.01);
    }
    ork_arena_free(d.arena);
}

/* Chains side by side, their boxes given in mixed order: no crossing is needed, so none is there.
 */
static void test_no_needless_crossing(void **state)
{
    enum { CHAINS = 5, LENGTH = 8 };
    (void)state;
    drawing d = drawing_new(CHAINS * LENGTH + 2, 100);
    int last = CHAINS * LENGTH + 1;
    for (int row = 0; row < LENGTH; row++)
        for (int c = 0; c < CHAINS; c++) {
            int box = 1 + row * CHAINS + (c * (row % 4 + 1) + row) % CHAINS;
            int next = 1 + (row + 1) * CHAINS + (c * ((row + 1) % 4 + 1) + row + 1) % CHAINS;
            if (row == 0)
                link_boxes(&d, 0, box);
            link_boxes(&d, box, row + 1 < LENGTH ? next : last);
        }
    make(&d);
    check(&d);
    for (int i = 0; i < d.link_count; i++)
        for (int k = 0; k < i; k++) {
            const layout_link *a = &d.links[i], *b = &d.links[k];
            if (d.boxes[a->from].row == d.boxes[b->from].row && a->from != b->from &&
                a->to != b->to)
                assert_true((d.boxes[a->from].x < d.boxes[b->from].x) ==
                            (d.boxes[a->to].x < d.boxes[b->to].x));
        }
    ork_arena_free(d.arena);
}

static void test_input_stands_above_its_use(void **state)
{
    (void)state;
    drawing d = drawing_new(5, 5);
    link_boxes(&d, 0, 2);
    link_boxes(&d, 2, 3);
    link_boxes(&d, 3, 4);
    link_boxes(&d, 1, 4); /* a second input, used at the end */
    make(&d);
    assert_int_equal(d.boxes[1].row, 2);
    ork_arena_free(d.arena);
}

/* ---- what is hostile ---------------------------------------------------------------------- */

static size_t points_of(const drawing *d)
{
    size_t points = 0;
    for (int i = 0; i < d->link_count; i++)
        points += (size_t)d->l.lines[i].count;
    return points;
}

/* A chain of which every box leads to the last one: lanes for all would be quadratic. */
static void test_memory_stays_linear(void **state)
{
    enum { COUNT = 6000 };
    (void)state;
    drawing d = drawing_new(COUNT, 2 * COUNT);
    for (int i = 0; i + 1 < COUNT; i++) {
        link_boxes(&d, i, i + 1);
        if (i + 2 < COUNT)
            link_boxes(&d, i, COUNT - 1);
    }
    make(&d);
    assert_true(points_of(&d) < 100 * (size_t)COUNT);
    assert_true(ork_arena_size(d.arena) < 20000 * (size_t)COUNT);
    ork_arena_free(d.arena);
}

static void test_nothing_and_little(void **state)
{
    (void)state;
    for (int count = 0; count < 3; count++) {
        drawing d = drawing_new(count, 4);
        for (int i = 0; count == 2 && i < 3; i++)
            link_boxes(&d, 0, 1); /* the same link thrice */
        make(&d);
        check(&d);
        ork_arena_free(d.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_same_again),
        cmocka_unit_test(test_chain_is_straight),
        cmocka_unit_test(test_long_link_is_straight),
        cmocka_unit_test(test_no_needless_crossing),
        cmocka_unit_test(test_input_stands_above_its_use),
        cmocka_unit_test(test_memory_stays_linear),
        cmocka_unit_test(test_nothing_and_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
