/* SPDX-License-Identifier: Apache-2.0 */
/* Classifiers on pictures whose class is known. */
#include "eval.h"

#include <math.h>
#include <string.h>

enum { TOP = ORK_BEST_CLASSES };

typedef struct eval_hits {
    int *places; /* of each picture: where its class came, 0 is first, TOP is not among the best */
} eval_hits;

static double part(int count, int all)
{
    return all ? (double)count / all : -1;
}

/* ---- running ---- */

static int new_classifier(const eval_job *job, eval_subject *subject, int *places)
{
    ork_classify_options options = ORK_OPTIONS_INIT(ork_classify_options);
    options.crop = job->options->crop;
    options.bgr = job->options->bgr;
    subject->classifier = ork_classifier_new(subject->session, &options);
    if (!subject->classifier)
        return ork_cli_report(job->cli, ork_session_error(subject->session));
    subject->hits = ork_cli_alloc(sizeof(*subject->hits));
    subject->hits->places = places;
    return 0;
}

static int evaluate_pictures(const eval_job *job, const ork_labelled *labelled, int count)
{
    ork_model *model = job->subjects[0].model;
    ork_classifier **classifiers = ork_cli_alloc(sizeof(*classifiers) * (size_t)job->count);
    int *places = ork_cli_alloc(sizeof(*places) * (size_t)count * (size_t)job->count), code = 0;
    for (int i = 0; i < job->count && !code; i++) {
        code = new_classifier(job, &job->subjects[i], places + (size_t)i * (size_t)count);
        classifiers[i] = job->subjects[i].classifier;
    }
    if (code || ork_labelled_run(model, labelled, count, job->options->offset, classifiers,
                                 job->count, places))
        return code;
    return ork_cli_model_failed(job->cli, model);
}

/* ---- telling ---- */

/* Of the first `count` pictures, or of those of a class when class_id is not below 0, the part
   whose class is among the best `top`. */
static double accuracy(const eval_subject *subject, const ork_labelled *labelled, int count,
                       int class_id, int top)
{
    int all = 0, hits = 0;
    for (int i = 0; i < count; i++) {
        if (class_id >= 0 && ork_labelled_at(labelled, i)->class_id != class_id)
            continue;
        all++;
        hits += subject->hits->places[i] < top;
    }
    return part(hits, all);
}

/* Pictures that one gets right and the other wrong. */
static int right_only(const eval_subject *one, const eval_subject *other, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        found += one->hits->places[i] == 0 && other->hits->places[i] != 0;
    return found;
}

static int last_class(const ork_labelled *labelled, int count)
{
    int last = 0;
    for (int i = 0; i < count; i++)
        if (ork_labelled_at(labelled, i)->class_id > last)
            last = ork_labelled_at(labelled, i)->class_id;
    return last;
}

static const char *class_name(const eval_job *job, int class_id)
{
    return class_id < job->labels.count ? job->labels.items[class_id]
                                        : ork_cli_format("class %d", class_id);
}

static void say_accuracy(const eval_job *job, const ork_labelled *labelled, int count,
                         const char *name, int class_id, int top)
{
    const char **cells = ork_cli_alloc(sizeof(*cells) * (size_t)job->count);
    double first = 0;
    for (int i = 0; i < job->count; i++) {
        double value = accuracy(&job->subjects[i], labelled, count, class_id, top);
        cells[i] = eval_percent(value, i ? &first : NULL);
        first = i ? first : value;
    }
    if (first >= 0)
        eval_say_row(job, name, cells);
}

static void say_classes(const eval_job *job, const ork_labelled *labelled, int count)
{
    double right = accuracy(&job->subjects[0], labelled, count, -1, 1);
    ork_cli_say(job->cli, "%d pictures; figures in percent, with a standard error of %.2f\n", count,
                sqrt(right * (1 - right) / count) * 100);
    eval_say_names(job, "");
    say_accuracy(job, labelled, count, "top-1", -1, 1);
    say_accuracy(job, labelled, count, "top-5", -1, TOP);
    if (job->options->classes)
        ork_cli_say(job->cli, "\ntop-1 of each class");
    for (int c = 0; job->options->classes && c <= last_class(labelled, count); c++)
        say_accuracy(job, labelled, count, class_name(job, c), c, 1);
    for (int i = 1; i < job->count; i++)
        ork_cli_say(job->cli, "\n%s: right where %s is wrong %d, wrong where it is right %d",
                    job->subjects[i].name, job->subjects[0].name,
                    right_only(&job->subjects[i], &job->subjects[0], count),
                    right_only(&job->subjects[0], &job->subjects[i], count));
}

static void classes_to_json(const eval_job *job, const ork_labelled *labelled, int count,
                            const eval_subject *subject, ork_cli_json *json)
{
    ork_cli_json_open(json, "classes", '[');
    for (int c = 0; c <= last_class(labelled, count); c++) {
        double value = accuracy(subject, labelled, count, c, 1);
        if (value < 0)
            continue;
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_number(json, "id", c);
        ork_cli_json_text(json, "name", class_name(job, c));
        ork_cli_json_number(json, "top-1", value);
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
}

static void print_json(const eval_job *job, const ork_labelled *labelled, int count)
{
    ork_cli_json json;
    ork_cli_json_start(&json, job->cli);
    ork_cli_json_text(&json, "labelled", job->options->labelled);
    ork_cli_json_number(&json, "pictures", count);
    ork_cli_json_open(&json, "models", '[');
    for (int i = 0; i < job->count; i++) {
        const eval_subject *subject = &job->subjects[i], *first = &job->subjects[0];
        ork_cli_json_open(&json, NULL, '{');
        ork_cli_json_text(&json, "model", subject->path);
        ork_cli_json_number(&json, "top-1", accuracy(subject, labelled, count, -1, 1));
        ork_cli_json_number(&json, "top-5", accuracy(subject, labelled, count, -1, TOP));
        if (job->options->classes)
            classes_to_json(job, labelled, count, subject, &json);
        if (i) {
            ork_cli_json_number(&json, "right_only", right_only(subject, first, count));
            ork_cli_json_number(&json, "wrong_only", right_only(first, subject, count));
        }
        ork_cli_json_close(&json, '}');
    }
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

int eval_classes(eval_job *job)
{
    ork_model *model = job->subjects[0].model;
    ork_labelled *labelled =
        ork_labelled_read(model, job->options->labelled, job->labels.items, job->labels.count);
    if (!labelled)
        return ork_cli_model_failed(job->cli, model);
    int count = ork_labelled_count(labelled);
    if (job->options->limit && job->options->limit < count)
        count = job->options->limit;
    int code = evaluate_pictures(job, labelled, count);
    if (!code && job->cli->json)
        print_json(job, labelled, count);
    else if (!code)
        say_classes(job, labelled, count);
    ork_labelled_free(labelled);
    return code;
}
