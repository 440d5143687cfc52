/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `ork eval` share. */
#ifndef ORK_CLI_EVAL_H
#define ORK_CLI_EVAL_H

#include "cli.h"

typedef struct eval_values {
    ork_cli_model_values model;
    const char *annotations, *images, *labelled, *labels, *detections, *shard;
    double score, nms, seen, crop;
    int letterbox, fill, max_boxes, limit, halves, seed, offset;
    bool agnostic, bgr, classes;
} eval_values;

/* One model, with what it takes to run and measure it; or a file of results, which has a model for
   its errors only. */
typedef struct eval_subject {
    const char *path, *name; /* the name is short */
    ork_model *model;
    ork_session *session;
    ork_detector *detector;
    ork_evaluation *evaluation;
    ork_classifier *classifier;
    struct eval_hits *hits; /* of a classifier */
} eval_subject;

typedef struct eval_job {
    ork_cli *cli;
    const eval_values *options;
    eval_subject *subjects;
    int count;
    ork_cli_list labels;
    int share, shares; /* of the pictures; 0: all */
} eval_job;

/* Boxes and classes: read the truth, run the pictures, tell the figures. 0 or the exit code. */
int eval_boxes(eval_job *job);
int eval_classes(eval_job *job);

/* What is to be told of the boxes: to people, and as members of the JSON document. */
void eval_say_boxes(const eval_job *job, const ork_ground_truth *truth, int pictures);
void eval_boxes_to_json(const eval_job *job, const ork_ground_truth *truth, ork_cli_json *json);

/* A line of a table: a name, and a text for each model. */
void eval_say_names(const eval_job *job, const char *title);
void eval_say_row(const eval_job *job, const char *name, const char *const *cells);
/* "25.12  -0.92": percent, and, with a first to compare with, the difference. -1 is nothing. */
const char *eval_percent(double value, const double *first);

#endif
