/* SPDX-License-Identifier: Apache-2.0 */
/* The C interface of the first generation of Rockchip's NPUs (RK1806, RK1808, RV1109, RV1126, and
   the additions for RK3399Pro), as OpenRKNN implements it. Names, numbers and layouts are those of
   the vendor's runtime, so that programs written for it build and run unchanged; the text is ours.

   A program loads a model with rknn_init, asks what it takes and gives with rknn_query, and then
   repeats rknn_inputs_set, rknn_run, rknn_outputs_get, rknn_outputs_release.

   Every call returns RKNN_SUCC or one of the negative codes, and then writes a line to standard
   error that says what was wrong. Calls on one context may come from several threads, one waits for
   the other; contexts do not disturb each other. The environment variable ORK_THREADS says how many
   threads each context computes with; without it, one for each processor. */
#ifndef RKNN_API_H
#define RKNN_API_H
/* The guards of the vendor's two headers: nobody may include both one of them and this one. */
#define _RKNN_RUNTIME_H
#define _RKNN_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- flags of rknn_init, combined by | ---------------------------------------------------- */

/* How important the context is. The computer's own scheduler decides here: without effect. */
#define RKNN_FLAG_PRIOR_HIGH   0x00000000
#define RKNN_FLAG_PRIOR_MEDIUM 0x00000001
#define RKNN_FLAG_PRIOR_LOW    0x00000002
/* rknn_run returns at once and rknn_outputs_get gives the results of the frame before, so that a
   program with one thread prepares the next frame meanwhile. The first frame's are waited for. */
#define RKNN_FLAG_ASYNC_MASK 0x00000004
/* Measures every layer, for RKNN_QUERY_PERF_DETAIL. */
#define RKNN_FLAG_COLLECT_PERF_MASK 0x00000008
/* RK3399Pro: keeps the model in the NPU. Without effect. */
#define RKNN_FLAG_LOAD_MODEL_IN_NPU 0x00000010
/* For RKNN_QUERY_PRE_COMPILE. */
#define RKNN_FLAG_PRECOMPILE_MASK 0x00000020
/* Ours: the model's memory, a mapped file say, stays as it is until rknn_destroy, so that it is not
   copied. */
#define RKNN_FLAG_MODEL_STAYS_MASK 0x10000000

/* ---- results of calls --------------------------------------------------------------------- */

#define RKNN_SUCC                                       0
#define RKNN_ERR_FAIL                                   -1
#define RKNN_ERR_TIMEOUT                                -2
#define RKNN_ERR_DEVICE_UNAVAILABLE                     -3
#define RKNN_ERR_MALLOC_FAIL                            -4
#define RKNN_ERR_PARAM_INVALID                          -5
#define RKNN_ERR_MODEL_INVALID                          -6
#define RKNN_ERR_CTX_INVALID                            -7
#define RKNN_ERR_INPUT_INVALID                          -8
#define RKNN_ERR_OUTPUT_INVALID                         -9
#define RKNN_ERR_DEVICE_UNMATCH                         -10
#define RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL          -11 /* spelled so by the vendor */
#define RKNN_ERR_INCOMPATILE_OPTIMIZATION_LEVEL_VERSION -12
#define RKNN_ERR_TARGET_PLATFORM_UNMATCH                -13
#define RKNN_ERR_NON_PRE_COMPILED_MODEL_ON_MINI_DRIVER  -14

/* ---- types -------------------------------------------------------------------------------- */

#define RKNN_MAX_DIMS     16
#define RKNN_MAX_NAME_LEN 256
#define RKNN_MAX_DEVS     256
#define RKNN_MAX_DEV_LEN  64

#ifdef __arm__
typedef uint32_t rknn_context;
#else
typedef uint64_t rknn_context;
#endif

typedef enum _rknn_query_cmd {
    RKNN_QUERY_IN_OUT_NUM = 0,  /* rknn_input_output_num */
    RKNN_QUERY_INPUT_ATTR = 1,  /* rknn_tensor_attr; its index must be set */
    RKNN_QUERY_OUTPUT_ATTR = 2, /* the same */
    RKNN_QUERY_PERF_DETAIL = 3, /* rknn_perf_detail; needs RKNN_FLAG_COLLECT_PERF_MASK */
    RKNN_QUERY_PERF_RUN = 4,    /* rknn_perf_run */
    RKNN_QUERY_SDK_VERSION = 5, /* rknn_sdk_version */
    RKNN_QUERY_PRE_COMPILE = 6, /* rknn_precompile */
    RKNN_QUERY_CMD_MAX
} rknn_query_cmd;

typedef enum _rknn_tensor_type {
    RKNN_TENSOR_FLOAT32 = 0,
    RKNN_TENSOR_FLOAT16 = 1,
    RKNN_TENSOR_INT8 = 2,
    RKNN_TENSOR_UINT8 = 3,
    RKNN_TENSOR_INT16 = 4,
    RKNN_TENSOR_TYPE_MAX
} rknn_tensor_type;

/* What integers stand for: real = integer * 2^-fl, or real = scale * (integer - zp). */
typedef enum _rknn_tensor_qnt_type {
    RKNN_TENSOR_QNT_NONE = 0,
    RKNN_TENSOR_QNT_DFP = 1,
    RKNN_TENSOR_QNT_AFFINE_ASYMMETRIC = 2,
    RKNN_TENSOR_QNT_MAX
} rknn_tensor_qnt_type;

typedef enum _rknn_tensor_format {
    RKNN_TENSOR_NCHW = 0,
    RKNN_TENSOR_NHWC = 1,
    RKNN_TENSOR_FORMAT_MAX
} rknn_tensor_format;

typedef struct _rknn_input_output_num {
    uint32_t n_input;
    uint32_t n_output;
} rknn_input_output_num;

/* What a tensor is in the model. Float tensors say FLOAT16, as on the chip. */
typedef struct _rknn_tensor_attr {
    uint32_t index; /* set by the caller */
    uint32_t n_dims;
    uint32_t dims[RKNN_MAX_DIMS]; /* the last axis first: W H C N of NCHW */
    char name[RKNN_MAX_NAME_LEN];
    uint32_t n_elems;
    uint32_t size; /* bytes */
    rknn_tensor_format fmt;
    rknn_tensor_type type;
    rknn_tensor_qnt_type qnt_type;
    int8_t fl;
    uint32_t zp;
    float scale;
} rknn_tensor_attr;

/* A table of layers with their times, as text that lives until the next query or rknn_destroy. */
typedef struct _rknn_perf_detail {
    char *perf_data;
    uint64_t data_len;
} rknn_perf_detail;

typedef struct _rknn_perf_run {
    int64_t run_duration; /* of the last run, in microseconds */
} rknn_perf_run;

typedef struct _rknn_sdk_version {
    char api_version[256];
    char drv_version[256];
} rknn_sdk_version;

typedef struct _rknn_precompile {
    void *model_data;
    uint32_t data_len;
} rknn_precompile;

typedef enum _rknn_tensor_mem_flags {
    RKNN_TENSOR_MEMORY_FLAGS_UNKNOWN = 0,
    RKNN_TENSOR_MEMORY_FLAGS_ALLOC_INSIDE = 1, /* rknn_destroy_mem frees the structure too */
} rknn_tensor_mem_flags;

typedef struct _rknn_tensor_memory {
    void *logical_addr;
    uint64_t physical_addr; /* 0: not known to a program */
    int32_t fd;             /* of memory that can be mapped elsewhere, or -1 */
    uint32_t size;
    uint32_t handle;
    void *priv_data;
    uint64_t reserved_flag; /* rknn_tensor_mem_flags */
} rknn_tensor_mem;

typedef struct _rknn_input {
    uint32_t index;
    void *buf;
    uint32_t size;        /* bytes in buf: as type and the number of elements say */
    uint8_t pass_through; /* the elements are the tensor's own, of its type and in its format */
    rknn_tensor_type type;
    rknn_tensor_format fmt; /* of pictures */
} rknn_input;

typedef struct _rknn_output {
    uint8_t want_float;  /* 32-bit floats instead of the tensor's own type */
    uint8_t is_prealloc; /* buf, size and index are the caller's */
    uint32_t index;
    void *buf;
    uint32_t size;
} rknn_output;

typedef struct _rknn_run_extend {
    uint64_t frame_id;
} rknn_run_extend;

typedef struct _rknn_output_extend {
    uint64_t frame_id; /* set: that of the run whose results these are */
} rknn_output_extend;

typedef struct _rknn_init_extend {
    char *device_id;
} rknn_init_extend;

typedef struct _rknn_devices_id {
    uint32_t n_devices;
    char types[RKNN_MAX_DEVS][RKNN_MAX_DEV_LEN];
    char ids[RKNN_MAX_DEVS][RKNN_MAX_DEV_LEN];
} rknn_devices_id;

/* ---- calls -------------------------------------------------------------------------------- */

/* Loads a model from memory, which may be freed afterwards. */
int rknn_init(rknn_context *context, void *model, uint32_t size, uint32_t flag);
/* The same on one of several devices. There is one: extend may be NULL or name none. */
int rknn_init2(rknn_context *context, void *model, uint32_t size, uint32_t flag,
               rknn_init_extend *extend);
int rknn_destroy(rknn_context context);
/* What this computer has: itself. */
int rknn_find_devices(rknn_devices_id *devices);

/* size must be that of the structure which the command fills. */
int rknn_query(rknn_context context, rknn_query_cmd cmd, void *info, uint32_t size);

/* Copies inputs, which stay for further runs. */
int rknn_inputs_set(rknn_context context, uint32_t n_inputs, rknn_input inputs[]);
int rknn_run(rknn_context context, rknn_run_extend *extend);

/* Fills outputs[]. Without is_prealloc the i-th is output i of the model, in memory that
   rknn_outputs_release frees. extend may be NULL. */
int rknn_outputs_get(rknn_context context, uint32_t n_outputs, rknn_output outputs[],
                     rknn_output_extend *extend);
int rknn_outputs_release(rknn_context context, uint32_t n_outputs, rknn_output outputs[]);

/* The first n_inputs inputs as memory of the context: elements of each tensor's own type, in its
   format, taken over by rknn_inputs_sync. The vendor advises against these in 1.7.5. */
int rknn_inputs_map(rknn_context context, uint32_t n_inputs, rknn_tensor_mem mem[]);
int rknn_inputs_sync(rknn_context context, uint32_t n_inputs, rknn_tensor_mem mem[]);
int rknn_inputs_unmap(rknn_context context, uint32_t n_inputs, rknn_tensor_mem mem[]);
/* The same for outputs; rknn_outputs_sync fills the memory with the last results. */
int rknn_outputs_map(rknn_context context, uint32_t n_outputs, rknn_tensor_mem mem[]);
int rknn_outputs_sync(rknn_context context, uint32_t n_outputs, rknn_tensor_mem mem[]);
int rknn_outputs_unmap(rknn_context context, uint32_t n_outputs, rknn_tensor_mem mem[]);

/* Zeroed memory for rknn_set_io_mem; NULL when there is none. */
rknn_tensor_mem *rknn_create_mem(rknn_context context, uint64_t size);
int rknn_destroy_mem(rknn_context context, rknn_tensor_mem *mem);
/* Lets runs read the input, or write the output, that attr names directly from, or to, the memory.
   Bytes of type UINT8 are a picture and treated as rknn_inputs_set does; other types must be the
   tensor's own for inputs, and may be FLOAT32 for outputs. attr says type and format. */
int rknn_set_io_mem(rknn_context context, rknn_tensor_mem *mem, rknn_tensor_attr *attr);

#ifdef __cplusplus
}
#endif
#endif
