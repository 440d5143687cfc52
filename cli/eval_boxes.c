/* SPDX-License-Identifier: Apache-2.0 */
/* Detectors on pictures with marked objects. */
#include "eval.h"

#include <limits.h>
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

/* A network gets its detector, a file of results is taken as it is. */
static int prepare(const eval_job *job, eval_subject *subject, const ork_ground_truth *truth,
                   int pictures)
{
    int code = subject->session ? new_detector(job, subject) : 0;
    if (!code)
        code = new_evaluation(job, subject, truth);
    if (!code && !subject->detector &&
        !ork_evaluation_read(subject->evaluation, subject->path, pictures))
        code = ork_cli_model_failed(job->cli, subject->model);
    return code;
}

static int detect(const eval_job *job, eval_subject *subject, int image, const ork_picture *picture)
{
    const ork_detection *boxes;
    int count;
    if (!ork_detector_run(subject->detector, picture, &boxes, &count))
        return ork_cli_report(job->cli, ork_session_error(subject->session));
    if (!ork_evaluation_add(subject->evaluation, image, boxes, count))
        return ork_cli_model_failed(job->cli, subject->model);
    return 0;
}

/* The folder of the pictures. */
static const char *picture_folder(const eval_values *v)
{
    const char *beside = ork_cli_with_extension(v->annotations, "");
    int folder = (int)(ork_cli_base_name(v->annotations) - v->annotations);
    if (v->images)
        return v->images;
    if (strcmp(beside, v->annotations) != 0 && ork_cli_is_folder(beside))
        return beside;
    return folder ? ork_cli_format("%.*s", folder, v->annotations) : ".";
}

/* Every model sees a picture before the next is read. */
static int evaluate_image(const eval_job *job, const ork_ground_truth *truth, const char *folder,
                          int index)
{
    char path[PATH_MAX];
    ork_truth_image image;
    ork_picture picture;
    ork_ground_truth_image(truth, index, &image);
    int length = snprintf(path, sizeof(path), "%s/%s", folder, image.file_name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return ork_cli_fail(job->cli, "E0101", image.file_name, NULL, NULL,
                            "the name of a picture is too long");
    if (!ork_picture_read(job->subjects[0].model, path, &picture))
        return ork_cli_model_failed(job->cli, job->subjects[0].model);
    int code = 0;
    for (int i = 0; i < job->count && !code; i++)
        if (job->subjects[i].detector)
            code = detect(job, &job->subjects[i], index, &picture);
    ork_picture_free(&picture);
    return code;
}

static int evaluate_images(const eval_job *job, const ork_ground_truth *truth, int count)
{
    const char *folder = picture_folder(job->options);
    int code = 0, detectors = 0;
    for (int i = 0; i < job->count; i++)
        detectors += job->subjects[i].detector != NULL;
    for (int i = 0; i < count && detectors && !code; i++) {
        if (ork_cli_interrupted())
            return ork_cli_cancelled(job->cli);
        code = evaluate_image(job, truth, folder, i);
        ork_cli_progress(job->cli, "evaluating", (uint64_t)i + 1, (uint64_t)count);
    }
    return code;
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
