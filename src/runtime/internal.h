/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind an rknn_context; private to this folder. */
#ifndef ORK_RUNTIME_INTERNAL_H
#define ORK_RUNTIME_INTERNAL_H

#include <rknn_api.h>

#include "../base/base.h"
#include "../graph/graph.h"
#include "../plan/plan.h"

#include <pthread.h>

/* The vendor's runtimes export their calls, as ours must. */
#define RUNTIME_API __attribute__((visibility("default")))

typedef struct runtime_input {
    const ork_value *value;
    ork_feed feed;   /* what the next run stores; its data NULL while nothing is set */
    void *staged;    /* a copy of what was set, or the memory that was mapped */
    size_t capacity; /* of staged */
    bool is_mapped;
} runtime_input;

typedef struct runtime_output {
    const ork_value *value;
    /* With RKNN_FLAG_ASYNC_MASK, the results of the frame before; else NULL. */
    void *kept_raw;
    float *kept_real;
    void *mapped;
    rknn_tensor_mem *memory; /* that every run fills, or NULL */
    rknn_tensor_type memory_type;
    rknn_tensor_format memory_format;
} runtime_output;

typedef struct runtime runtime;

/* The thread that runs frames for RKNN_FLAG_ASYNC_MASK. */
typedef struct runtime_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_there, has_work, stop;
    runtime *runtime;
} runtime_worker;

struct runtime {
    rknn_context id;
    runtime *next;
    int users; /* calls at work; counted under the lock of the list */
    pthread_mutex_t lock;

    ork_diag *diag;
    uint32_t flags;
    uint8_t *model;
    ork_graph *graph;
    ork_plan *plan;
    ork_pool *pool;
    ork_runner *runner;

    uint32_t input_count, output_count;
    runtime_input *inputs;
    runtime_output *outputs;

    runtime_worker worker;
    uint64_t frames; /* started so far */
    uint64_t frame_id, frame_id_before;
    int64_t run_microseconds;
    ork_str perf;         /* of RKNN_QUERY_PERF_DETAIL */
    uint8_t *precompiled; /* of RKNN_QUERY_PRE_COMPILE, or NULL */
    size_t precompiled_size;
};

/* ---- context.c --------------------------------------------------------------------------- */

/* Finds and locks the context; NULL when there is none. */
runtime *runtime_find(rknn_context id);
/* The same, with a line on standard error. */
runtime *runtime_enter(rknn_context id, const char *call);
/* Unlocks it. Says on standard error what has failed since runtime_enter, and returns the code. */
int runtime_leave(runtime *r, const char *call);
void runtime_say(const char *call, const char *text);
/* The code that stands for an error of ours. */
int runtime_code(const ork_diag *diag);

/* ---- attributes.c ------------------------------------------------------------------------ */

/* Describes a value as the interface does; the attribute's index stays. */
void runtime_describe(const ork_value *value, rknn_tensor_attr *attr);
uint32_t runtime_type_size(rknn_tensor_type type); /* 0 when there is no such type */
ork_dtype runtime_dtype(rknn_tensor_type type);

/* ---- outputs.c --------------------------------------------------------------------------- */

/* Copies the runner's results, which the next run overwrites. */
bool runtime_keep_outputs(runtime *r);
/* Fills the memory that rknn_set_io_mem has given to outputs. */
void runtime_fill_memory(runtime *r);

/* ---- run.c ------------------------------------------------------------------------------- */

bool runtime_start_worker(runtime *r);
void runtime_stop_worker(runtime *r);
/* Until no frame is being computed. */
void runtime_wait(runtime *r);

#endif
