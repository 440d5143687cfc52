/* SPDX-License-Identifier: Apache-2.0 */
/* From a graph to something that runs: layouts, fusion, kernels, packed weights and one arena for
   all intermediate tensors are decided once, in a plan; a session runs it as often as wanted
   without allocating.

   A plan is immutable and may be shared by sessions in several threads. */
#ifndef ORK_PLAN_H
#define ORK_PLAN_H

#include "../base/base.h"
#include "../graph/graph.h"
#include "../kernels/kernels.h"
#include "../tensor/tensor.h"

typedef struct ork_plan_options {
    ork_family family; /* whose integer arithmetic */
    /* Every value of the graph can be read by an observer after the step that computes it: nothing
       is fused and nothing computed in place of another value. For calibration and analysis. */
    bool observable;
    /* Of an observable plan: functions are fused all the same, as where nobody looks; what they are
       fused into has no value of its own then. */
    bool fused;
    ork_pool *pool; /* packs the weights while the plan is made; may be NULL */
} ork_plan_options;

typedef struct ork_plan ork_plan;

/* The graph must be verified, and live longer than the plan. NULL, with the error set, when an
   operator cannot run yet. */
ork_plan *ork_plan_new(ork_diag *diag, const ork_graph *graph, const ork_plan_options *options);
void ork_plan_free(ork_plan *plan);
const ork_graph *ork_plan_graph(const ork_plan *plan);
size_t ork_plan_arena_bytes(const ork_plan *plan);  /* all intermediate tensors, planned */
size_t ork_plan_weight_bytes(const ork_plan *plan); /* packed weights */
/* Lower bound of the arena: the most bytes alive at one step. */
size_t ork_plan_live_bytes(const ork_plan *plan);
/* The packed weights, to be written (rknn.h); the texts and parts live as long as the plan. */
const ork_packing *ork_plan_packing(const ork_plan *plan);
size_t ork_plan_step_count(const ork_plan *plan);
const char *ork_plan_step_layer(const ork_plan *plan, size_t index);
/* What a plan keeps besides packed weights: sizes, places, tables of functions. */
size_t ork_plan_parameter_bytes(const ork_plan *plan);
size_t ork_plan_scratch_bytes(const ork_plan *plan); /* for each thread of a runner */

/* A piece of the arena. It lives from the step that first writes it to the last that reads it; -1
   is the storing of inputs, and ork_plan_step_count the end, for outputs. */
typedef struct ork_plan_buffer {
    const ork_value *value; /* which lies there, or is nearest to what does */
    size_t bytes, offset;
    int first, last;
} ork_plan_buffer;
size_t ork_plan_buffer_count(const ork_plan *plan);
ork_plan_buffer ork_plan_buffer_at(const ork_plan *plan, size_t index);
/* Marks, by their ids, the computed values that an observer gets to see. */
void ork_plan_mark_observed(const ork_plan *plan, bool *observed);
/* One line a step: what runs, on which kernel, where its output lies. */
void ork_plan_print(const ork_plan *plan, ork_str *out);

/* ---- running --------------------------------------------------------------------------- */

typedef struct ork_runner ork_runner;

/* The memory to run a plan. pool may be NULL and may be shared by runners used one at a time. */
ork_runner *ork_runner_new(ork_diag *diag, const ork_plan *plan, ork_pool *pool);
void ork_runner_free(ork_runner *runner);
size_t ork_runner_output_bytes(const ork_runner *runner); /* outputs as real numbers */

/* What the user gives for one input of the graph. */
typedef struct ork_feed {
    const void *data; /* row-major elements of `shape` */
    ork_dtype dtype;  /* U8, I8, I16, F16, F32, F64 */
    ork_shape shape;
    bool is_nhwc;      /* of 4-axis shapes: shape is N H W C, else N C H W as the graph */
    bool pass_through; /* neither channel order nor mean and std; for a quantized input of the
                          same type the elements are taken as they are */
} ork_feed;

/* Checks a feed against the graph's input: ORK_ERR_INPUT_SHAPE or ORK_ERR_INPUT_TYPE. */
bool ork_feed_check(const ork_graph *graph, ork_diag *diag, size_t input, const ork_feed *feed);
/* The same for the graph that runs. */
bool ork_runner_check_feed(const ork_runner *runner, ork_diag *diag, size_t input,
                           const ork_feed *feed);
/* Applies preprocessing and quantization and stores the input. The feed must be checked. */
void ork_runner_set_input(ork_runner *runner, size_t input, const ork_feed *feed);
void ork_runner_run(ork_runner *runner);

/* Output `index` of the graph in row-major order of its shape: as it is, and as real numbers.
   Valid until the next run. */
const void *ork_runner_output_raw(const ork_runner *runner, size_t index);
const float *ork_runner_output(const ork_runner *runner, size_t index);
/* What ork_runner_output makes of ork_runner_output_raw, for elements that come from elsewhere. */
void ork_value_to_floats(const ork_value *value, const void *elements, float *floats);

/* A value as real numbers: without gaps, in the graph's order of axes, or, of a picture whose
   channels lie together, as N H W C. */
typedef struct ork_observation {
    const ork_value *value;
    const float *data;
    int64_t count;
    bool is_nhwc;
} ork_observation;

/* Copies `count` numbers, in the graph's order of axes. */
void ork_observation_copy(const ork_observation *seen, float *numbers);

/* Called after each step of an observable plan, and for each input after it is stored. The
   observation is valid during the call. Calls come from the thread that called ork_runner_run, in
   execution order. */
typedef void (*ork_observe_fn)(void *user, const ork_observation *seen);
void ork_runner_observe(ork_runner *runner, ork_observe_fn observe, void *user);
/* While the observer is called: gives the observed value, which must be float, other numbers, in
   the layout in which it was observed. What comes behind it is computed from them. */
void ork_runner_overwrite(ork_runner *runner, const float *data);

/* Seconds spent in each step of the last run are kept when profiling is on: with one thread those
   that it had a processor, so that a busy machine does not distort them. The first row is the
   storing of inputs, the last the conversion of outputs to real numbers; their layer is "". */
void ork_runner_profile(ork_runner *runner, bool on);
typedef struct ork_step_time {
    const char *layer, *kernel;
    ork_dtype dtype; /* of what it computes */
    double macs; /* multiplications with a sum, as the network's maths has them; 0: not counted */
    double seconds;
} ork_step_time;
size_t ork_runner_time_count(const ork_runner *runner);
ork_step_time ork_runner_time(const ork_runner *runner, size_t index);

#endif
