/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes from hand-made values, suppression, and the way back to the picture. */
#include "detect/detect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static ork_box box_of(int class_id, float score, float left, float top, float right, float bottom)
{
    return (ork_box){.class_id = class_id, .score = score, .corners = {left, top, right, bottom}};
}

static void test_overlap(void **state)
{
    (void)state;
    ork_box a = box_of(0, 1, 0, 0, 10, 10), b = box_of(0, 1, 5, 0, 15, 10);
    assert_true(fabsf(ork_box_overlap(&a, &b) - 50.0f / 150) < 1e-6f);
    assert_true(ork_box_overlap(&a, &a) == 1);
    ork_box apart = box_of(0, 1, 20, 20, 30, 30), point = box_of(0, 1, 3, 3, 3, 3);
    assert_true(ork_box_overlap(&a, &apart) == 0);
    assert_true(ork_box_overlap(&point, &point) == 0);
}

static void test_suppression_per_class_and_over_all(void **state)
{
    (void)state;
    const ork_box all[] = {
        box_of(0, 0.9f, 0, 0, 10, 10),   box_of(1, 0.8f, 0, 0, 10, 10),
        box_of(0, 0.7f, 1, 0, 11, 10),   box_of(0, 0.6f, 50, 50, 60, 60),
        box_of(1, 0.5f, 50, 50, 60, 61),
    };
    ork_box items[ORK_COUNT(all)];
    memcpy(items, all, sizeof(all));
    ork_boxes boxes = {items, ORK_COUNT(all)};
    ork_boxes_suppress(&boxes, 0.5f, false, 100);
    assert_int_equal(boxes.count, 4);
    assert_true(items[2].score == 0.6f && items[3].score == 0.5f);

    memcpy(items, all, sizeof(all));
    boxes.count = ORK_COUNT(all);
    ork_boxes_suppress(&boxes, 0.5f, true, 100);
    assert_int_equal(boxes.count, 2);
    assert_true(items[0].score == 0.9f && items[1].score == 0.6f);

    memcpy(items, all, sizeof(all));
    boxes.count = ORK_COUNT(all);
    ork_boxes_suppress(&boxes, 0.5f, false, 3);
    assert_int_equal(boxes.count, 3);
    memcpy(items, all, sizeof(all));
    boxes.count = ORK_COUNT(all);
    ork_boxes_suppress(&boxes, 0.99f, false, 100);
    assert_int_equal(boxes.count, 5);
}

/* A box that a suppressed one would suppress stays: only kept boxes count. */
static void test_chains_are_greedy(void **state)
{
    (void)state;
    ork_box items[] = {box_of(0, 0.9f, 0, 0, 10, 10), box_of(0, 0.8f, 4, 0, 14, 10),
                       box_of(0, 0.7f, 8, 0, 18, 10)};
    ork_boxes boxes = {items, 3};
    ork_boxes_suppress(&boxes, 0.3f, false, 100);
    assert_int_equal(boxes.count, 2);
    assert_true(items[1].score == 0.7f);
}

static const ork_anchor four_cells[] = {{0, 0, 8}, {1, 0, 8}, {0, 1, 8}, {1, 1, 8}};

/* One 2x2 map of two classes. */
static ork_head small_head(ork_answer decoded, ork_answer logits)
{
    return (ork_head){
        .layout = ORK_HEAD_MAPS,
        .input_width = 16,
        .input_height = 16,
        .class_count = 2,
        .boxes_decoded = decoded,
        .object_logits = logits,
        .class_logits = logits,
        .part_count = 1,
        .parts = {{.count = 4, .anchor_step = 1, .channel_step = 4, .anchors = four_cells}},
        .anchor_count = 4,
    };
}

static void decode(const ork_head *head, const float *values, float threshold,
                   void (*check)(const ork_boxes *boxes))
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_boxes boxes;
    assert_true(ork_head_decode(diag, arena, head, &values, threshold, &boxes));
    check(&boxes);
    ork_arena_free(arena);
    ork_diag_free(diag);
}

static void expect_one_at_1_1(const ork_boxes *boxes)
{
    assert_int_equal(boxes->count, 1);
    assert_int_equal(boxes->items[0].class_id, 1);
    assert_int_equal(boxes->items[0].anchor, 3);
    assert_true(fabsf(boxes->items[0].score - 0.4f) < 1e-6f);
    /* centre (0.5 + 1) * 8, (0.25 + 1) * 8; size 8 and 16 */
    const float wanted[4] = {8, 2, 16, 18};
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(boxes->items[0].corners[i] - wanted[i]) < 1e-4f);
}

static void test_decodes_a_map(void **state)
{
    (void)state;
    const float values[7 * 4] = {
        0, 0, 0, 0.5f,       /* x */
        0, 0, 0, 0.25f,      /* y */
        0, 0, 0, 0,          /* log w */
        0, 0, 0, 0.6931472f, /* log h */
        0, 0, 0, 0.5f,       /* objectness */
        0, 0, 0, 0.1f,       /* class 0 */
        0, 0, 0, 0.8f,       /* class 1 */
    };
    ork_head head = small_head(ORK_ANSWER_NO, ORK_ANSWER_NO);
    decode(&head, values, 0.3f, expect_one_at_1_1);
}

static void expect_one_of_logits(const ork_boxes *boxes)
{
    assert_int_equal(boxes->count, 1);
    assert_int_equal(boxes->items[0].class_id, 0);
    float sure = 1 / (1 + expf(-3)), half = 0.5f;
    assert_true(fabsf(boxes->items[0].score - sure * half) < 1e-6f);
}

static const float logits[7 * 4] = {
    0, 0,  0,  0,  0, 0,  0,  0,  0,  0,  0,  0,  0, 0, 0, 0, /* box */
    3, -9, -9, -9, 0, -5, -5, -5, -1, -5, -5, -5,
};

static void test_applies_the_sigmoid(void **state)
{
    (void)state;
    ork_head head = small_head(ORK_ANSWER_NO, ORK_ANSWER_YES);
    decode(&head, logits, 0.3f, expect_one_of_logits);
    head = small_head(ORK_ANSWER_NO, ORK_ANSWER_UNKNOWN);
    decode(&head, logits, 0.3f, expect_one_of_logits);
}

static void expect_pixels(const ork_boxes *boxes)
{
    assert_int_equal(boxes->count, 4);
    assert_int_equal(boxes->items[0].anchor, 0); /* equal scores: by class, then by anchor */
    assert_int_equal(boxes->items[1].anchor, 2);
    assert_int_equal(boxes->items[2].anchor, 3);
    assert_int_equal(boxes->items[3].anchor, 1);
    assert_true(boxes->items[0].corners[0] == 2 && boxes->items[0].corners[2] == 6);
}

static void test_values_tell_that_boxes_are_decoded(void **state)
{
    (void)state;
    const float values[7 * 4] = {
        4, 12, 4, 12, 4, 4, 12,   12,   4,    4,    4,     4,    6,     6,
        6, 6,  1, 1,  1, 1, 0.5f, 0.1f, 0.5f, 0.5f, 0.25f, 0.5f, 0.25f, 0.25f,
    };
    ork_head head = small_head(ORK_ANSWER_UNKNOWN, ORK_ANSWER_UNKNOWN);
    decode(&head, values, 0.3f, expect_pixels);
}

static void expect_none(const ork_boxes *boxes)
{
    assert_int_equal(boxes->count, 0);
    assert_null(boxes->items);
}

static void test_numbers_that_are_none_are_dropped(void **state)
{
    (void)state;
    float values[7 * 4];
    for (size_t i = 0; i < ORK_COUNT(values); i++)
        values[i] = i < 16 ? 1e30f : 1; /* exp overflows */
    values[16] = NAN;
    values[21] = NAN;
    ork_head head = small_head(ORK_ANSWER_NO, ORK_ANSWER_NO);
    decode(&head, values, 0.3f, expect_none);
}

static void test_back_to_the_picture(void **state)
{
    (void)state;
    static const ork_fit fits[] = {ORK_FIT_CENTRE, ORK_FIT_CORNER, ORK_FIT_STRETCH};
    /* 200x100 into 100x100: half size; centred it begins at row 25. */
    static const float inside[][4] = {{10, 35, 30, 45}, {10, 10, 30, 20}, {10, 20, 30, 40}};
    for (size_t i = 0; i < ORK_COUNT(fits); i++) {
        ork_letterbox letterbox = ork_letterbox_new(fits[i], 200, 100, 100, 100);
        ork_box items[2] = {{.score = 1}, box_of(0, 1, -50, -50, 500, 500)};
        memcpy(items[0].corners, inside[i], sizeof(items[0].corners));
        ork_boxes boxes = {items, 2};
        ork_boxes_to_picture(&boxes, &letterbox);
        const float wanted[2][4] = {{20, 20, 60, 40}, {0, 0, 200, 100}};
        for (int b = 0; b < 2; b++)
            for (int c = 0; c < 4; c++)
                assert_true(fabsf(items[b].corners[c] - wanted[b][c]) < 1e-3f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_suppression_per_class_and_over_all),
        cmocka_unit_test(test_chains_are_greedy),
        cmocka_unit_test(test_decodes_a_map),
        cmocka_unit_test(test_applies_the_sigmoid),
        cmocka_unit_test(test_values_tell_that_boxes_are_decoded),
        cmocka_unit_test(test_numbers_that_are_none_are_dropped),
        cmocka_unit_test(test_back_to_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
