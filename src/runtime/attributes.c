/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is, and how it ran. */
#include "internal.h"

#include "../rknn/rknn.h"

#include <stdio.h>
#include <string.h>

#define VERSION "1.7.5 (OpenRKNN " ORK_VERSION ")"

/* ---- tensors ---- */

static const struct {
    ork_dtype dtype;
    uint32_t size;
} types[RKNN_TENSOR_TYPE_MAX] = {
    [RKNN_TENSOR_FLOAT32] = {ORK_F32, 4}, [RKNN_TENSOR_FLOAT16] = {ORK_F16, 2},
    [RKNN_TENSOR_INT8] = {ORK_I8, 1},     [RKNN_TENSOR_UINT8] = {ORK_U8, 1},
    [RKNN_TENSOR_INT16] = {ORK_I16, 2},
};

uint32_t runtime_type_size(rknn_tensor_type type)
{
    return (unsigned)type < RKNN_TENSOR_TYPE_MAX ? types[type].size : 0;
}

ork_dtype runtime_dtype(rknn_tensor_type type)
{
    return types[type].dtype;
}

/* Floats are halves on the chip; what the interface has no name for is given as floats. */
static rknn_tensor_type type_of(const ork_type *type)
{
    if (type->dtype == ORK_F32)
        return RKNN_TENSOR_FLOAT16;
    for (int i = 0; i < RKNN_TENSOR_TYPE_MAX; i++)
        if (types[i].dtype == type->dtype)
            return (rknn_tensor_type)i;
    return RKNN_TENSOR_FLOAT32;
}

static void describe_quantization(const ork_quant *quant, rknn_tensor_attr *attr)
{
    if (quant->scheme == ORK_SCHEME_AFFINE) {
        attr->qnt_type = RKNN_TENSOR_QNT_AFFINE_ASYMMETRIC;
        attr->zp = (uint32_t)quant->zero_point;
        attr->scale = quant->scale;
    } else if (quant->scheme == ORK_SCHEME_DFP) {
        attr->qnt_type = RKNN_TENSOR_QNT_DFP;
        attr->fl = (int8_t)quant->fraction_length;
    }
}

void runtime_describe(const ork_value *value, rknn_tensor_attr *attr)
{
    const ork_shape *shape = &value->type.shape;
    uint32_t index = attr->index;
    memset(attr, 0, sizeof(*attr));
    attr->index = index;
    attr->n_dims = shape->rank > 0 ? (uint32_t)shape->rank : 1;
    attr->dims[0] = 1;
    for (int i = 0; i < shape->rank; i++)
        attr->dims[shape->rank - 1 - i] = (uint32_t)shape->dim[i];
    snprintf(attr->name, sizeof(attr->name), "%s", value->name);
    attr->type = type_of(&value->type);
    attr->fmt = RKNN_TENSOR_NCHW;
    attr->n_elems = (uint32_t)ork_shape_count(shape);
    attr->size = attr->n_elems * types[attr->type].size;
    attr->scale = 1.0f;
    describe_quantization(&value->type.quant, attr);
}

/* ---- queries ---- */

typedef bool (*query_fn)(runtime *r, void *info);

static bool query_counts(runtime *r, void *info)
{
    *(rknn_input_output_num *)info = (rknn_input_output_num){r->input_count, r->output_count};
    return true;
}

static bool check_index(runtime *r, const rknn_tensor_attr *attr, uint32_t count, const char *kind)
{
    return attr->index < count || ork_fail(r->diag, ORK_ERR_USAGE, "there is no %s %u of %u", kind,
                                           (unsigned)attr->index, (unsigned)count);
}

static bool query_input(runtime *r, void *info)
{
    rknn_tensor_attr *attr = info;
    if (!check_index(r, attr, r->input_count, "input"))
        return false;
    runtime_describe(r->inputs[attr->index].value, attr);
    return true;
}

static bool query_output(runtime *r, void *info)
{
    rknn_tensor_attr *attr = info;
    if (!check_index(r, attr, r->output_count, "output"))
        return false;
    runtime_describe(r->outputs[attr->index].value, attr);
    return true;
}

static bool query_details(runtime *r, void *info)
{
    if (!(r->flags & RKNN_FLAG_COLLECT_PERF_MASK)) {
        ork_fail(r->diag, ORK_ERR_USAGE, "the times of layers were not measured");
        return ork_fix(r->diag, "call rknn_init with RKNN_FLAG_COLLECT_PERF_MASK");
    }
    runtime_wait(r);
    double total = 0.0;
    r->perf.length = 0;
    ork_str_printf(&r->perf, "%5s %10s  %-24s %s\n", "step", "us", "kernel", "layer");
    for (size_t i = 0; i < ork_runner_time_count(r->runner); i++) {
        ork_step_time time = ork_runner_time(r->runner, i);
        total += time.seconds;
        ork_str_printf(&r->perf, "%5zu %10.1f  %-24s %s\n", i, time.seconds * 1e6, time.kernel,
                       time.layer);
    }
    ork_str_printf(&r->perf, "total %10.1f\n", total * 1e6);
    *(rknn_perf_detail *)info = (rknn_perf_detail){r->perf.text, r->perf.length};
    return true;
}

static bool query_time(runtime *r, void *info)
{
    runtime_wait(r);
    *(rknn_perf_run *)info = (rknn_perf_run){r->run_microseconds};
    return true;
}

static bool query_version(runtime *r, void *info)
{
    rknn_sdk_version *version = info;
    (void)r;
    snprintf(version->api_version, sizeof(version->api_version), "%s", VERSION);
    snprintf(version->drv_version, sizeof(version->drv_version), "%s", VERSION);
    return true;
}

static bool query_precompiled(runtime *r, void *info)
{
    rknn_precompile *answer = info;
    size_t size = r->precompiled_size;
    if (!(r->flags & RKNN_FLAG_PRECOMPILE_MASK)) {
        ork_fail(r->diag, ORK_ERR_CALL_ORDER, "the context was not made to pre-compile its model");
        return ork_fix(r->diag, "call rknn_init with RKNN_FLAG_PRECOMPILE_MASK");
    }
    if (!r->precompiled && !ork_rknn_write_packed(r->diag, r->graph, ork_plan_packing(r->plan),
                                                  NULL, &r->precompiled, &size))
        return false;
    if (size > UINT32_MAX)
        return ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "the model is too large for the interface");
    r->precompiled_size = size;
    *answer = (rknn_precompile){.model_data = r->precompiled, .data_len = (uint32_t)size};
    return true;
}

static const struct {
    uint32_t size;
    query_fn answer;
} queries[RKNN_QUERY_CMD_MAX] = {
    [RKNN_QUERY_IN_OUT_NUM] = {sizeof(rknn_input_output_num), query_counts},
    [RKNN_QUERY_INPUT_ATTR] = {sizeof(rknn_tensor_attr), query_input},
    [RKNN_QUERY_OUTPUT_ATTR] = {sizeof(rknn_tensor_attr), query_output},
    [RKNN_QUERY_PERF_DETAIL] = {sizeof(rknn_perf_detail), query_details},
    [RKNN_QUERY_PERF_RUN] = {sizeof(rknn_perf_run), query_time},
    [RKNN_QUERY_SDK_VERSION] = {sizeof(rknn_sdk_version), query_version},
    [RKNN_QUERY_PRE_COMPILE] = {sizeof(rknn_precompile), query_precompiled},
};

static bool answer(runtime *r, rknn_query_cmd cmd, void *info, uint32_t size)
{
    if ((unsigned)cmd >= RKNN_QUERY_CMD_MAX)
        return ork_fail(r->diag, ORK_ERR_USAGE, "there is no query %d", (int)cmd);
    if (!info)
        return ork_fail(r->diag, ORK_ERR_USAGE, "there is no structure to fill");
    if (size != queries[cmd].size)
        return ork_fail(r->diag, ORK_ERR_USAGE, "query %d fills a structure of %u bytes, not %u",
                        (int)cmd, (unsigned)queries[cmd].size, (unsigned)size);
    return queries[cmd].answer(r, info);
}

RUNTIME_API int rknn_query(rknn_context context, rknn_query_cmd cmd, void *info, uint32_t size)
{
    runtime *r = runtime_enter(context, "rknn_query");
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    answer(r, cmd, info, size);
    return runtime_leave(r, "rknn_query");
}
