/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluations, labelled pictures and surveys through the public interface. */
#include <openrknn/openrknn.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TRUTH                                                                                      \
    ORK_TEST_DATA "/annotations/small.json" /* images -3 and 9; categories late, early             \
                                             */

typedef struct fixture {
    ork_model *model;
    ork_ground_truth *truth;
    ork_evaluation *evaluation;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.model = ork_model_new()};
    f.truth = ork_ground_truth_read(f.model, TRUTH);
    assert_non_null(f.truth);
    f.evaluation = ork_evaluation_new(f.model, f.truth, NULL);
    assert_non_null(f.evaluation);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ork_evaluation_free(f->evaluation);
    ork_ground_truth_free(f->truth);
    ork_model_free(f->model);
    return 0;
}

static void check_error(const ork_model *model, const char *id, const char *what)
{
    assert_string_equal(ork_model_error(model)->id, id);
    assert_non_null(strstr(ork_model_error(model)->what, what));
}

/* ---- ground truth ---- */

static void test_ground_truth(void **state)
{
    fixture *f = *state;
    ork_truth_image image;
    ork_truth_category category;
    assert_int_equal(ork_ground_truth_image_count(f->truth), 2);
    assert_true(ork_ground_truth_image(f->truth, 1, &image));
    assert_true(image.id == 9 && image.width == 40 && image.height == 20);
    assert_string_equal(image.file_name, "b.jpg");
    assert_int_equal(image.object_count, 2);
    assert_false(ork_ground_truth_image(f->truth, 2, &image));
    assert_false(ork_ground_truth_image(f->truth, -1, &image));
    assert_int_equal(ork_ground_truth_category_count(f->truth), 2);
    assert_true(ork_ground_truth_category(f->truth, 0, &category));
    assert_true(category.id == 90 && strcmp(category.name, "late") == 0);
    assert_false(ork_ground_truth_category(f->truth, 2, &category));
    assert_int_equal(ork_ground_truth_skipped(f->truth), 1);
    ork_ground_truth_free(NULL);
    assert_null(ork_ground_truth_read(f->model, ORK_TEST_DATA "/annotations/twice.json"));
    check_error(f->model, "E0904", "two images have the id 1");
    assert_non_null(strstr(ork_model_error(f->model)->where, "twice.json"));
}

/* ---- evaluations ---- */

/* The object of class "early" on image 9. */
static const ork_detection exact = {
    .class_id = 1, .score = 0.5f, .left = 1, .top = 2, .right = 31, .bottom = 6};

static void test_adding(void **state)
{
    fixture *f = *state;
    double figures[ORK_FIGURE_COUNT];
    assert_true(ork_evaluation_add(f->evaluation, 1, &exact, 1));
    ork_evaluation_figures(f->evaluation, -1, figures);
    assert_true(figures[ORK_FIGURE_AP] > 0.999 && figures[ORK_FIGURE_AR_1] == 1);
    assert_true(figures[ORK_FIGURE_AP_LARGE] == -1);
    assert_false(ork_evaluation_add(f->evaluation, 1, &exact, 1));
    check_error(f->model, "E0004", "image 1 has been added");
    assert_false(ork_evaluation_add(f->evaluation, 2, NULL, 0));
    check_error(f->model, "E0004", "no image 2");
    ork_evaluation_free(NULL);
}

static void test_figure_names(void **state)
{
    (void)state;
    const char *name, *help;
    assert_true(ork_figure_info(ORK_FIGURE_AP50, &name, &help));
    assert_string_equal(name, "AP50");
    assert_non_null(strstr(help, "0.5"));
    assert_false(ork_figure_info(ORK_FIGURE_COUNT, &name, &help));
    assert_false(ork_figure_info(-1, &name, &help));
}

static void test_halves(void **state)
{
    fixture *f = *state;
    double figures[ORK_FIGURE_COUNT];
    int with_objects = 0;
    assert_true(ork_evaluation_add(f->evaluation, 1, &exact, 1));
    assert_true(ork_evaluation_add(f->evaluation, 0, NULL, 0));
    for (uint64_t seed = 0; seed < 32; seed++) {
        ork_evaluation_half(f->evaluation, seed, figures);
        with_objects += figures[ORK_FIGURE_AP] > 0.999; /* image 9 alone */
        assert_true(figures[ORK_FIGURE_AP] > 0.999 || figures[ORK_FIGURE_AP] == 0);
    }
    assert_in_range(with_objects, 6, 26);
}

static void test_labels(void **state)
{
    static const char *const names[] = {"other", "early"}, *const strange[] = {"x", "y"};
    fixture *f = *state;
    double figures[ORK_FIGURE_COUNT];
    ork_evaluation_options options = ORK_OPTIONS_INIT(ork_evaluation_options);
    options.class_count = 3;
    assert_null(ork_evaluation_new(f->model, f->truth, &options));
    check_error(f->model, "E0905", "the model has 3 classes, the annotations have 2 categories");
    options.labels = strange;
    options.label_count = 2;
    assert_null(ork_evaluation_new(f->model, f->truth, &options));
    check_error(f->model, "E0905", "no class of the model is a category");
    options.labels = names;
    ork_evaluation *named = ork_evaluation_new(f->model, f->truth, &options);
    assert_non_null(named);
    ork_detection boxes[3] = {exact, exact, exact};
    boxes[0].class_id = 0; /* no category of that name */
    boxes[2].class_id = 7;
    assert_true(ork_evaluation_add(named, 1, boxes, 3));
    ork_evaluation_figures(named, 1, figures);
    assert_true(figures[ORK_FIGURE_AP] > 0.999);
    ork_evaluation_free(named);
}

static void test_results_are_written_and_read(void **state)
{
    fixture *f = *state;
    char path[] = "/tmp/ork-results-XXXXXX";
    double before[ORK_FIGURE_COUNT], after[ORK_FIGURE_COUNT];
    int file = mkstemp(path);
    assert_true(file >= 0 && close(file) == 0);
    ork_detection near = exact;
    near.right = 29;
    assert_true(ork_evaluation_add(f->evaluation, 1, &near, 1));
    assert_true(ork_evaluation_add(f->evaluation, 0, NULL, 0));
    assert_true(ork_evaluation_write(f->evaluation, path));
    assert_false(ork_evaluation_write(f->evaluation, "/absent/x"));
    check_error(f->model, "E0102", "");
    ork_evaluation *again = ork_evaluation_new(f->model, f->truth, NULL);
    assert_true(ork_evaluation_read(again, path, 0));
    unlink(path);
    ork_evaluation_figures(f->evaluation, -1, before);
    ork_evaluation_figures(again, -1, after);
    assert_memory_equal(before, after, sizeof(before));
    ork_box_comparison same = ork_evaluation_compare(f->evaluation, again, 0.3f, 0.5f);
    assert_true(same.kept == 1 && same.lost == 0 && same.fresh == 0 && same.score_change == 0);
    assert_false(ork_evaluation_read(again, "/absent", 0));
    check_error(f->model, "E0101", "");
    ork_evaluation_free(again);
}

/* ---- the others ---- */

static void test_labelled(void **state)
{
    fixture *f = *state;
    assert_null(ork_labelled_read(f->model, "/absent", NULL, 0));
    check_error(f->model, "E0401", "");
    assert_null(ork_labelled_read(f->model, ORK_TEST_DATA "/annotations", NULL, 0));
    check_error(f->model, "E0403", "no labelled pictures");
    ork_labelled *labelled = ork_labelled_read(f->model, ORK_TEST_DATA, NULL, 0);
    assert_non_null(labelled);
    int count = ork_labelled_count(labelled);
    assert_true(count > 20);
    for (int i = 1; i < count; i++)
        assert_true(ork_labelled_at(labelled, i)->class_id >=
                    ork_labelled_at(labelled, i - 1)->class_id);
    assert_null(ork_labelled_at(labelled, count));
    assert_null(ork_labelled_at(labelled, -1));
    ork_labelled_free(labelled);
    ork_labelled_free(NULL);
}

static void test_survey(void **state)
{
    fixture *f = *state;
    const char *folder = ORK_TEST_DATA "/image";
    int chosen[3];
    assert_null(ork_survey_new(f->model, &folder, 0, NULL));
    check_error(f->model, "E0403", "");
    ork_survey *survey = ork_survey_new(f->model, &folder, 1, NULL);
    assert_non_null(survey);
    assert_true(ork_survey_count(survey) > 20);
    assert_non_null(ork_survey_at(survey, 0));
    assert_null(ork_survey_at(survey, ork_survey_count(survey)));
    assert_non_null(ork_survey_advice(survey, 0));
    assert_null(ork_survey_advice(survey, 100));
    assert_int_equal(ork_survey_sample(survey, 0, chosen), 0);
    assert_int_equal(ork_survey_sample(survey, 3, chosen), 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(ork_survey_at(survey, chosen[i])->problem, "");
    ork_survey_free(survey);
    ork_survey_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ground_truth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_adding, set_up, tear_down),
        cmocka_unit_test(test_figure_names),
        cmocka_unit_test_setup_teardown(test_halves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results_are_written_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survey, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
