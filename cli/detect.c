/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes on pictures, videos and camera images. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct values {
    ork_cli_model_values model;
    ork_cli_board_values board;
    const char *output, *labels, *json;
    double score, nms;
    int letterbox, fill, max_boxes, max_frames;
    bool agnostic, bgr, ellipse, show, no_output;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_detect_options[] = {
    {"output", 'o', ORK_CLI_TEXT, "PATH",
     "folder for results (default ork-detect), or, for one source, "
     "a .jpg, .png or .mp4 file",
     offsetof(values, output), 0, 0},
    {"no-output", 0, ORK_CLI_FLAG, NULL, "write no pictures", offsetof(values, no_output), 0, 0},
    {"labels", 'l', ORK_CLI_TEXT, "FILE", "names of the classes, one a line",
     offsetof(values, labels), 0, 0},
    {"score", 0, ORK_CLI_NUMBER, "0..1", "least score of a box (default 0.3)",
     offsetof(values, score), 0.0001, 1},
    {"nms", 0, ORK_CLI_NUMBER, "0..1",
     "boxes that overlap a better one by more are dropped (default "
     "0.45)",
     offsetof(values, nms), 0.0001, 1},
    {"agnostic", 0, ORK_CLI_FLAG, NULL, "boxes of different classes drop each other too",
     offsetof(values, agnostic), 0, 0},
    {"max-boxes", 0, ORK_CLI_INT, "N", "most boxes on a picture (default 300)",
     offsetof(values, max_boxes), 1, 100000},
    {"letterbox", 0, ORK_CLI_CHOICE, "auto|center|top-left|stretch",
     "how a picture is fitted into the network's input", offsetof(values, letterbox), 0, 0},
    {"fill", 0, ORK_CLI_INT, "1..255", "brightness of the border", offsetof(values, fill), 1, 255},
    {"bgr", 0, ORK_CLI_FLAG, NULL, "the network takes blue before red", offsetof(values, bgr), 0,
     0},
    {"ellipse", 0, ORK_CLI_FLAG, NULL, "draw ellipses instead of rectangles",
     offsetof(values, ellipse), 0, 0},
    {"json", 0, ORK_CLI_TEXT, "FILE|-", "write the boxes as JSON; - is standard output",
     offsetof(values, json), 0, 0},
    {"show", 0, ORK_CLI_FLAG, NULL, "show results in a window; Esc closes it",
     offsetof(values, show), 0, 0},
    {"max-frames", 0, ORK_CLI_INT, "N", "end videos and cameras after N frames",
     offsetof(values, max_frames), 1, 1000000000},
    ORK_CLI_BOARD_OPTIONS(values, board),
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

typedef struct detect_job {
    ork_cli *cli;
    const values *options;
    ork_model *model;
    ork_session *session;
    ork_detector *detector;
    ork_cli_list sources, labels, written;
    ork_cli_json images, results;
    ork_cli_window *window;
    int image_count;
    bool one_file, closed; /* -o names a file; the window was closed */
    double rate;           /* of frames, for people */
} detect_job;

/* ---- labels ---- */

static const char *label_of(const detect_job *job, int class_id)
{
    if (class_id >= 0 && class_id < job->labels.count)
        return job->labels.items[class_id];
    return ork_cli_format("class %d", class_id);
}

/* ---- telling boxes ---- */

static void result_to_json(detect_job *job, const char *source, long frame,
                           const ork_detection *box)
{
    ork_cli_json *json = &job->results;
    const float bbox[4] = {box->left, box->top, box->right - box->left, box->bottom - box->top};
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_number(json, "image_id", job->image_count);
    ork_cli_json_text(json, "file_name", source);
    if (frame >= 0)
        ork_cli_json_number(json, "frame", (double)frame);
    ork_cli_json_number(json, "category_id", box->class_id);
    ork_cli_json_text(json, "category", label_of(job, box->class_id));
    ork_cli_json_open(json, "bbox", '[');
    for (int i = 0; i < 4; i++)
        ork_cli_json_number(json, NULL, (double)bbox[i]);
    ork_cli_json_close(json, ']');
    ork_cli_json_number(json, "score", (double)box->score);
    ork_cli_json_close(json, '}');
}

static void image_to_json(detect_job *job, const char *source, long frame,
                          const ork_picture *picture)
{
    ork_cli_json *json = &job->images;
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_number(json, "id", job->image_count);
    ork_cli_json_text(json, "file_name", source);
    if (frame >= 0)
        ork_cli_json_number(json, "frame", (double)frame);
    ork_cli_json_number(json, "width", picture->width);
    ork_cli_json_number(json, "height", picture->height);
    ork_cli_json_close(json, '}');
}

/* Finds the boxes, tells them and draws them. frame is -1 for a picture. */
static int find_boxes(detect_job *job, const char *source, long frame, ork_picture *picture)
{
    const ork_detection *boxes;
    int count;
    if (!ork_detector_run(job->detector, picture, &boxes, &count))
        return ork_cli_report(job->cli, ork_session_error(job->session));
    job->image_count++;
    if (job->options->json) {
        image_to_json(job, source, frame, picture);
        for (int i = 0; i < count; i++)
            result_to_json(job, source, frame, &boxes[i]);
    }
    if (frame < 0) {
        ork_cli_say(job->cli, "%s: %d box%s", source, count, count == 1 ? "" : "es");
        for (int i = 0; i < count; i++)
            ork_cli_say(job->cli, "  %s %.2f  left %.0f top %.0f right %.0f bottom %.0f",
                        label_of(job, boxes[i].class_id), (double)boxes[i].score,
                        (double)boxes[i].left, (double)boxes[i].top, (double)boxes[i].right,
                        (double)boxes[i].bottom);
    }
    ork_draw_detections(picture, boxes, count, job->labels.items, job->labels.count,
                        job->options->ellipse ? ORK_DRAW_ELLIPSE : ORK_DRAW_RECTANGLE);
    return 0;
}

static void show(detect_job *job, const ork_picture *picture, const char *title, bool wait)
{
    if (job->window && !job->closed)
        job->closed = !ork_cli_window_show(job->window, picture, title, wait);
}

/* ---- where results go ---- */

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Sets *path to where the result of the source goes, with one of the endings allowed. */
static int result_path(detect_job *job, const char *source, const char *ending, const char **path)
{
    const char *folder = job->options->output ? job->options->output : "ork-detect";
    const char *name = ork_cli_with_extension(ork_cli_base_name(source), ending);
    *path = job->one_file ? folder : ork_cli_format("%s/%s", folder, name);
    for (int i = 2; !ork_cli_names_add(&job->written, *path); i++)
        *path = ork_cli_format("%s/%s-%d%s", folder, ork_cli_with_extension(name, ""), i, ending);
    for (int i = 0; i < job->sources.count; i++)
        if (same_file(job->sources.items[i], *path))
            return ork_cli_fail(job->cli, "E0004", *path, NULL, "give another folder with -o",
                                "the result would overwrite the source");
    return job->one_file ? 0 : ork_cli_make_folder(job->cli, folder);
}

/* ---- pictures ---- */

static int write_picture(detect_job *job, const char *source, const ork_picture *picture)
{
    const char *path,
        *ending = ork_cli_ends_with(source, ".jpg") || ork_cli_ends_with(source, ".jpeg") ? ".jpg"
                                                                                          : ".png";
    if (job->options->no_output)
        return 0;
    int code = result_path(job, source, ending, &path);
    if (!code && !ork_picture_write(job->model, path, picture))
        code = ork_cli_model_failed(job->cli, job->model);
    return code;
}

static int detect_picture(detect_job *job, const char *source)
{
    ork_picture picture = {0};
    if (!ork_picture_read(job->model, source, &picture))
        return ork_cli_model_failed(job->cli, job->model);
    int code = find_boxes(job, source, -1, &picture);
    if (!code)
        code = write_picture(job, source, &picture);
    if (!code)
        show(job, &picture, source, true);
    ork_picture_free(&picture);
    return code;
}

/* ---- videos and cameras ---- */

static bool is_camera(const char *source)
{
    return strncmp(source, "/dev/video", 10) == 0;
}

static int video_failed(detect_job *job, const char *source, const char *problem)
{
    return ork_cli_fail(job->cli, "E0902", source, problem,
                        "check the file or camera; videos need the programs ffmpeg and ffprobe",
                        "the video cannot be read or written");
}

/* Cameras never end: they are recorded only where a file is named. */
static bool wants_video(const detect_job *job, const char *source)
{
    return !job->options->no_output && (job->one_file || !is_camera(source));
}

static int write_frame(detect_job *job, const char *source, const ork_cli_stream *stream,
                       const ork_picture *picture, ork_cli_video_writer **writer)
{
    const char *path, *problem = "the size of the pictures changes, or the disk is full";
    if (!wants_video(job, source))
        return 0;
    if (!*writer) {
        int code = result_path(job, source, ".mp4", &path);
        if (code)
            return code;
        *writer = ork_cli_video_create(path, picture, stream->rate, &problem);
    }
    return *writer && ork_cli_video_write(*writer, picture) ? 0
                                                            : video_failed(job, source, problem);
}

/* Frames in a second, half of it from the past, on the console and in the frame. */
static void tell_rate(detect_job *job, const ork_cli_stream *stream, long frame, double begun,
                      ork_picture *picture)
{
    double seconds = ork_cli_seconds() - begun;
    job->rate = (job->rate + 1 / (seconds > 1e-6 ? seconds : 1e-6)) / 2;
    char text[32]; /* a camera may run for days: nothing is kept */
    snprintf(text, sizeof(text), "fps= %.2f", job->rate);
    ork_cli_say(job->cli, "%s", text);
    ork_picture_draw_text(picture, 0, 20, text, 2, 0x00ff00);
    if (stream->frames)
        ork_cli_progress(job->cli, "detecting", (uint64_t)frame + 1, stream->frames);
}

static int detect_frames(detect_job *job, const char *source, ork_cli_stream *stream,
                         ork_cli_video_writer **writer)
{
    int most = job->options->max_frames, code = 0;
    for (long frame = 0; !code && !job->closed && (!most || frame < most); frame++) {
        ork_picture picture;
        const char *problem;
        double begun = ork_cli_seconds();
        bool got = stream->next(stream, &picture, &problem);
        if (ork_cli_interrupted())
            return ork_cli_cancelled(job->cli);
        if (!got && (problem || !frame))
            return video_failed(job, source, problem ? problem : "there is no picture in it");
        if (!got)
            return 0;
        code = find_boxes(job, source, frame, &picture);
        if (!code)
            tell_rate(job, stream, frame, begun, &picture);
        if (!code)
            code = write_frame(job, source, stream, &picture, writer);
        if (!code)
            show(job, &picture, ork_cli_base_name(source), false);
    }
    return code;
}

static int detect_stream(detect_job *job, const char *source)
{
    const char *problem;
    ork_cli_stream *stream = is_camera(source) ? ork_cli_open_camera(job->model, source, &problem)
                                               : ork_cli_open_video(source, &problem);
    if (!stream)
        return video_failed(job, source, problem);
    ork_cli_video_writer *writer = NULL;
    int code = detect_frames(job, source, stream, &writer);
    stream->close(stream);
    /* What a camera saw until Ctrl-C is worth keeping; half of a file's video is not. */
    bool keep = !code || (ork_cli_interrupted() && is_camera(source));
    if (writer && !ork_cli_video_close(writer, keep) && !code)
        code = video_failed(job, source, "ffmpeg could not finish the video");
    return code;
}

/* ---- all sources ---- */

static int gather_sources(detect_job *job)
{
    ork_cli *cli = job->cli;
    for (int i = 1; i < cli->arguments.count; i++) {
        const char *source = cli->arguments.items[i];
        if (!ork_cli_is_folder(source))
            ork_cli_list_add(&job->sources, source);
        else if (!ork_cli_list_pictures(source, &job->sources))
            return ork_cli_fail(cli, "E0101", source, strerror(errno), NULL,
                                "the folder cannot be read");
    }
    if (!job->sources.count)
        return ork_cli_fail(cli, "E0403", NULL, "only .jpg .jpeg .png .bmp count",
                            "name pictures or another folder", "the folders have no pictures");
    const char *output = job->options->output;
    job->one_file = output && !ork_cli_is_folder(output) &&
                    (ork_cli_is_picture_name(output) || ork_cli_is_video_name(output));
    if (job->one_file && job->sources.count > 1)
        return ork_cli_fail(cli, "E0004", output, NULL, "name a folder with -o",
                            "%d sources do not fit into one file", job->sources.count);
    return 0;
}

static int check_outputs(const detect_job *job)
{
    const values *v = job->options;
    const char *pictures = v->output ? v->output : "ork-detect";
    const char *boxes = job->cli->json ? NULL : v->json;
    int code = ork_cli_check_output(job->cli, boxes, false);
    return code || v->no_output ? code : ork_cli_check_output(job->cli, pictures, !job->one_file);
}

static int detect_all(detect_job *job)
{
    int code = 0, count = job->sources.count;
    for (int i = 0; i < count && !code && !job->closed; i++) {
        const char *source = job->sources.items[i];
        bool stream = is_camera(source) || ork_cli_is_video_name(source);
        if (ork_cli_interrupted())
            return ork_cli_cancelled(job->cli);
        code = stream ? detect_stream(job, source) : detect_picture(job, source);
        if (count > 1)
            ork_cli_progress(job->cli, "detecting", (uint64_t)i + 1, (uint64_t)count);
    }
    return code;
}

static void categories_to_json(const detect_job *job, ork_cli_json *json)
{
    ork_cli_json_open(json, "categories", '[');
    for (int i = 0; i < ork_detector_class_count(job->detector); i++) {
        ork_cli_json_open(json, NULL, '{');
        ork_cli_json_number(json, "id", i);
        ork_cli_json_text(json, "name", label_of(job, i));
        ork_cli_json_close(json, '}');
    }
    ork_cli_json_close(json, ']');
}

static int write_json(detect_job *job)
{
    const char *path = job->options->json;
    char *temporary;
    FILE *file = job->cli->json ? stdout : ork_cli_create(path, &temporary);
    ork_cli_json json;
    ork_cli_json_start(&json, job->cli);
    ork_cli_json_text(&json, "model", job->cli->arguments.items[0]);
    ork_cli_json_text(&json, "head", ork_detector_description(job->detector));
    categories_to_json(job, &json);
    ork_cli_json_splice(&json, "images", &job->images);
    ork_cli_json_splice(&json, "results", &job->results);
    bool good = file && ork_cli_json_end(&json, file);
    ork_cli_json_drop(&json);
    if (file && file != stdout)
        good = ork_cli_finish(file, path, temporary, good);
    return good ? 0
                : ork_cli_fail(job->cli, "E0102", path, strerror(errno), NULL,
                               "the boxes cannot be written");
}

static int open_window(detect_job *job)
{
    const char *problem = NULL;
    job->window = job->options->show ? ork_cli_window_open("ork detect", &problem) : NULL;
    if (problem && !job->window)
        return ork_cli_fail(job->cli, "E0903", NULL, problem,
                            "leave out --show, or build with -Dsdl2=enabled and run on a display",
                            "results cannot be shown");
    return 0;
}

static int detect(detect_job *job)
{
    int code = open_window(job);
    if (!code) {
        ork_cli_json_open(&job->images, NULL, '[');
        ork_cli_json_open(&job->results, NULL, '[');
        code = detect_all(job);
        ork_cli_json_close(&job->images, ']');
        ork_cli_json_close(&job->results, ']');
    }
    if (!code && job->options->json)
        code = write_json(job);
    if (!code && job->written.count && !job->one_file)
        ork_cli_say(job->cli, "%d written to %s", job->written.count,
                    job->options->output ? job->options->output : "ork-detect");
    ork_cli_json_drop(&job->images);
    ork_cli_json_drop(&job->results);
    if (job->window)
        ork_cli_window_close(job->window);
    return code;
}

static int detect_with(detect_job *job, ork_session *session)
{
    const values *v = job->options;
    ork_detect_options options = ORK_OPTIONS_INIT(ork_detect_options);
    options.score_threshold = (float)v->score;
    options.nms_threshold = (float)v->nms;
    options.class_agnostic = v->agnostic;
    options.letterbox = (ork_letterbox_mode)v->letterbox; /* the choices have the enum's order */
    options.fill = v->fill;
    options.bgr = v->bgr;
    options.max_boxes = v->max_boxes;
    job->session = session;
    job->detector = ork_detector_new(session, &options);
    if (!job->detector)
        return ork_cli_report(job->cli, ork_session_error(session));
    if (job->cli->verbose)
        ork_cli_log(job->cli, ORK_LOG_NOTE, ork_detector_description(job->detector));
    int code = detect(job);
    ork_detector_free(job->detector);
    return code;
}

int ork_cli_detect(ork_cli *cli)
{
    const values *v = cli->values;
    detect_job job = {.cli = cli, .options = v};
    cli->json = v->json && strcmp(v->json, "-") == 0;
    int code = ork_cli_read_labels(job.cli, job.options->labels, &job.labels);
    if (!code)
        code = gather_sources(&job);
    if (!code)
        code = check_outputs(&job);
    if (code)
        return code;
    job.model = ork_cli_new_model(cli, &v->model, &code);
    if (!job.model)
        return code;
    code = ork_cli_load(cli, job.model, cli->arguments.items[0], &v->model, true);
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    ork_cli_set_board(cli, &v->board, &options);
    ork_session *session = code ? NULL : ork_session_new(job.model, &options);
    if (!session)
        code = code ? code : ork_cli_model_failed(cli, job.model);
    else
        code = detect_with(&job, session);
    ork_session_free(session);
    ork_model_free(job.model);
    return code;
}
