/* SPDX-License-Identifier: Apache-2.0 */
/* Detectors on pictures with marked objects. */
#include "eval.h"

#include <string.h>

/* ---- running ---- */

static int new_evaluation(const eval_job *job, eval_subject *subject, const ork_ground_truth *truth)
{
    ork_evaluation_options options = ORK_OPTIONS_INIT(ork_evaluation_options);
    if (subject->detector) {
        options.class_count = ork_detector_class_count(subject->detector);
        options.labels = job->labels.items;
        options.label_count = job->labels.count;
    }
    subject->evaluation = ork_evaluation_new(subject->model, truth, &options);
    return subject->evaluation ? 0 : ork_cli_model_failed(job->cli, subject->model);
}

static int new_detector(const eval_job *job, eval_subject *subject)
{
    const eval_values *v = job->options;
    ork_detect_options options = ORK_OPTIONS_INIT(ork_detect_options);
    options.score_threshold = v->score > 0 ? (float)v->score : 0.01f;
    options.nms_threshold = v->nms > 0 ? (float)v->nms : 0.65f;
    options.class_agnostic = v->agnostic;
    options.letterbox = (ork_letterbox_mode)v->letterbox; /* the choices have the enum's order */
    options.fill = v->fill;
    options.bgr = v->bgr;
    options.max_boxes = v->max_boxes ? v->max_boxes : 1000;
    subject->detector = ork_detector_new(subject->session, &options);
    return subject->detector ? 0 : ork_cli_report(job->cli, ork_session_error(subject->session));
}

/* "1.json,2.json": the boxes of shares of the pictures. */
static bool read_boxes(eval_subject *subject, int pictures)
{
    ork_cli_list paths = {0};
    FILE *whole = fopen(subject->path, "rb");
    if (whole)
        fclose(whole);
    for (const char *at = subject->path; *at;) {
        const size_t length = whole ? strlen(at) : strcspn(at, ",");
        ork_cli_list_add(&paths, ork_cli_format("%.*s", (int)length, at));
        at += length + (at[length] == ',');
    }
    return ork_evaluation_read_shares(subject->evaluation, paths.items, paths.count, pictures);
}

/* A network gets its detector, a file of results is taken as it is. */
static int prepare(const eval_job *job, eval_subject *subject, const ork_ground_truth *truth,
                   int pictures)
{
    int code = subject->session ? new_detector(job, subject) : 0;
    if (!code)
        code = new_evaluation(job, subject, truth);
    if (!code && !subject->detector && !read_boxes(subject, pictures))
        code = ork_cli_model_failed(job->cli, subject->model);
    return code;
}

static int evaluate_images(const eval_job *job, const ork_ground_truth *truth, int count)
{
    ork_model *model = job->subjects[0].model;
    ork_detector **detectors = ork_cli_alloc(sizeof(*detectors) * (size_t)job->count);
    ork_evaluation **evaluations = ork_cli_alloc(sizeof(*evaluations) * (size_t)job->count);
    int networks = 0;
    for (int i = 0; i < job->count; i++) {
        detectors[i] = job->subjects[i].detector;
        evaluations[i] = job->subjects[i].evaluation;
        networks += detectors[i] != NULL;
    }
    ork_pictures_options pictures = ORK_OPTIONS_INIT(ork_pictures_options);
    pictures.folder = job->options->images;
    pictures.limit = count;
    pictures.share = job->share;
    pictures.shares = job->shares;
    if (!networks ||
        ork_evaluation_run(model, truth, &pictures, detectors, evaluations, job->count))
        return 0;
    return ork_cli_model_failed(job->cli, model);
}

/* ---- telling ---- */

/* boxes.json, boxes-2.json ... */
static int write_detections(const eval_job *job)
{
    const char *path = job->options->detections;
    for (int i = 0; path && i < job->count; i++) {
        const char *ending = path + strlen(ork_cli_with_extension(path, ""));
        const char *numbered = ork_cli_format("-%d%s", i + 1, ending);
        const char *name = i ? ork_cli_with_extension(path, numbered) : path;
        if (!ork_evaluation_write(job->subjects[i].evaluation, name))
            return ork_cli_model_failed(job->cli, job->subjects[i].model);
    }
    return 0;
}

static void tell(const eval_job *job, const ork_ground_truth *truth, int pictures)
{
    ork_cli_json json;
    if (!job->cli->json) {
        eval_say_boxes(job, truth, pictures);
        return;
    }
    ork_cli_json_start(&json, job->cli);
    ork_cli_json_text(&json, "annotations", job->options->annotations);
    ork_cli_json_number(&json, "pictures", pictures);
    eval_boxes_to_json(job, truth, &json);
    ork_cli_json_end(&json, stdout);
}

static int evaluate(eval_job *job, const ork_ground_truth *truth)
{
    int count = ork_ground_truth_image_count(truth), code = 0;
    size_t skipped = ork_ground_truth_skipped(truth);
    if (job->options->limit && job->options->limit < count)
        count = job->options->limit;
    if (!count)
        return ork_cli_fail(job->cli, "E0403", job->options->annotations, NULL, NULL,
                            "the annotations list no pictures");
    if (skipped)
        ork_cli_warn(job->cli, "%zu annotations of pictures or categories that are not listed",
                     skipped);
    for (int i = 0; i < job->count && !code; i++)
        code = prepare(job, &job->subjects[i], truth, count);
    if (!code)
        code = evaluate_images(job, truth, count);
    if (!code)
        code = write_detections(job);
    if (!code)
        tell(job, truth, count);
    return code;
}

int eval_boxes(eval_job *job)
{
    ork_model *model = job->subjects[0].model;
    ork_ground_truth *truth = ork_ground_truth_read(model, job->options->annotations);
    if (!truth)
        return ork_cli_model_failed(job->cli, model);
    int code = evaluate(job, truth);
    for (int i = 0; i < job->count; i++) {
        ork_evaluation_free(job->subjects[i].evaluation); /* before the truth */
        job->subjects[i].evaluation = NULL;
    }
    ork_ground_truth_free(truth);
    return code;
}
