/* SPDX-License-Identifier: Apache-2.0 */
/* How good networks are, measured on labelled pictures: several side by side. */
#include "eval.h"

#include <math.h>
#include <string.h>

typedef eval_values values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_eval_options[] = {
    {"annotations", 'a', ORK_CLI_TEXT, "FILE", "boxes on pictures, as JSON in the form of COCO",
     offsetof(values, annotations), 0, 0},
    {"images", 'i', ORK_CLI_TEXT, "DIR",
     "folder of those pictures (default: named as the annotations, or theirs)",
     offsetof(values, images), 0, 0},
    {"labelled", 0, ORK_CLI_TEXT, "DIR|FILE",
     "for classifiers: a folder for each class, or a list with a picture and its class in each "
     "line",
     offsetof(values, labelled), 0, 0},
    {"labels", 'l', ORK_CLI_TEXT, "FILE",
     "names of the network's classes, one a line, where the order of the data is another",
     offsetof(values, labels), 0, 0},
    {"limit", 'n', ORK_CLI_INT, "N", "take the first N pictures only", offsetof(values, limit), 1,
     1000000000},
    {"shard", 0, ORK_CLI_TEXT, "K/N",
     "run on share K of N of the pictures only, from 1, for --detections: 'ork eval "
     "1.json,2.json ...' puts the shares together",
     offsetof(values, shard), 0, 0},
    {"classes", 0, ORK_CLI_FLAG, NULL, "tell the figures of each class too",
     offsetof(values, classes), 0, 0},
    {"halves", 0, ORK_CLI_INT, "N",
     "measure on N random halves of the pictures too: what differs is noise",
     offsetof(values, halves), 2, 10000},
    {"seed", 0, ORK_CLI_INT, "N", "another choice of halves", offsetof(values, seed), 0,
     1000000000},
    {"detections", 'd', ORK_CLI_TEXT, "FILE",
     "write the boxes as JSON in the form of COCO's results; those of a second model to FILE-2",
     offsetof(values, detections), 0, 0},
    {"seen", 0, ORK_CLI_NUMBER, "0..1",
     "score from which on boxes are kept, lost or new between models (default 0.3)",
     offsetof(values, seen), 0.0001, 1},
    {"score", 0, ORK_CLI_NUMBER, "0..1", "least score of a box (default 0.01)",
     offsetof(values, score), 0.0001, 1},
    {"nms", 0, ORK_CLI_NUMBER, "0..1",
     "boxes that overlap a better one by more are dropped (default 0.65)", offsetof(values, nms),
     0.0001, 1},
    {"agnostic", 0, ORK_CLI_FLAG, NULL, "boxes of different classes drop each other too",
     offsetof(values, agnostic), 0, 0},
    {"max-boxes", 0, ORK_CLI_INT, "N", "most boxes on a picture (default 1000)",
     offsetof(values, max_boxes), 1, 100000},
    {"letterbox", 0, ORK_CLI_CHOICE, "auto|center|top-left|stretch",
     "how a picture is fitted into a detector's input", offsetof(values, letterbox), 0, 0},
    {"fill", 0, ORK_CLI_INT, "1..255", "brightness of the border", offsetof(values, fill), 1, 255},
    {"crop", 0, ORK_CLI_NUMBER, "PART",
     "for classifiers: scale the shorter side to the input's over PART and take the middle "
     "(0.875 is usual); without it pictures are stretched",
     offsetof(values, crop), 0.1, 1},
    {"offset", 0, ORK_CLI_INT, "N",
     "for classifiers: outputs before the first class, 1 where there is one for background",
     offsetof(values, offset), 0, 1000000},
    {"bgr", 0, ORK_CLI_FLAG, NULL, "the network takes blue before red", offsetof(values, bgr), 0,
     0},
    ORK_CLI_MODEL_OPTIONS,
    {0},
};

/* ---- tables ---- */

enum { NAME_WIDTH = 14, CELL_LEAST = 18, CELL_MOST = 32 };

/* Wide enough for figures and, within reason, for the longest name. */
static int cell_width(const eval_job *job)
{
    int width = CELL_LEAST;
    for (int i = 0; i < job->count; i++)
        if ((int)strlen(job->subjects[i].name) > width)
            width = (int)strlen(job->subjects[i].name);
    return width < CELL_MOST ? width : CELL_MOST;
}

/* Letters, not bytes: "±" has two. */
static int letters(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void eval_say_row(const eval_job *job, const char *name, const char *const *cells)
{
    const char *line = name;
    int end = NAME_WIDTH;
    for (int i = 0; i < job->count; i++) {
        int blanks = end - letters(line) > 0 ? end - letters(line) : 0;
        line = ork_cli_format("%s%*s  %s", line, blanks, "", cells[i]);
        end += 2 + cell_width(job);
    }
    ork_cli_say(job->cli, "%s", line);
}

void eval_say_names(const eval_job *job, const char *title)
{
    const char **names = ork_cli_alloc(sizeof(*names) * (size_t)job->count);
    for (int i = 0; i < job->count; i++)
        names[i] = ork_cli_format("%.*s", CELL_MOST, job->subjects[i].name);
    eval_say_row(job, title, names);
}

const char *eval_percent(double value, const double *first)
{
    if (value < 0)
        return "    -";
    if (!first || *first < 0)
        return ork_cli_format("%6.2f", value * 100);
    double difference = (value - *first) * 100;
    return ork_cli_format("%6.2f  %+.2f", value * 100, fabs(difference) < 0.005 ? 0 : difference);
}

/* ---- models ---- */

static int open_subject(eval_job *job, eval_subject *subject)
{
    int code;
    subject->model = ork_cli_new_model(job->cli, &job->options->model, &code);
    if (!subject->model || (job->options->annotations && ork_cli_ends_with(subject->path, ".json")))
        return code; /* boxes that were found before need no network */
    code = ork_cli_load(job->cli, subject->model, subject->path, &job->options->model, true);
    if (code)
        return code;
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    options.threads = job->cli->threads;
    subject->session = ork_session_new(subject->model, &options);
    return subject->session ? 0 : ork_cli_model_failed(job->cli, subject->model);
}

static void close_subject(eval_subject *subject)
{
    ork_evaluation_free(subject->evaluation);
    ork_classifier_free(subject->classifier);
    ork_detector_free(subject->detector);
    ork_session_free(subject->session);
    ork_model_free(subject->model);
}

/* Names without folders, numbered where they are the same. */
static void name_subjects(eval_job *job)
{
    for (int i = 0; i < job->count; i++) {
        eval_subject *subject = &job->subjects[i];
        int same = 1;
        subject->path = job->cli->arguments.items[i];
        subject->name = ork_cli_base_name(subject->path);
        for (int k = 0; k < i; k++)
            same += strcmp(ork_cli_base_name(job->subjects[k].path), subject->name) == 0;
        if (same > 1)
            subject->name = ork_cli_format("%s (%d)", subject->name, same);
    }
}

static int read_share(eval_job *job)
{
    char end;
    const char *text = job->options->shard;
    if (!text || (sscanf(text, "%d/%d%c", &job->share, &job->shares, &end) == 2 &&
                  job->share >= 1 && job->share <= job->shares))
        return 0;
    return ork_cli_fail(job->cli, "E0004", NULL, NULL, "write --shard 1/4",
                        "--shard does not take '%s'", text);
}

static int check_options(const eval_job *job)
{
    const eval_values *v = job->options;
    if (!v->annotations == !v->labelled)
        return ork_cli_fail(job->cli, "E0004", NULL, NULL,
                            "give --annotations FILE for a detector, or --labelled DIR|FILE for a "
                            "classifier",
                            v->annotations ? "boxes or classes can be measured, not both at once"
                                           : "there is nothing to measure on");
    if (v->labelled && (v->detections || v->halves || v->shard))
        return ork_cli_fail(job->cli, "E0004", NULL, NULL, "leave it out", "--%s is for detectors",
                            v->detections ? "detections"
                            : v->halves   ? "halves"
                                          : "shard");
    return ork_cli_check_output(job->cli, v->detections, false);
}

int ork_cli_eval(ork_cli *cli)
{
    eval_job job = {.cli = cli, .options = cli->values, .count = cli->arguments.count};
    job.subjects = ork_cli_alloc(sizeof(*job.subjects) * (size_t)job.count);
    int code = read_share(&job);
    if (!code)
        code = check_options(&job);
    if (!code)
        code = ork_cli_read_labels(job.cli, job.options->labels, &job.labels);
    name_subjects(&job);
    for (int i = 0; i < job.count && !code; i++)
        code = open_subject(&job, &job.subjects[i]);
    if (!code)
        code = job.options->annotations ? eval_boxes(&job) : eval_classes(&job);
    for (int i = 0; i < job.count; i++)
        close_subject(&job.subjects[i]);
    return code;
}
