/* SPDX-License-Identifier: Apache-2.0 */
/* The objects behind the public interface; private to this folder. */
#ifndef ORK_API_INTERNAL_H
#define ORK_API_INTERNAL_H

#include <openrknn/openrknn.h>

#include "../base/base.h"
#include "../detect/detect.h"
#include "../device/device.h"
#include "../graph/graph.h"
#include "../image/image.h"
#include "../plan/plan.h"
#include "../quant/quant.h"

typedef enum config_id {
#define ORK_CONFIG(key, fallback, values, help) CONFIG_##key,
#include "config.def"
#undef ORK_CONFIG
    CONFIG_COUNT
} config_id;

struct ork_model {
    ork_diag *diag;
    ork_arena *arena;                 /* texts of the configuration */
    const char *values[CONFIG_COUNT]; /* checked; the defaults at first */
    int threads;
    ork_log_fn log;
    void *log_user;
    ork_log_level log_up_to;
    ork_progress_fn progress;
    void *progress_user;
    const char *format;        /* of the file */
    ork_graph *loaded;         /* as the importer gave it; NULL for .rknn */
    ork_graph *built;          /* what runs and is exported */
    bool pre_compile;          /* it is exported packed */
    ork_arena *check_arena;    /* of the last report of ork_model_check, or NULL */
    ork_arena *estimate_arena; /* of the last report of ork_model_estimate, or NULL */
    ork_arena *memory_arena;   /* of the last report of ork_model_estimate_memory, or NULL */
    ork_npu_trial trial;       /* the last of ork_model_try_npu */
    ork_arena *trial_arena;    /* its text, or NULL */
    ork_arena *diff_arena;     /* of the last report of ork_model_diff, or NULL */
    ork_arena *compare_arena;  /* of the last result of ork_model_compare, or NULL */
    ork_comparison *comparison;
    ork_arena *precision_arena;
    ork_precision_report *precision; /* of the last build, or NULL */
};

struct ork_session {
    ork_model *model;
    ork_diag *diag;
    ork_pool *pool;
    ork_graph *reference;    /* of a session of the float network, or NULL */
    struct layer_dump *dump; /* where each run leaves its layers' numbers, or NULL */
    ork_plan *plan;          /* of the simulator, as the runner; NULL with a board */
    ork_runner *runner;
    ork_remote *remote; /* on a board; else NULL */
    ork_feed *feeds;    /* of the run at work */
    double last_run;
    ork_arena *memory_arena; /* of the last report of ork_session_memory, or NULL */
    bool noted_batch;        /* the note on 3-axis pictures is given once */
};

struct ork_ground_truth {
    ork_arena *arena;
    const char *path;
    ork_coco coco;
};

/* The graph to look at: built, else loaded; NULL before a model is loaded. */
const ork_graph *model_graph(const ork_model *model);
/* The graph after the passes, a clone of the loaded one; NULL on failure. */
ork_graph *canonical_graph(ork_model *model);
void model_unload(ork_model *model);
void model_note_target(const ork_model *model); /* in the log, when none was given */
/* What build quantizes: after the passes, with target and preprocessing as they are configured now;
   NULL on failure. */
ork_graph *prepared_graph(ork_model *model);
int config_int(const ork_model *model, config_id id);
ork_dtype config_dtype(const ork_model *model);
/* Whether weights are to have a scale for each channel; false, with the error set, when the type,
   the scheme or the chip does not take them. */
bool config_by_channel(ork_model *model, bool *by_channel);
/* Channel order, mean and std into the graph's inputs; false with E0303 or E0304. */
bool config_preprocess(ork_model *model, ork_graph *graph);

/* Turns the prepared graph into one of integers, by the samples of the list. source may be NULL. */
bool quantize_graph(ork_model *model, ork_graph *graph, const char *dataset_path,
                    ork_statistics_source *source, bool auto_hybrid);
/* With NN_LAYER_DUMP=1 in the environment every run of a session writes the numbers of its layers
   to the folder network_dump. NULL when it is not wanted. */
struct layer_dump *layer_dump_new(void);
void layer_dump_free(struct layer_dump *dump);
/* Around each run. Failures are warnings: the run itself is good. */
void layer_dump_begin(struct layer_dump *dump, ork_session *session);
void layer_dump_end(struct layer_dump *dump, ork_session *session);

/* What is estimated of a model: the graph and the chip. False on failure; drop_subject afterwards.
 */
typedef struct estimate_subject {
    const ork_graph *graph;
    ork_graph *own; /* to be freed, or NULL */
    const struct ork_soc *soc;
    ork_dtype assumed; /* of values that are floats in the graph */
} estimate_subject;
bool find_subject(ork_model *model, const ork_estimate_options *options, estimate_subject *subject);
void drop_subject(estimate_subject *subject);

/* The graph that the session runs, and its outputs as real numbers. */
const ork_graph *session_graph(const ork_session *session);
const float *session_output(const ork_session *session, size_t index);
/* Checks the inputs as ork_session_run does, and describes them; at least `count` feeds. */
bool session_feeds(ork_session *session, const ork_input *inputs, int count, ork_feed *feeds);

/* A network on the board that the options name; NULL with the error in the model. `layers` as in
   ork_remote_options. */
ork_remote *remote_new(ork_model *model, const ork_session_options *options, bool layers);

const ork_session *detector_session(const ork_detector *detector);
const ork_session *classifier_session(const ork_classifier *classifier);
/* Takes over the session's error into the model's; false. */
bool session_failed(ork_model *model, const ork_session *session);

/* The public picture seen as an image, sharing its pixels. */
ork_image picture_image(const ork_picture *picture);

#endif
