/* SPDX-License-Identifier: Apache-2.0 */
/* The complete C interface of OpenRKNN: from a trained network's file to a quantized model, its
   simulation, and boxes on pictures. The command line `ork` and the Python package use nothing
   else.

   Objects are opaque and belong to one thread at a time; different objects may be used from
   different threads, sessions of one model too, as long as nobody changes the model meanwhile.
   Calls without an object may be made by any thread. Log lines and progress are told from the
   thread that made the call; the functions that take them must not call back into the same object,
   and progress that returns false ends the work with E0002. Calls that can fail return false or
   NULL and leave an error in the object they were called on. Option structures start with `size`,
   which must be sizeof the structure, so that they can grow; ORK_OPTIONS_INIT sets it and zeroes
   the rest: zero always means the default. */
#ifndef OPENRKNN_H
#define OPENRKNN_H

#include <openrknn/error.h>
#include <openrknn/types.h>

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
    #define ORK_API __attribute__((visibility("default")))
#else
    #define ORK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__cplusplus) /* which knows no names there before 2020; size is the first member */
    #define ORK_OPTIONS_INIT(type)                                                                 \
        {                                                                                          \
            sizeof(type)                                                                           \
        }
#else
    #define ORK_OPTIONS_INIT(type)                                                                 \
        {                                                                                          \
            .size = sizeof(type)                                                                   \
        }
#endif

ORK_API const char *ork_version(void); /* "0.1.0" */

/* The list of all errors there are: id, name, fix and exit code, the other texts "". NULL ends it.
 */
ORK_API const ork_error *ork_error_at(int index);

/* ---- the model ------------------------------------------------------------------------- */

/* A network on its way: configured, loaded, built, exported. */
typedef struct ork_model ork_model;

ORK_API ork_model *ork_model_new(void);
ORK_API void ork_model_free(ork_model *model); /* sessions of the model must be freed before */

/* The last failure; its id is "" when the last call succeeded. Valid until the next call. */
ORK_API const ork_error *ork_model_error(const ork_model *model);
/* Lines up to and including the given level go to `log`; NULL is silence, the default. */
ORK_API void ork_model_set_log(ork_model *model, ork_log_fn log, void *user, ork_log_level up_to);
ORK_API void ork_model_set_progress(ork_model *model, ork_progress_fn progress, void *user);
/* Threads for building and for sessions; 0, the default, takes all processors. */
ORK_API void ork_model_set_threads(ork_model *model, int threads);

/* One configuration key of RKNN.config, as text: numbers are separated by spaces or commas, inputs
   by '#'. ("mean_values", "123.675 116.28 103.53"), ("reorder_channel", "2 1 0"),
   ("target_platform", "rk1808"), ("quantized_dtype", "dynamic_fixed_point-i8") ... Must come before
   build; preprocessing keys before load are checked against the network when it is loaded. */
ORK_API bool ork_model_config(ork_model *model, const char *key, const char *value);

/* The table behind ork_model_config, for help texts and forms; NULL ends it. */
typedef struct ork_config_key {
    const char *name;
    const char *default_value;
    const char *values; /* "u8|i8" for a choice, else the kind: "bool", "int", "numbers", ... */
    const char *help;
} ork_config_key;
ORK_API const ork_config_key *ork_config_key_at(int index);

/* The size of one input: [C,H,W] or [N,C,H,W]. */
typedef struct ork_input_size {
    int rank;
    int64_t dims[8];
} ork_input_size;

/* What a file does not say, or what is to be taken otherwise; zero, or NULL for all of it, is fine.
   Set with ORK_OPTIONS_INIT. */
typedef struct ork_load_options {
    size_t size;
    const ork_input_size *input_sizes; /* in the order of the inputs */
    int input_size_count;
    /* Tensors between which the network is taken; those of the file when there are none. */
    const char *const *inputs;
    int input_count;
    const char *const *outputs;
    int output_count;
} ork_load_options;

/* A TorchScript file from torch.jit.trace (.pt), or an archive of torch.export (.pt2). */
ORK_API bool ork_model_load_pytorch(ork_model *model, const char *path,
                                    const ork_load_options *options);
ORK_API bool ork_model_load_onnx(ork_model *model, const char *path,
                                 const ork_load_options *options);
ORK_API bool ork_model_load_rknn(ork_model *model, const char *path);
/* By the file's content and name: .pt, .pt2, .onnx, .rknn, the text form of ork_model_text. */
ORK_API bool ork_model_load(ork_model *model, const char *path, const ork_load_options *options);

typedef struct ork_build_options {
    size_t size;
    bool do_quantization;
    const char *dataset; /* text file: one sample a line, inputs separated by spaces */
    int rknn_batch_size; /* 0 is 1 */
    bool pre_compile;    /* ork_model_export writes what ork_model_export_precompiled does */
    /* A file of statistics of the dataset, complete, as ork_model_calibrate makes them; NULL: they
       are measured. */
    const char *statistics;
    bool auto_hybrid; /* 16 bits for the layers that lose most: as the key max_drop, which is 1
                         where it is not set */
} ork_build_options;
ORK_API bool ork_model_build(ork_model *model, const ork_build_options *options);

/* Bytes of the library; to be freed with ork_blob_free. Starts as {0}. */
typedef struct ork_blob {
    void *data;
    size_t size;
} ork_blob;
ORK_API void ork_blob_free(ork_blob *blob);

typedef struct ork_calibrate_options {
    size_t size;
    const char *dataset;      /* as for ork_build_options */
    int share, shares;        /* share 1 of 4 ...; 0 is all */
    const ork_blob *extremes; /* of all shares, merged: then distributions are measured; NULL: the
                                 extremes of the share, or, of all samples, both */
} ork_calibrate_options;

/* Measures what quantizing the loaded network, as it is configured, needs to know of the samples,
   or of a share of them, on this machine. Shares are measured twice: extremes first, then, between
   the merged extremes, distributions (with vendor_exact extremes suffice). */
ORK_API bool ork_model_calibrate(ork_model *model, const ork_calibrate_options *options,
                                 ork_blob *statistics);
/* Merges shares: the same bytes in any order and for any number of them. Errors go to the model,
   which may be any. */
ORK_API bool ork_statistics_join(ork_model *model, const ork_blob *parts, int count,
                                 ork_blob *merged);
ORK_API bool ork_model_export(ork_model *model, const char *path);
/* Writes the built model packed for the processor of this computer, as export does after build with
   pre_compile: librknn_api.so starts sooner with it. Such a file runs on processors of the same
   kind alone, with the same release, and not in the simulator. */
ORK_API bool ork_model_export_precompiled(ork_model *model, const char *path);
/* Marks layers of the built model, by their uid of ork_estimate_text (1 is the first), as ones to
   be done before the next begins; export writes the marks. Here layers always are. */
ORK_API bool ork_model_mark_sync(ork_model *model, const int *uids, int count);
/* Writes the scales and zero points of the built model's inputs and outputs, or of all tensors, as
   YAML in the form of the vendor's quant_param.yml. */
ORK_API bool ork_model_write_quant_params(ork_model *model, const char *path, bool only_io);

/* Hybrid quantization in two steps, as the vendor's toolkit has it. The first measures the ranges
   of the loaded network and writes PREFIX.json (the network and the configuration), PREFIX.data
   (its constants) and PREFIX.quantization.cfg (ranges, and which layers are computed how, for
   people to change). */
ORK_API bool ork_model_hybrid_prepare(ork_model *model, const char *dataset, const char *prefix);
/* The second builds the network of these files; nothing needs to be loaded. cfg_path NULL: in
   floats. */
ORK_API bool ork_model_hybrid_build(ork_model *model, const char *json_path, const char *data_path,
                                    const char *cfg_path);

/* A layer that the last build computes in 16 bits because of the key max_drop. */
typedef struct ork_precision_layer {
    const char *layer;
    const char *why;            /* a sentence */
    double error_before, error; /* of the answers (squared error over variance), without and with */
    double cost; /* what it adds, of the whole network in 8 bits: 0.01 is a hundredth */
} ork_precision_layer;

typedef struct ork_precision_report {
    const char *measure;      /* what points are points of */
    double asked;             /* points that may be lost */
    double drop_before, drop; /* points lost in 8 bits, and now */
    double cost;              /* estimated time, relative to 8 bits */
    int layer_count;
    const ork_precision_layer *layers; /* in the order in which they were chosen */
} ork_precision_report;
/* NULL when the model was not built with max_drop. Lives until the next build. */
ORK_API const ork_precision_report *ork_model_precision(const ork_model *model);

/* ---- what a model is ------------------------------------------------------------------- */

typedef struct ork_tensor_info {
    const char *name; /* valid as long as the model, until it is loaded or built again */
    ork_dtype dtype;
    int rank;
    int64_t dims[8];   /* pictures: N C H W */
    const char *quant; /* "" or "affine" or "dfp" */
    float scale;
    int32_t zero_point;
    int32_t fraction_length;
} ork_tensor_info;

ORK_API int ork_model_input_count(const ork_model *model);
ORK_API int ork_model_output_count(const ork_model *model);
ORK_API bool ork_model_input_info(const ork_model *model, int index, ork_tensor_info *info);
ORK_API bool ork_model_output_info(const ork_model *model, int index, ork_tensor_info *info);

/* What the model is as a whole. Texts are "" where there is nothing to say; they live as long as
   those of ork_tensor_info. False before a model is loaded. */
typedef struct ork_model_info {
    const char *format; /* of the file it came from: "pytorch", "onnx", "rknn", "text" */
    const char *name;   /* of the network */
    const char *target; /* platforms, comma separated: "rk1808" */
    bool quantized;     /* some values are integers with a quantization */
    size_t operator_count;
    size_t weight_count; /* numbers in constants of floats and of quantized values */
    size_t weight_bytes;
} ork_model_info;
ORK_API bool ork_model_get_info(const ork_model *model, ork_model_info *info);

/* What happens to an input's picture before it enters the network: channel c becomes
   (picture[reorder[c]] - mean[c]) / std[c]. count is the number of channels, 0 when nothing
   happens. False when there is no such input. */
typedef struct ork_preprocess_info {
    int count;
    const float *mean, *std;
    const int *reorder;
} ork_preprocess_info;
ORK_API bool ork_model_preprocess_info(const ork_model *model, int index,
                                       ork_preprocess_info *info);

/* The graph in its text form, or a summary as JSON; NULL before a model is loaded. To be freed
   with ork_text_free. */
ORK_API char *ork_model_text(const ork_model *model, bool all_constants);
ORK_API char *ork_model_json(const ork_model *model);
ORK_API void ork_text_free(char *text);

/* The chips there are models for; NULL ends them. Those of one family run each other's models. */
typedef struct ork_target_info {
    const char *name; /* "rk1808" */
    ork_family family;
} ork_target_info;
ORK_API const ork_target_info *ork_target_at(int index);

/* The platforms that a built model is for and those that can run it, or, with NULL, all by family:
   as list_support_target_platform prints them. To be freed with ork_text_free. */
ORK_API char *ork_targets_text(const ork_model *model);

/* ---- what a chip takes ----------------------------------------------------------------- */

typedef struct ork_check_finding {
    const char *rule;                 /* "kernel-size" */
    const char *severity;             /* "stops", "host", "accuracy", "slow" */
    const char *layer;                /* the user's name */
    const char *scope;                /* where it stands in the user's source, or "" */
    const char *op, *inputs, *output; /* "conv2d", "1x16x52x52, 32x16x3x3", "1x32x52x52" */
    const char *reason, *instead;
} ork_check_finding;

typedef struct ork_check_report {
    const char *network, *target;
    size_t npu_layers, host_layers, refused_layers;
    int64_t macs;         /* multiplications of one inference */
    int64_t weight_count; /* numbers in constants */
    int64_t peak_count;   /* numbers that wait in memory at the worst moment */
    int finding_count;
    const ork_check_finding *findings; /* in the order of the layers */
    int cut_count;
    const char *const *cut; /* where to end the network so that the chip takes all of it */
} ork_check_report;

/* Holds the layers of a loaded or built model against what the chip takes; nothing is built. The
   report is the model's and lives until its next check. NULL on failure. */
ORK_API const ork_check_report *ork_model_check(ork_model *model, const char *target);
/* The report as a table for people, to be freed with ork_text_free; of each rule the first three
   layers, or all. */
ORK_API char *ork_check_text(const ork_check_report *report, bool all);

/* ---- how long a chip takes --------------------------------------------------------------- */

typedef struct ork_estimate_options {
    size_t size;
    const char *target; /* one chip; NULL: the first that the model is for */
    /* What is float in the graph stays float on the chip, in halves; otherwise a network that is
       not quantized yet is taken for one of 8 bits. */
    bool in_float;
} ork_estimate_options;

typedef struct ork_estimate_layer {
    const char *layer; /* the user's name */
    const char *op;    /* "conv2d" */
    const char *unit;  /* of the chip: "window", "point", "depthwise", "full", "function", "pool",
                          "move"; "free" where a neighbour does it */
    ork_dtype dtype;
    double macs, elements; /* multiplications; numbers that it writes */
    double data_bytes, weight_bytes;
    double seconds;
    const char *reason; /* what takes most of them: "launch", "multiply", "element": numbers passed
                           one by one, "bus"; "" where they are 0 */
} ork_estimate_layer;

typedef struct ork_estimate_report {
    const char *network, *target;
    double npu_mhz, memory_mhz; /* the clocks that it is for */
    double seconds;             /* of one run */
    int layer_count;
    const ork_estimate_layer *layers; /* in the order of the graph */
} ork_estimate_report;

/* Estimates how long one run of a loaded or built model takes on a chip. No chip is asked: the
   rates are fitted to published times, docs/performance.md tells how well. The report is the
   model's and lives until its next. options may be NULL. NULL on failure. */
ORK_API const ork_estimate_report *ork_model_estimate(ork_model *model,
                                                      const ork_estimate_options *options);
typedef struct ork_advised {
    const char *layer, *op;
    double seconds, saved; /* now; and of them */
} ork_advised;

typedef struct ork_advice_item {
    const char *rule; /* "activation" */
    const char *why, *instead;
    double seconds, saved; /* of all its layers; each change is taken for itself */
    int layer_count;
    const ork_advised *layers; /* most saved first */
} ork_advice_item;

typedef struct ork_advice_report {
    const char *network, *target;
    double seconds; /* of one run */
    int item_count;
    const ork_advice_item *items; /* most saved first */
} ork_advice_report;

/* Tells what a loaded or built network could have in place of layers that take long on a chip, and
   what it would save by the same estimate. The report is the model's and lives until its next
   estimate or advice. options may be NULL. NULL on failure. */
ORK_API const ork_advice_report *ork_model_advise(ork_model *model,
                                                  const ork_estimate_options *options);
/* In words, to be freed with ork_text_free; of each advice the first three layers, or all. */
ORK_API char *ork_advice_text(const ork_advice_report *report, bool all);

/* Writes operators and their sums as a table with commas (CSV). Errors go to the model, which may
   be any. */
ORK_API bool ork_estimate_write_statistics(ork_model *model, const ork_estimate_report *report,
                                           const char *path);

/* How much memory a run takes on a chip, in bytes. */
typedef struct ork_npu_memory_report {
    const char *network, *target;
    uint64_t weight_bytes;              /* constants; about the size of the .rknn file too */
    uint64_t internal_bytes;            /* the most that values need at one time */
    uint64_t value_bytes;               /* all values, had each memory of its own */
    uint64_t input_bytes, output_bytes; /* on the chip; parts of the above */
    uint64_t host_bytes;                /* beside the chip: file, inputs, outputs as floats */
} ork_npu_memory_report;

/* Estimates the memory that a loaded or built model takes on a chip: of the network alone, without
   what a driver keeps for itself. The report is the model's and lives until its next. options may
   be NULL. NULL on failure. */
ORK_API const ork_npu_memory_report *ork_model_estimate_memory(ork_model *model,
                                                               const ork_estimate_options *options);
/* The report as eval_memory prints it, to be freed with ork_text_free. */
ORK_API char *ork_npu_memory_text(const ork_npu_memory_report *report);

/* The report as eval_perf prints it, to be freed with ork_text_free; with operators and their sums,
   or only the times of layers. */
ORK_API char *ork_estimate_text(const ork_estimate_report *report, bool details);

/* ---- looking at a model ---------------------------------------------------------------- */

typedef enum ork_diagram_format {
    ORK_DIAGRAM_TEXT, /* a line for each layer, with rails beside them */
    ORK_DIAGRAM_SVG,
    ORK_DIAGRAM_DOT,
    ORK_DIAGRAM_JSON,
} ork_diagram_format;

typedef struct ork_diagram_options {
    size_t size;
    ork_diagram_format format;
    /* "imported": as the file says it; "canon": as it is built; "quant": as it was quantized. NULL:
       what was built, or would be. */
    const char *stage;
} ork_diagram_options;

/* A drawing of the loaded or built model, to be freed with ork_text_free. NULL on failure. */
ORK_API char *ork_model_diagram(ork_model *model, const ork_diagram_options *options);

typedef struct ork_diff_options {
    size_t size;
    const char *stage;     /* as above */
    bool exact_weights;    /* weights must be the same bits */
    double weights_within; /* 0: 1e-5; relative to the greatest weight of a tensor, above 1 */
} ork_diff_options;

/* One difference; texts that do not apply are "". */
typedef struct ork_difference {
    const char *kind;           /* "added", "removed", "changed" */
    const char *first, *second; /* the layer's name in each model */
    const char *op;
    const char *what; /* "stride", "weight", "scale" ...; of changed layers */
    const char *before, *after;
} ork_difference;

typedef struct ork_diff_report {
    size_t matched_layers, first_layers, second_layers;
    double weight_difference; /* the greatest, relative as above */
    int difference_count;     /* 0: the same network */
    const ork_difference *differences;
} ork_diff_report;

/* Compares two loaded or built models by their structure: neither names nor the order of layers
   matter. The report is the first model's and lives until its next. NULL on failure, with the error
   in the first model. */
ORK_API const ork_diff_report *ork_model_diff(ork_model *first, ork_model *second,
                                              const ork_diff_options *options);

/* ---- running --------------------------------------------------------------------------- */

/* Runs a built or loaded model: in the simulator, or on a board. */
typedef struct ork_session ork_session;

typedef struct ork_session_options {
    size_t size;
    /* Neither: the simulator on this computer. target: the chip of the board ("rk1808"), which the
       board must have. device_id: an id of ork_devices_find, or "tcp:HOST:PORT" for an ork-board
       that listens there; NULL or "": the only board that is connected. */
    const char *target, *device_id;
    int threads; /* 0: as the model */
    /* Runs the float network that the model was loaded as, in place of what was built of it. */
    bool reference;
} ork_session_options;

/* NULL on failure, with the error in the model. options may be NULL. */
ORK_API ork_session *ork_session_new(ork_model *model, const ork_session_options *options);
ORK_API void ork_session_free(ork_session *session);
ORK_API const ork_error *ork_session_error(const ork_session *session);

typedef enum ork_format {
    ORK_NHWC,
    ORK_NCHW,
} ork_format;

typedef struct ork_input {
    const void *data; /* elements in row-major order of dims */
    ork_dtype dtype;  /* U8, I8, I16, F16, F32 */
    ork_format format;
    int rank; /* 4, or 3 for a picture without batch; other ranks as the network's input */
    int64_t dims[8];
    bool pass_through; /* no channel order, mean and std; the elements go in as they are */
} ork_input;

/* Runs once. Inputs are only read during the call. */
ORK_API bool ork_session_run(ork_session *session, const ork_input *inputs, int count);

typedef struct ork_output_view {
    const float *data; /* real values in the network's own order; valid until the next run */
    size_t count;
    int rank;
    int64_t dims[8];
    const void *raw; /* the same before dequantization, or the same floats */
    ork_dtype raw_dtype;
} ork_output_view;
ORK_API bool ork_session_output(ork_session *session, int index, ork_output_view *view);

typedef struct ork_session_stats {
    size_t arena_bytes;  /* all intermediate tensors, planned once */
    size_t weight_bytes; /* packed weights */
    double last_run_ms;
    size_t live_bytes;   /* the most that must be kept at one time: no plan's arena is smaller */
    double board_run_ms; /* of last_run_ms, what the board computed; 0 in the simulator */
} ork_session_stats;
ORK_API void ork_session_get_stats(const ork_session *session, ork_session_stats *stats);

/* One step of a run. The first is the storing of inputs, the last the conversion of outputs to real
   numbers: these have no layer. */
typedef struct ork_step_info {
    const char *layer;  /* of the network, or "" */
    const char *kernel; /* what computes it: "u8_dense_vnni" */
    ork_dtype dtype;    /* of its output */
    double macs;        /* multiplications with a sum; 0: not counted */
    double seconds;     /* in the last profiled run; with one thread, of processor time */
} ork_step_info;
/* Whether runs from now on measure each step. */
ORK_API void ork_session_profile(ork_session *session, bool on);
ORK_API int ork_session_step_count(const ork_session *session);
/* False when there is no such step. Texts live as long as the session. */
ORK_API bool ork_session_step(const ork_session *session, int index, ork_step_info *info);
ORK_API int ork_session_threads(const ork_session *session);
/* Multiplications with a sum in a second that one processor of this computer can do at most for a
   type, in the way convolutions do them. Measured anew by each call, in some hundredths of a
   second. */
ORK_API double ork_peak_macs(ork_dtype dtype);

/* ---- the memory of a session -------------------------------------------------------------- */

/* A piece of the session's tensors. Steps are numbered as in ork_memory_report. */
typedef struct ork_memory_buffer {
    const char *value; /* what lies there, by the network's name */
    size_t bytes, offset;
    int first, last; /* the steps between which it is used */
} ork_memory_buffer;

/* A moment of a run: the storing of inputs, a step, or, last, the time when outputs are read. */
typedef struct ork_memory_moment {
    const char *layer; /* "" of the first and the last */
    size_t bytes;      /* of tensors that are used at this moment */
} ork_memory_moment;

typedef struct ork_memory_report {
    const char *network;
    size_t weight_bytes;    /* weights as kernels want them */
    size_t parameter_bytes; /* sizes, places and tables of steps */
    size_t tensor_bytes;    /* all intermediate tensors, which share places */
    size_t live_bytes;      /* the most of them at one moment */
    size_t scratch_bytes;   /* of all threads */
    size_t output_bytes;    /* outputs as real numbers */
    size_t total_bytes;     /* of the session: all of these but live_bytes */
    size_t constant_bytes; /* the model's own numbers; a .rknn file's are read where it is mapped */
    /* What the system says of the whole program: memory of its own, files not counted, and the most
       there ever was, with files. 0 where it does not say. */
    size_t process_bytes, process_peak_bytes;
    int buffer_count;
    const ork_memory_buffer *buffers; /* by first, then offset */
    int moment_count;
    const ork_memory_moment *moments;
} ork_memory_report;

/* What a session keeps in memory. The report is the session's and lives until its next. */
ORK_API const ork_memory_report *ork_session_memory(ork_session *session);
/* Who lies when in the session's memory, to be freed with ork_text_free: a line of text for each
   buffer, or of the `most` largest ones unless it is 0; or a picture (SVG) with steps to the right
   and places upwards. */
ORK_API char *ork_memory_chart(const ork_memory_report *report, int most);
ORK_API char *ork_memory_picture(const ork_memory_report *report);

/* ---- the NPU of this board ---------------------------------------------------------------- */

/* Looks for the driver of an NPU (libOpenVX.so.1, or the given file; NULL: the environment variable
   ORK_OPENVX first) and tells in a line what it found, to be freed with ork_text_free. *found may
   be NULL. */
ORK_API char *ork_npu_driver_text(const char *driver, bool *found);

/* A network on the NPU and in the simulator, on the same input. */
typedef struct ork_npu_trial {
    const char *driver;
    size_t npu_layers, host_layers; /* of the graph; those that the driver does not take run here */
    size_t pieces;                  /* that it was cut into */
    double seconds, simulator_seconds;
    size_t compared, different; /* elements of outputs */
} ork_npu_trial;

/* Runs a built or loaded model through the driver, once to get warm and once for the time, and
   holds the results against the simulator's. The result is the model's and lives until its next
   trial. NULL on failure. No NPU was present when this was written: it has run with a library in
   its place. */
ORK_API const ork_npu_trial *ork_model_try_npu(ork_model *model, const char *driver);

/* ---- boards ------------------------------------------------------------------------------ */

/* What adb sees. Texts are "" where there is nothing to say. */
typedef struct ork_device {
    const char *id;    /* for ork_session_options and init_runtime(device_id=...) */
    const char *state; /* "device" when all is well, "offline", "unauthorized" ... */
    const char *model;
    const char *error, *problem, *fix; /* when it cannot be used */
} ork_device;

/* Asks the system's adb server, which is started where none runs. NULL on failure, with the error
   in the model, which may be any; an empty list is none. */
typedef struct ork_device_list ork_device_list;
ORK_API ork_device_list *ork_devices_find(ork_model *model);
ORK_API void ork_devices_free(ork_device_list *list);
ORK_API int ork_devices_count(const ork_device_list *list);
/* NULL when there is none. Lives as long as the list. */
ORK_API const ork_device *ork_devices_at(const ork_device_list *list, int index);

/* One thing of those that boards need. */
typedef struct ork_checkup_item {
    const char *name; /* "adb server" */
    bool is_good;
    const char *text;        /* what was found, or what is wrong */
    const char *error, *fix; /* "" when it is good */
} ork_checkup_item;

/* Looks at everything that stands between this computer and a board. device_id: connects with that
   board too; "" is the only one; NULL: with none. */
typedef struct ork_checkup ork_checkup;
ORK_API ork_checkup *ork_checkup_new(const char *device_id);
ORK_API void ork_checkup_free(ork_checkup *checkup);
ORK_API int ork_checkup_count(const ork_checkup *checkup);
ORK_API const ork_checkup_item *ork_checkup_at(const ork_checkup *checkup, int index);

/* What a session's board says of itself. Texts live as long as the session. */
typedef struct ork_board_details {
    const char *id, *version, *machine,
        *chip; /* "0123ABCD", "0.1.0", "aarch64", "rockchip,rk1808" */
    int processors;
} ork_board_details;
/* False for sessions of the simulator. */
ORK_API bool ork_session_board(const ork_session *session, ork_board_details *board);

/* A value of the network on a board, held against the simulator's. */
typedef struct ork_compared_value {
    const char *name;
    ork_dtype dtype; /* integers must be the same bits; floats differ from processor to processor */
    bool is_output;
    size_t count, different; /* numbers */
    double greatest;         /* difference */
} ork_compared_value;

typedef struct ork_comparison {
    const char *board, *machine, *chip; /* "0123ABCD", "aarch64", "rockchip,rk1808" or "" */
    int value_count;
    const ork_compared_value *values; /* in the order in which they are computed */
    size_t different_integers;        /* 0: the board computes what the simulator computes */
} ork_comparison;

/* Runs the built model once in the simulator and once on the board of the options, both telling
   every value. The result is the model's and lives until its next. NULL on failure. */
ORK_API const ork_comparison *ork_model_compare(ork_model *model,
                                                const ork_session_options *options,
                                                const ork_input *inputs, int count);

/* ---- where accuracy is lost -------------------------------------------------------------- */

/* A quantized network held against the float network that it was made of, layer by layer. */
typedef struct ork_analysis ork_analysis;

typedef enum ork_dump {
    ORK_DUMP_NOTHING,
    ORK_DUMP_TENSORS, /* text: a number a line */
    ORK_DUMP_ARRAYS,  /* .npy */
} ork_dump;

typedef struct ork_analysis_options {
    size_t size;
    const char *dataset; /* samples as for ork_build_options */
    int samples;         /* at most so many of them; 0: all */
    /* Where to leave what the vendor's toolkit does, its folders fp32, entire_qnt and
       individual_qnt and its lists of errors, and error_analysis.json and .html beside them; NULL:
       nowhere. The folder is made. With RKNN_DRAW_DATA_DISTRIBUTE=1 in the environment, pictures of
       the layers' distributions go to dump_data_distribute in the working folder. */
    const char *folder;
    ork_dump dump;       /* also each layer's numbers, of the first sample */
    bool reference_only; /* only the float network is run, and its numbers are written */
    double bad_sqnr;     /* dB below which the output of a layer is bad; 0: 10 */
} ork_analysis_options;

/* Runs both networks on samples, and each layer alone. The model must have been loaded from a float
   network and built with quantization. NULL on failure, with the error in the model. */
ORK_API ork_analysis *ork_analysis_new(ork_model *model, const ork_analysis_options *options);
ORK_API void ork_analysis_free(ork_analysis *analysis);

/* How far numbers are from those of the float network. */
typedef struct ork_layer_error {
    double cosine;         /* NaN when one is all zero */
    double euclidean;      /* length of the difference */
    double unit_euclidean; /* the same with both scaled to length 1 */
    double sqnr;           /* signal over squared error in dB; infinite when nothing differs */
    double channel_sqnr;   /* of the average channel, each counting alike */
    double greatest;       /* |difference| */
    int64_t lost_channels; /* those with an error of more than half of their own signal */
    int64_t not_finite;    /* numbers of either network */
} ork_layer_error;

enum { ORK_HISTOGRAM_BINS = 64 };

/* An operator of the network, with the function that is computed together with it. Texts live as
   long as the analysis. */
typedef struct ork_analyzed_layer {
    const char *name, *output, *op, *file; /* file: of dumps, without folder and ending */
    int rank;
    int64_t dims[8];
    ork_dtype dtype;        /* F32: it stays in floats */
    int groups;             /* of channels in which it is computed; 1: whole */
    ork_layer_error alone;  /* fed with the float network's numbers */
    ork_layer_error entire; /* in the quantized network */
    double damage;          /* error of the network's answers when this layer alone is computed on
                               integers: 0 none, 1 nothing left */
    double saturated;       /* share of the float numbers that its range cuts off */
    double weight_ratio, output_ratio; /* greatest over least range of channels that share a scale;
                                          weight_ratio 0: it has no weights */
    double low, high;                  /* of the float numbers */
    const uint32_t *float_bins, *quantized_bins; /* ORK_HISTOGRAM_BINS each, from low to high */
    bool bad, culprit;
} ork_analyzed_layer;

ORK_API int ork_analysis_layer_count(const ork_analysis *analysis);
/* False when there is no such layer. */
ORK_API bool ork_analysis_layer(const ork_analysis *analysis, int index, ork_analyzed_layer *layer);
/* A sentence on a layer, or, with layer -1, on the network; NULL after the last. */
ORK_API const char *ork_analysis_advice(const ork_analysis *analysis, int layer, int index);
/* The layer that does the most damage, the second ...; -1 after the last worth a word. */
ORK_API int ork_analysis_culprit(const ork_analysis *analysis, int index);
ORK_API int ork_analysis_first_bad(const ork_analysis *analysis); /* -1: none */
/* Error of the quantized network's answers: 0 none, 1 nothing left. */
ORK_API double ork_analysis_error(const ork_analysis *analysis);
ORK_API const char *ork_analysis_verdict(const ork_analysis *analysis); /* one or two sentences */
/* All of it as one JSON document, or as one page for browsers that needs nothing else. To be freed
   with ork_text_free. */
ORK_API char *ork_analysis_json(const ork_analysis *analysis);
ORK_API char *ork_analysis_page(const ork_analysis *analysis);

/* ---- pictures -------------------------------------------------------------------------- */

/* 8-bit RGB. */
typedef struct ork_picture {
    int width, height;
    ptrdiff_t stride; /* bytes from row to row */
    uint8_t *pixels;
} ork_picture;

/* JPEG, PNG or BMP by content. Errors go to the model, which may be any. */
ORK_API bool ork_picture_read(ork_model *model, const char *path, ork_picture *picture);
/* The same from memory. */
ORK_API bool ork_picture_decode(ork_model *model, const void *bytes, size_t size,
                                ork_picture *picture);
/* A bilinear copy of another size, as cv2.resize makes it. */
ORK_API bool ork_picture_resize(ork_model *model, const ork_picture *picture, int width, int height,
                                ork_picture *resized);
/* JPEG or PNG by the path's ending. */
ORK_API bool ork_picture_write(ork_model *model, const char *path, const ork_picture *picture);
ORK_API void ork_picture_free(ork_picture *picture);

/* ---- arrays ---------------------------------------------------------------------------- */

/* An array of numpy's .npy files: elements in row-major order. */
typedef struct ork_array {
    ork_dtype dtype;
    int rank;
    int64_t dims[8];
    void *data;
} ork_array;

/* Errors go to the model, which may be any. */
ORK_API bool ork_array_read_npy(ork_model *model, const char *path, ork_array *array);
ORK_API bool ork_array_write_npy(ork_model *model, const char *path, const ork_array *array);
/* For arrays that were read. */
ORK_API void ork_array_free(ork_array *array);

/* ---- detection ------------------------------------------------------------------------- */

/* Finds the boxes in the outputs of a YOLOX-class network; what kind of head it is, and whether
   scores still need their sigmoid, is recognised from the graph. */
typedef struct ork_detector ork_detector;

typedef enum ork_letterbox_mode {
    ORK_LETTERBOX_AUTO,   /* as the network's family trains: top-left with 114 */
    ORK_LETTERBOX_CENTER, /* centred, 128: as the article's script */
    ORK_LETTERBOX_TOP_LEFT,
    ORK_LETTERBOX_STRETCH, /* plain resize */
} ork_letterbox_mode;

typedef struct ork_detect_options {
    size_t size;
    float score_threshold; /* 0: 0.3 */
    float nms_threshold;   /* 0: 0.45 */
    bool class_agnostic;   /* one NMS over all classes */
    ork_letterbox_mode letterbox;
    int fill;      /* 0: the mode's own */
    bool bgr;      /* the network's input, before reorder_channel, is BGR */
    int max_boxes; /* 0: 300 */
} ork_detect_options;

typedef struct ork_detection {
    int class_id;
    float score;
    float left, top, right, bottom; /* in pixels of the picture */
} ork_detection;

/* NULL, with the error in the session, when the outputs are no detection head that we know. */
ORK_API ork_detector *ork_detector_new(ork_session *session, const ork_detect_options *options);
ORK_API void ork_detector_free(ork_detector *detector);
ORK_API int ork_detector_class_count(const ork_detector *detector);
/* One line: "YOLOX, 3 maps, 80 classes, sigmoid inside". */
ORK_API const char *ork_detector_description(const ork_detector *detector);
/* Runs the session on the picture. The boxes, best first, are valid until the next call. */
ORK_API bool ork_detector_run(ork_detector *detector, const ork_picture *picture,
                              const ork_detection **boxes, int *count);

typedef enum ork_shape_style {
    ORK_DRAW_RECTANGLE,
    ORK_DRAW_ELLIPSE,
} ork_shape_style;
/* labels may be NULL; classes beyond label_count are drawn by number. */
ORK_API void ork_draw_detections(ork_picture *picture, const ork_detection *boxes, int count,
                                 const char *const *labels, int label_count, ork_shape_style style);
/* Text from (left, top) on; letters have 8 x 12 pixels, times scale. colour is 0xRRGGBB. What does
   not fit is cut off. */
ORK_API void ork_picture_draw_text(ork_picture *picture, int left, int top, const char *text,
                                   int scale, uint32_t colour);

/* ---- accuracy of detectors ------------------------------------------------------------- */

/* Pictures on which objects are marked. */
typedef struct ork_ground_truth ork_ground_truth;

typedef struct ork_truth_image {
    int64_t id;
    const char *file_name; /* as the file says it */
    int width, height;     /* 0 where the file does not tell */
    int object_count;
} ork_truth_image;

typedef struct ork_truth_category {
    int64_t id;
    const char *name;
} ork_truth_category;

/* An annotation file in the form of COCO. NULL on failure; errors go to the model, which may be
   any. Texts live as long as the result. Images are sorted by their ids, categories stand in the
   order of the file. */
ORK_API ork_ground_truth *ork_ground_truth_read(ork_model *model, const char *path);
ORK_API void ork_ground_truth_free(ork_ground_truth *truth); /* after its evaluations */
ORK_API int ork_ground_truth_image_count(const ork_ground_truth *truth);
ORK_API bool ork_ground_truth_image(const ork_ground_truth *truth, int index,
                                    ork_truth_image *image);
ORK_API int ork_ground_truth_category_count(const ork_ground_truth *truth);
ORK_API bool ork_ground_truth_category(const ork_ground_truth *truth, int index,
                                       ork_truth_category *category);
/* How many annotations belong to images or categories that the file does not list. */
ORK_API size_t ork_ground_truth_skipped(const ork_ground_truth *truth);

/* One model's boxes held against the ground truth. */
typedef struct ork_evaluation ork_evaluation;

typedef struct ork_evaluation_options {
    size_t size;
    int class_count; /* of the detector; 0: as many as there are categories */
    /* Names of the classes, for files whose categories are others, or in another order: classes
       without a category are left out. Without names, class i is category i of the file. */
    const char *const *labels;
    int label_count;
} ork_evaluation_options;

/* NULL, with the error in the model, when classes and categories do not go together. options may be
   NULL. The model takes the errors of later calls too, and must stay, as the truth must. */
ORK_API ork_evaluation *ork_evaluation_new(ork_model *model, const ork_ground_truth *truth,
                                           const ork_evaluation_options *options);
ORK_API void ork_evaluation_free(ork_evaluation *evaluation);
/* The boxes found on an image of the truth, best first. Each image once, in any order; images never
   added count for nothing. */
ORK_API bool ork_evaluation_add(ork_evaluation *evaluation, int image, const ork_detection *boxes,
                                int count);
/* Instead of adding: takes the boxes from a file in the form of COCO's results, of this program or
   another, for the first image_count images, or all when it is 0; those that the file does not name
   have none. Labels have no part in it. */
ORK_API bool ork_evaluation_read(ork_evaluation *evaluation, const char *path, int image_count);
/* The same from several files, as shares of the images leave them (ork_pictures_options). */
ORK_API bool ork_evaluation_read_shares(ork_evaluation *evaluation, const char *const *paths,
                                        int path_count, int image_count);

/* Which pictures of the truth. */
typedef struct ork_pictures_options {
    size_t size;
    const char *folder; /* where they lie; NULL: the folder named as the annotations, or theirs */
    int limit;          /* the first so many; 0: all */
    int share, shares;  /* of those the share 1 of 4 ..., for several machines; 0: all */
} ork_pictures_options;
/* Runs detectors over pictures. Each is read once; what detectors[i] finds is added to
   evaluations[i]. Both lists have `count` entries; a detector may be NULL. The model takes progress
   and errors. */
ORK_API bool ork_evaluation_run(ork_model *model, const ork_ground_truth *truth,
                                const ork_pictures_options *options, ork_detector *const *detectors,
                                ork_evaluation *const *evaluations, int count);
/* The name of a figure, "AP50", and what it is; false when there is none. */
ORK_API bool ork_figure_info(int figure, const char **name, const char **help);
/* Over all added images. category: an index, or -1 for the mean over all that have objects. A
   figure is between 0 and 1, or -1 where there is nothing to measure. */
ORK_API void ork_evaluation_figures(ork_evaluation *evaluation, int category,
                                    double figures[ORK_FIGURE_COUNT]);
/* Over half of the added images, chosen by the seed: the same half for evaluations of the same
   images. What differs from half to half is noise. */
ORK_API void ork_evaluation_half(ork_evaluation *evaluation, uint64_t seed,
                                 double figures[ORK_FIGURE_COUNT]);
/* Writes the boxes as a file of results in the form of COCO, for other tools. */
ORK_API bool ork_evaluation_write(const ork_evaluation *evaluation, const char *path);

/* What became of the first model's boxes in the other's. */
typedef struct ork_box_comparison {
    size_t kept, lost, fresh;
    double score_change; /* of the kept boxes, mean of other minus first */
} ork_box_comparison;
/* Of boxes that score at least `score`, pairs of one class that overlap by at least `overlap` are
   the same box; over the images that both have. */
ORK_API ork_box_comparison ork_evaluation_compare(const ork_evaluation *first,
                                                  const ork_evaluation *other, float score,
                                                  float overlap);

/* ---- accuracy of classifiers ----------------------------------------------------------- */

/* Pictures whose class is known. */
typedef struct ork_labelled ork_labelled;

typedef struct ork_labelled_picture {
    const char *path;
    int class_id;
} ork_labelled_picture;

/* A folder with a folder for each class, or a text file with a picture and its class in each line.
   A class is a name of `labels`, else its number from 0; else folders have the order of their
   names. NULL on failure, with the error in the model. */
ORK_API ork_labelled *ork_labelled_read(ork_model *model, const char *path,
                                        const char *const *labels, int label_count);
ORK_API void ork_labelled_free(ork_labelled *labelled);
ORK_API int ork_labelled_count(const ork_labelled *labelled);
/* NULL when there is none. Lives as long as the list. */
ORK_API const ork_labelled_picture *ork_labelled_at(const ork_labelled *labelled, int index);

/* Runs a network that gives one number for each class. */
typedef struct ork_classifier ork_classifier;

typedef struct ork_classify_options {
    size_t size;
    /* Above 0, the shorter side of a picture is scaled to the input's shorter side over `crop`, and
       the middle is taken: 0.875 is the habit. Else pictures are stretched to the input. */
    double crop;
    bool bgr; /* the network's input, before reorder_channel, is BGR */
} ork_classify_options;

/* NULL, with the error in the session, when the network does not take one picture. */
ORK_API ork_classifier *ork_classifier_new(ork_session *session,
                                           const ork_classify_options *options);
ORK_API void ork_classifier_free(ork_classifier *classifier);
ORK_API int ork_classifier_class_count(const ork_classifier *classifier);
/* The `count` highest classes, best first, the lower number first among equals; -1 where there are
   fewer. Errors go to the session. */
ORK_API bool ork_classifier_run(ork_classifier *classifier, const ork_picture *picture,
                                int *classes, int count);

enum { ORK_BEST_CLASSES = 5 };

/* Runs classifiers over the first `limit` pictures, or all when it is 0. places[i * n + k], n the
   number of pictures: where the class of picture k stands in the order of classifiers[i]: 0 it is
   the best, ORK_BEST_CLASSES it is not among the best ones. offset: outputs before the first class.
   Fails with E0905 when a picture's class is beyond a network's outputs. The model takes progress
   and errors. */
ORK_API bool ork_labelled_run(ork_model *model, const ork_labelled *labelled, int limit, int offset,
                              ork_classifier *const *classifiers, int count, int *places);

/* ---- sets of pictures ------------------------------------------------------------------ */

/* What pictures meant for calibration hold. */
typedef struct ork_survey ork_survey;

typedef struct ork_survey_options {
    size_t size;
    /* Pictures whose 64-bit fingerprints differ in at most so many bits are near duplicates; 0: 4,
       -1: only where none differs. */
    int alike_bits;
} ork_survey_options;

typedef struct ork_survey_picture {
    const char *path;
    const char *problem; /* "" or why it cannot be used */
    const char *format;  /* "JPEG", "PNG", "BMP", "NPY", or "" */
    int width, height;   /* 0 for arrays and what cannot be read */
    double brightness;   /* mean, 0 .. 255 */
    double contrast;     /* standard deviation */
    bool dark, bright, blank, gray;
    int twin; /* an earlier picture that looks the same, or -1 */
} ork_survey_picture;

/* Reads the pictures, one at a time. paths: files, one list of samples as for ork_build_options, or
   one folder. NULL on failure, with the error in the model; a picture that cannot be read is none.
   The progress goes to the model's function. */
ORK_API ork_survey *ork_survey_new(ork_model *model, const char *const *paths, int count,
                                   const ork_survey_options *options);
ORK_API void ork_survey_free(ork_survey *survey);
ORK_API int ork_survey_count(const ork_survey *survey);
/* NULL when there is none. Lives as long as the survey. */
ORK_API const ork_survey_picture *ork_survey_at(const ork_survey *survey, int index);
/* A sentence of advice; NULL after the last. */
ORK_API const char *ork_survey_advice(const ork_survey *survey, int index);
/* Chooses up to `count` pictures that differ most from each other, of those that can be used, are
   not blank and have no twin; the same ones every time. Sets chosen[] to their indices, in order of
   choice, and returns how many there are. */
ORK_API int ork_survey_sample(const ork_survey *survey, int count, int *chosen);

#ifdef __cplusplus
}
#endif
#endif
