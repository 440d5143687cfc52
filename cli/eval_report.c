/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of detectors as tables and as JSON. */
#include "eval.h"

#include <math.h>

typedef double figures[ORK_FIGURE_COUNT];

static const char *figure_name(int figure)
{
    const char *name = "", *help;
    ork_figure_info(figure, &name, &help);
    return name;
}

/* "AP_small" */
static const char *figure_key(int figure)
{
    char *key = ork_cli_format("%s", figure_name(figure));
    for (char *at = key; *at; at++)
        *at = *at == ' ' ? '_' : *at;
    return key;
}

static figures *new_figures(const eval_job *job)
{
    return ork_cli_alloc(sizeof(figures) * (size_t)job->count);
}

/* ---- noise ---- */

/* Mean and standard deviation of numbers that come one by one (Welford, 1962). */
typedef struct spread {
    double mean, squares;
    int count;
} spread;

static void spread_add(spread *of, double value)
{
    double before = value - of->mean;
    of->count++;
    of->mean += before / of->count;
    of->squares += before * (value - of->mean);
}

static double spread_deviation(const spread *of)
{
    return of->count > 1 ? sqrt(of->squares / (of->count - 1)) : 0;
}

/* Of each model over the halves: its figures, and their differences from the first model's. */
typedef struct noise {
    spread value[ORK_FIGURE_COUNT], difference[ORK_FIGURE_COUNT];
} noise;

static void add_half(const eval_job *job, uint64_t seed, figures *found, noise *sum)
{
    for (int i = 0; i < job->count; i++) {
        ork_evaluation_half(job->subjects[i].evaluation, seed, found[i]);
        for (int f = 0; f < ORK_FIGURE_COUNT; f++) {
            if (found[i][f] < 0 || found[0][f] < 0) /* no such objects in this half */
                continue;
            spread_add(&sum[i].value[f], found[i][f]);
            spread_add(&sum[i].difference[f], found[i][f] - found[0][f]);
        }
    }
}

static noise *measure_noise(const eval_job *job)
{
    noise *sum = ork_cli_alloc(sizeof(*sum) * (size_t)job->count);
    figures *found = new_figures(job);
    for (int i = 0; i < job->options->halves; i++) {
        add_half(job, ((uint64_t)job->options->seed << 32) + (uint64_t)i, found, sum);
        ork_cli_progress(job->cli, "halves", (uint64_t)i + 1, (uint64_t)job->options->halves);
    }
    return sum;
}

static const char *spread_text(const spread *of, bool is_difference)
{
    if (!of->count)
        return "    -";
    return ork_cli_format(is_difference ? "%+6.2f ±%.2f" : "%6.2f ±%.2f", of->mean * 100,
                          spread_deviation(of) * 100);
}

static void say_noise(const eval_job *job)
{
    const noise *sum = measure_noise(job);
    const char **cells = ork_cli_alloc(sizeof(*cells) * (size_t)job->count);
    ork_cli_say(job->cli,
                "\nOver %d random halves of the pictures: mean and standard deviation, of models "
                "after the first of the difference",
                job->options->halves);
    for (int f = 0; f < ORK_FIGURE_COUNT; f++) {
        for (int i = 0; i < job->count; i++)
            cells[i] = spread_text(i ? &sum[i].difference[f] : &sum[i].value[f], i > 0);
        eval_say_row(job, figure_name(f), cells);
    }
}

static void spread_to_json(ork_cli_json *json, const char *key, const spread *all)
{
    ork_cli_json_open(json, key, '{');
    for (int f = 0; f < ORK_FIGURE_COUNT; f++) {
        if (!all[f].count)
            continue;
        ork_cli_json_open(json, figure_key(f), '{');
        ork_cli_json_number(json, "mean", all[f].mean);
        ork_cli_json_number(json, "deviation", spread_deviation(&all[f]));
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, '}');
}

/* ---- for people ---- */

static void say_figures(const eval_job *job)
{
    figures *found = new_figures(job);
    const char **cells = ork_cli_alloc(sizeof(*cells) * (size_t)job->count);
    for (int i = 0; i < job->count; i++)
        ork_evaluation_figures(job->subjects[i].evaluation, -1, found[i]);
    for (int f = 0; f < ORK_FIGURE_COUNT; f++) {
        for (int i = 0; i < job->count; i++)
            cells[i] = eval_percent(found[i][f], i ? &found[0][f] : NULL);
        eval_say_row(job, figure_name(f), cells);
    }
}

static void say_class(const eval_job *job, const char *name, int category, figures *found)
{
    const char **cells = ork_cli_alloc(sizeof(*cells) * (size_t)job->count);
    for (int i = 0; i < job->count; i++) {
        ork_evaluation_figures(job->subjects[i].evaluation, category, found[i]);
        cells[i] = eval_percent(found[i][ORK_FIGURE_AP], i ? &found[0][ORK_FIGURE_AP] : NULL);
    }
    if (found[0][ORK_FIGURE_AP] >= 0)
        eval_say_row(job, name, cells);
}

static void say_classes(const eval_job *job, const ork_ground_truth *truth)
{
    figures *found = new_figures(job);
    ork_truth_category category;
    ork_cli_say(job->cli, "\nAP of each class that has objects");
    for (int i = 0; ork_ground_truth_category(truth, i, &category); i++)
        say_class(job, category.name, i, found);
}

static float seen_score(const eval_job *job)
{
    return job->options->seen > 0 ? (float)job->options->seen : 0.3f;
}

static ork_box_comparison compare(const eval_job *job, int index)
{
    enum { SAME_PERCENT = 50 };
    return ork_evaluation_compare(job->subjects[0].evaluation, job->subjects[index].evaluation,
                                  seen_score(job), SAME_PERCENT / 100.0f);
}

static void say_changes(const eval_job *job)
{
    if (job->count > 1)
        ork_cli_say(job->cli, "\nBoxes from a score of %g on, against those of %s",
                    (double)seen_score(job), job->subjects[0].name);
    for (int i = 1; i < job->count; i++) {
        ork_box_comparison found = compare(job, i);
        ork_cli_say(job->cli, "%s: %zu kept, %zu lost, %zu new; scores of the kept %+.3f",
                    job->subjects[i].name, found.kept, found.lost, found.fresh, found.score_change);
    }
}

void eval_say_boxes(const eval_job *job, const ork_ground_truth *truth, int pictures)
{
    ork_truth_image image;
    long objects = 0;
    for (int i = 0; i < pictures && ork_ground_truth_image(truth, i, &image); i++)
        objects += image.object_count;
    ork_cli_say(job->cli, "%d pictures, %ld objects, %d classes; figures in percent\n", pictures,
                objects, ork_ground_truth_category_count(truth));
    eval_say_names(job, "");
    say_figures(job);
    if (job->options->classes)
        say_classes(job, truth);
    if (job->options->halves)
        say_noise(job);
    say_changes(job);
}

/* ---- JSON ---- */

static void figures_to_json(ork_cli_json *json, ork_evaluation *evaluation, int category)
{
    figures found;
    ork_evaluation_figures(evaluation, category, found);
    ork_cli_json_open(json, "figures", '{');
    for (int f = 0; f < ORK_FIGURE_COUNT; f++)
        ork_cli_json_number(json, figure_key(f), found[f] < 0 ? NAN : found[f]); /* null */
    ork_cli_json_close(json, '}');
}

static void classes_to_json(ork_cli_json *json, const ork_ground_truth *truth,
                            ork_evaluation *evaluation)
{
    ork_truth_category category;
    ork_cli_json_open(json, "classes", '[');
    for (int i = 0; ork_ground_truth_category(truth, i, &category); i++) {
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_number(json, "id", (double)category.id);
        ork_cli_json_text(json, "name", category.name);
        figures_to_json(json, evaluation, i);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
}

static void changes_to_json(const eval_job *job, ork_cli_json *json, int index)
{
    ork_box_comparison found = compare(job, index);
    ork_cli_json_open(json, "boxes", '{');
    ork_cli_json_number(json, "score", (double)seen_score(job));
    ork_cli_json_number(json, "kept", (double)found.kept);
    ork_cli_json_number(json, "lost", (double)found.lost);
    ork_cli_json_number(json, "new", (double)found.fresh);
    ork_cli_json_number(json, "score_change", found.score_change);
    ork_cli_json_close(json, '}');
}

static void noise_to_json(const eval_job *job, ork_cli_json *json, const noise *sum, int index)
{
    ork_cli_json_open(json, "halves", '{');
    ork_cli_json_number(json, "count", job->options->halves);
    spread_to_json(json, "figures", sum[index].value);
    if (index)
        spread_to_json(json, "difference", sum[index].difference);
    ork_cli_json_close(json, '}');
}

void eval_boxes_to_json(const eval_job *job, const ork_ground_truth *truth, ork_cli_json *json)
{
    const noise *sum = job->options->halves ? measure_noise(job) : NULL;
    ork_cli_json_open(json, "models", '[');
    for (int i = 0; i < job->count; i++) {
        const eval_subject *subject = &job->subjects[i];
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_text(json, "model", subject->path);
        if (subject->detector)
            ork_cli_json_text(json, "head", ork_detector_description(subject->detector));
        figures_to_json(json, subject->evaluation, -1);
        if (job->options->classes)
            classes_to_json(json, truth, subject->evaluation);
        if (sum)
            noise_to_json(job, json, sum, i);
        if (i)
            changes_to_json(job, json, i);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
}
