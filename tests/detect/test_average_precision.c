/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations in COCO's form, and figures that must be those of pycocotools:
   tests/data/coco/make.py wrote the files and had them measured. */
#include "codec/codec.h"
#include "detect/detect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    ork_diag *diag;
    ork_arena *arena;
    ork_coco coco;
    ork_json *found, *expected;
} fixture;

static ork_json *read_json(fixture *f, const char *path)
{
    ork_file file;
    assert_true(ork_file_map(f->diag, path, &file));
    ork_json *json = ork_json_read(f->diag, f->arena, file.bytes);
    ork_file_unmap(&file);
    assert_non_null(json);
    return json;
}

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.diag = ork_diag_new(), .arena = ork_arena_new()};
    *state = &f;
    ork_file file;
    assert_true(ork_file_map(f.diag, ORK_TEST_DATA "/coco/truth.json", &file));
    assert_true(ork_coco_read(f.diag, f.arena, file.bytes, &f.coco));
    ork_file_unmap(&file);
    f.found = read_json(&f, ORK_TEST_DATA "/coco/found.json");
    f.expected = read_json(&f, ORK_TEST_DATA "/coco/expected.json");
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ork_arena_free(f->arena);
    ork_diag_free(f->diag);
    return 0;
}

/* ---- reading ---- */

static bool read_text(fixture *f, const char *text, ork_coco *coco)
{
    ork_diag_clear(f->diag);
    return ork_coco_read(f->diag, f->arena, (ork_bytes){(const uint8_t *)text, strlen(text)}, coco);
}

static void test_reading(void **state)
{
    fixture *f = *state;
    ork_coco coco;
    assert_true(read_text(
        f,
        "{\"images\":[{\"id\":9,\"file_name\":\"b\",\"width\":4,\"height\":2},"
        "            {\"id\":-3,\"file_name\":\"a\"}],"
        " \"categories\":[{\"id\":90,\"name\":\"late\"},{\"id\":7,\"name\":\"early\"}],"
        " \"annotations\":[{\"image_id\":9,\"category_id\":7,\"bbox\":[1,2,3,4]},"
        "  {\"image_id\":9,\"category_id\":90,\"bbox\":[1.5,2,3,4],\"area\":5.5,\"iscrowd\":1},"
        "  {\"image_id\":8,\"category_id\":90,\"bbox\":[0,0,1,1]},"
        "  {\"image_id\":9,\"category_id\":91,\"bbox\":[0,0,1,1]},"
        "  {\"image_id\":9,\"category_id\":90,\"bbox\":[0,0,1,1],\"iscrowd\":false}]}",
        &coco));
    assert_int_equal(coco.image_count, 2);
    assert_true(coco.images[0].id == -3 && coco.images[1].id == 9);
    assert_string_equal(coco.images[1].file_name, "b");
    assert_int_equal(coco.images[1].width, 4);
    assert_int_equal(coco.images[0].width, 0);
    assert_int_equal(coco.images[0].count, 0);
    assert_true(coco.images[1].first == 0 && coco.images[1].count == 3);
    assert_string_equal(coco.categories[0].name, "late");
    assert_int_equal(coco.object_count, 3);
    assert_int_equal(coco.skipped, 2);
    const ork_coco_object *objects = coco.objects;
    assert_true(objects[0].crowd && objects[0].category == 0 && objects[0].area == 5.5);
    assert_true(!objects[1].crowd && objects[1].category == 0 && objects[1].area == 1);
    assert_true(objects[2].category == 1 && objects[2].left == 1 && objects[2].area == 12);
}

#define IMAGES     "\"images\":[{\"id\":1,\"file_name\":\"a\"}]"
#define CATEGORIES "\"categories\":[{\"id\":1,\"name\":\"c\"}]"

static void test_what_is_no_annotations(void **state)
{
    static const struct {
        const char *text, *what, *why;
    } cases[] = {
        {"[]", "COCO's form", "\"images\""},
        {"{}", "COCO's form", "\"images\""},
        {"{\"images\":[{\"id\":1.5,\"file_name\":\"a\"}]}", "entry 0 of \"images\"",
         "whole number"},
        {"{\"images\":[{\"id\":1,\"file_name\":\"a\"},{\"id\":2}]}", "entry 1 of \"images\"",
         "file_name"},
        {"{\"images\":[{\"id\":1,\"file_name\":\"a\"},{\"id\":1,\"file_name\":\"b\"}]}",
         "two images have the id 1", ""},
        {"{" IMAGES "}", "COCO's form", "\"categories\""},
        {"{" IMAGES ",\"categories\":[7]}", "entry 0 of \"categories\"", "\"name\""},
        {"{" IMAGES ",\"categories\":[{\"id\":4,\"name\":\"\"},{\"id\":4,\"name\":\"\"}]}",
         "two categories have the id 4", ""},
        {"{" IMAGES "," CATEGORIES "}", "COCO's form", "\"annotations\""},
        {"{" IMAGES "," CATEGORIES ",\"annotations\":[{\"image_id\":1,\"category_id\":1}]}",
         "entry 0 of \"annotations\"", "\"bbox\""},
        {"{" IMAGES "," CATEGORIES
         ",\"annotations\":[{\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3]}]}",
         "entry 0 of \"annotations\"", "\"bbox\""},
        {"{" IMAGES "," CATEGORIES
         ",\"annotations\":[{\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,-3,4]}]}",
         "entry 0 of \"annotations\"", "not below 0"},
    };
    fixture *f = *state;
    ork_coco coco;
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        assert_false(read_text(f, cases[i].text, &coco));
        assert_string_equal(ork_diag_error(f->diag)->id, "E0904");
        assert_non_null(strstr(ork_diag_error(f->diag)->what, cases[i].what));
        assert_non_null(strstr(ork_diag_error(f->diag)->why, cases[i].why));
    }
    assert_false(read_text(f, "{", &coco));
    assert_string_equal(ork_diag_error(f->diag)->id, "E0106");
}

static bool read_results(fixture *f, const char *text, ork_coco_results *results)
{
    ork_diag_clear(f->diag);
    ork_bytes bytes = {(const uint8_t *)text, strlen(text)};
    return ork_coco_read_results(f->diag, f->arena, bytes, &f->coco, results);
}

/* The ids of the images are 149, 186 ... 1000. */
static void test_results(void **state)
{
    fixture *f = *state;
    ork_coco_results results;
    assert_true(
        read_results(f,
                     "[{\"image_id\":1000,\"category_id\":3,\"bbox\":[1,2,3.5,4],\"score\":0.5},"
                     " {\"image_id\":149,\"category_id\":8,\"bbox\":[0,0,0,0],\"score\":1},"
                     " {\"image_id\":1000,\"category_id\":7,\"bbox\":[1,2,3,4],\"score\":0.75}]",
                     &results));
    assert_int_equal(results.count, 3);
    const ork_coco_result *items = results.items;
    assert_true(items[0].image == 0 && items[1].image == 23 && items[2].image == 23);
    assert_true(items[0].box.class_id == -1 && items[1].box.class_id == 1);
    assert_true(items[1].box.score == 0.5f && items[2].box.score == 0.75f);
    assert_true(items[1].box.corners[2] == 4.5f && items[1].box.corners[3] == 6);
    assert_true(read_results(f, "[]", &results));
    assert_int_equal(results.count, 0);
}

static void test_what_is_no_results(void **state)
{
    static const struct {
        const char *text, *what, *why;
    } cases[] = {
        {"{}", "no results", "entry 0"},
        {"[7]", "no results", "entry 0"},
        {"[{\"image_id\":1000,\"category_id\":3,\"bbox\":[1,2,3,4]}]", "no results", "entry 0"},
        {"[{\"image_id\":1,\"category_id\":3,\"bbox\":[1,2,3,4],\"score\":1}]", "of image 1,", ""},
    };
    fixture *f = *state;
    ork_coco_results results;
    for (size_t i = 0; i < ORK_COUNT(cases); i++) {
        assert_false(read_results(f, cases[i].text, &results));
        assert_string_equal(ork_diag_error(f->diag)->id, "E0904");
        assert_non_null(strstr(ork_diag_error(f->diag)->what, cases[i].what));
        assert_non_null(strstr(ork_diag_error(f->diag)->why, cases[i].why));
    }
}

/* ---- figures ---- */

static int category_of(const ork_coco *coco, int64_t id)
{
    for (int i = 0; i < coco->category_count; i++)
        if (coco->categories[i].id == id)
            return i;
    fail();
    return -1;
}

static ork_box box_of(const fixture *f, const ork_json *entry)
{
    double place[4];
    for (size_t i = 0; i < 4; i++)
        assert_true(ork_json_as_double(ork_json_item(ork_json_get(entry, "bbox"), i), &place[i]));
    return (ork_box){.class_id = category_of(&f->coco, ork_json_get_int(entry, "category_id", 0)),
                     .score = (float)ork_json_get_double(entry, "score", 0),
                     .corners = {(float)place[0], (float)place[1], (float)(place[0] + place[2]),
                                 (float)(place[1] + place[3])}};
}

static void add_image(const fixture *f, ork_judge *judge, int image)
{
    size_t all = ork_json_count(f->found), count = 0;
    ork_box *boxes = ORK_NEW_ARRAY(f->arena, ork_box, all);
    for (size_t i = 0; i < all; i++) {
        const ork_json *entry = ork_json_item(f->found, i);
        if (ork_json_get_int(entry, "image_id", 0) == f->coco.images[image].id)
            boxes[count++] = box_of(f, entry);
    }
    assert_true(ork_judge_add(judge, image, boxes, count));
}

static void check_figures(const double *figures, const ork_json *expected)
{
    assert_int_equal(ork_json_count(expected), ORK_FIGURE_COUNT);
    for (ork_figure i = 0; i < ORK_FIGURE_COUNT; i++) {
        double wanted;
        assert_true(ork_json_as_double(ork_json_item(expected, i), &wanted));
        if (fabs(figures[i] - wanted) > 1e-9)
            fail_msg("%s is %.12f instead of %.12f", ork_figure_names[i], figures[i], wanted);
    }
}

static void check_all(const fixture *f, ork_judge *judge)
{
    double figures[ORK_FIGURE_COUNT];
    bool *chosen = ORK_NEW_ARRAY(f->arena, bool, (size_t)f->coco.image_count);
    for (int i = 0; i < f->coco.image_count; i += 2)
        chosen[i] = true;
    ork_judge_figures(judge, NULL, -1, figures);
    check_figures(figures, ork_json_get(f->expected, "all"));
    ork_judge_figures(judge, chosen, -1, figures);
    check_figures(figures, ork_json_get(f->expected, "half"));
    for (int c = 0; c < f->coco.category_count; c++) {
        ork_judge_figures(judge, NULL, c, figures);
        check_figures(figures, ork_json_item(ork_json_get(f->expected, "categories"), (size_t)c));
    }
}

static void test_figures_are_those_of_pycocotools(void **state)
{
    fixture *f = *state;
    ork_judge *judge = ork_judge_new(&f->coco);
    for (int i = 0; i < f->coco.image_count; i++)
        add_image(f, judge, i);
    assert_false(ork_judge_add(judge, 0, NULL, 0)); /* it has been added */
    check_all(f, judge);
    ork_judge_free(judge);
}

static void test_the_order_of_images_makes_no_difference(void **state)
{
    fixture *f = *state;
    ork_judge *judge = ork_judge_new(&f->coco);
    for (int i = 0, count = f->coco.image_count; i < count; i++)
        add_image(f, judge, (i * 7 + 3) % count);
    check_all(f, judge);
    ork_judge_free(judge);
}

static void test_images_never_added_count_for_nothing(void **state)
{
    fixture *f = *state;
    double figures[ORK_FIGURE_COUNT];
    ork_judge *judge = ork_judge_new(&f->coco);
    ork_judge_figures(judge, NULL, -1, figures);
    for (int i = 0; i < ORK_FIGURE_COUNT; i++)
        assert_true(figures[i] == -1);
    for (int i = 0; i < f->coco.image_count; i += 2)
        add_image(f, judge, i);
    assert_false(ork_judge_has(judge, 1));
    ork_judge_figures(judge, NULL, -1, figures);
    check_figures(figures, ork_json_get(f->expected, "half"));
    ork_judge_free(judge);
}

static void test_boxes_that_are_none(void **state)
{
    fixture *f = *state;
    ork_judge *judge = ork_judge_new(&f->coco);
    const ork_box boxes[] = {
        {.class_id = -1, .score = 0.5f, .corners = {0, 0, 1, 1}},
        {.class_id = f->coco.category_count, .score = 0.5f, .corners = {0, 0, 1, 1}},
        {.class_id = 0, .score = NAN, .corners = {0, 0, 1, 1}},
        {.class_id = 0, .score = 0.5f, .corners = {0, 0, INFINITY, 1}},
        {.class_id = 0, .score = 0.25f, .corners = {0, 0, 1, 1}},
    };
    assert_true(ork_judge_add(judge, 0, boxes, ORK_COUNT(boxes)));
    assert_int_equal(ork_judge_boxes(judge, 0).count, 1);
    assert_true(ork_judge_boxes(judge, 0).items[0].score == 0.25f);
    ork_judge_free(judge);
}

/* ---- halves and changes ---- */

static void test_halves(void **state)
{
    fixture *f = *state;
    ork_judge *judge = ork_judge_new(&f->coco);
    bool chosen[3][64] = {{false}};
    int count = 0, seen = 0;
    assert_true(f->coco.image_count <= 64);
    for (int i = 0; i < 11; i++)
        assert_true(ork_judge_add(judge, i * 2, NULL, 0));
    ork_judge_half(judge, 1, chosen[0]);
    ork_judge_half(judge, 1, chosen[1]);
    ork_judge_half(judge, 2, chosen[2]);
    for (int i = 0; i < f->coco.image_count; i++)
        count += chosen[0][i];
    assert_int_equal(count, 6);
    assert_memory_equal(chosen[0], chosen[1], sizeof(chosen[0]));
    assert_memory_not_equal(chosen[0], chosen[2], sizeof(chosen[0]));
    for (uint64_t seed = 0; seed < 1000; seed++) {
        ork_judge_half(judge, seed, chosen[0]);
        assert_false(chosen[0][1]);
        seen += chosen[0][20];
    }
    assert_in_range(seen, 480, 610); /* 6 in 11 */
    ork_judge_free(judge);
}

static void test_changes(void **state)
{
    fixture *f = *state;
    ork_judge *first = ork_judge_new(&f->coco), *other = ork_judge_new(&f->coco);
    const ork_box before[] = {
        {.class_id = 0, .score = 0.9f, .corners = {0, 0, 10, 10}},
        {.class_id = 0, .score = 0.8f, .corners = {2, 0, 12, 10}},
        {.class_id = 1, .score = 0.7f, .corners = {50, 50, 60, 60}},
        {.class_id = 1, .score = 0.2f, .corners = {70, 50, 80, 60}},
    };
    const ork_box after[] = {
        {.class_id = 0, .score = 0.7f, .corners = {2, 0, 12, 10}}, /* the second, not the first */
        {.class_id = 0, .score = 0.7f, .corners = {50, 50, 60, 60}},
        {.class_id = 1, .score = 0.29f, .corners = {50, 50, 60, 60}},
        {.class_id = 1, .score = 0.6f, .corners = {70, 50, 80, 60}},
    };
    ork_judge_add(first, 4, before, ORK_COUNT(before));
    ork_judge_add(other, 4, after, ORK_COUNT(after));
    ork_judge_add(first, 5, before, ORK_COUNT(before)); /* the other never saw it */
    ork_box_changes changes = ork_judge_compare(first, other, 0.3f, 0.5f);
    assert_int_equal(changes.kept, 1);
    assert_int_equal(changes.lost, 2);
    assert_int_equal(changes.fresh, 2);
    assert_true(fabs(changes.score_change + 0.1) < 1e-6);
    changes = ork_judge_compare(first, first, 0.3f, 0.5f);
    assert_true(changes.kept == 6 && changes.lost == 0 && changes.fresh == 0);
    ork_judge_free(first);
    ork_judge_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_what_is_no_annotations),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_what_is_no_results),
        cmocka_unit_test(test_figures_are_those_of_pycocotools),
        cmocka_unit_test(test_the_order_of_images_makes_no_difference),
        cmocka_unit_test(test_images_never_added_count_for_nothing),
        cmocka_unit_test(test_boxes_that_are_none),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
