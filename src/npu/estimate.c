/* SPDX-License-Identifier: Apache-2.0 */
/* How long a network takes on a chip: a model of the chip, not a measurement.

   A layer costs a launch, its multiplications at the rate that their kind reaches, the elements
   that units for functions and pooling pass one by one, and the bytes that go over the bus. The
   rates of estimate.def are fitted to times that others have published (bench/fit_chips.py). */
#include "npu.h"

#include <string.h>

typedef struct chip_rates {
    double multiply[ORK_UNIT_COUNT]; /* cycles of the NPU for a thousand multiplications */
    double element[ORK_UNIT_COUNT];  /* cycles of the NPU for a thousand elements written */
    double bus;                      /* cycles of the memory for a thousand bytes */
    double launch;                   /* cycles of the NPU for a layer */
    double narrow16, narrow_float;   /* how much longer a multiplication of that type takes */
} chip_rates;

static const chip_rates rates[] = {
#define ORK_CHIP_RATES(family, BUS, LAUNCH, NARROW16, NARROW_FLOAT, ...)                           \
    [ORK_FAMILY_##family] = {.bus = BUS,                                                           \
                             .launch = LAUNCH,                                                     \
                             .narrow16 = NARROW16,                                                 \
                             .narrow_float = NARROW_FLOAT,                                         \
                             __VA_ARGS__},
#define MULTIPLY(unit, cycles) .multiply[ORK_UNIT_##unit] = cycles
#define ELEMENT(unit, cycles)  .element[ORK_UNIT_##unit] = cycles
#include "estimate.def"
#undef ORK_CHIP_RATES
#undef MULTIPLY
#undef ELEMENT
};

const char *const ork_npu_unit_names[ORK_UNIT_COUNT] = {"window",   "point", "depthwise", "full",
                                                        "function", "pool",  "move",      "free"};

const char *const ork_npu_reason_names[ORK_REASON_COUNT] = {"", "launch", "multiply", "element",
                                                            "bus"};

/* ---- what computes a layer ---- */

static bool is_depthwise(const ork_node *node)
{
    int64_t groups = node->attrs.conv2d.groups;
    return node->op == ORK_OP_CONV2D && groups > 1 && groups == node->inputs[0]->type.shape.dim[1];
}

static ork_npu_unit unit_of_conv(const ork_node *node)
{
    const ork_shape *weight = &node->inputs[1]->type.shape;
    if (weight->rank != 4)
        return ORK_UNIT_FULL;
    if (is_depthwise(node))
        return ORK_UNIT_DEPTHWISE;
    return weight->dim[2] == 1 && weight->dim[3] == 1 ? ORK_UNIT_POINT : ORK_UNIT_WINDOW;
}

/* ReLU and its kin are done by what writes their input. */
static bool is_joined(const ork_node *node)
{
    const ork_node *before = node->inputs[0]->producer;
    bool clamps = node->op == ORK_OP_RELU || node->op == ORK_OP_CLIP;
    return clamps && before && node->inputs[0]->uses.count == 1 &&
           (ork_op_table[before->op].op_class == ORK_CLASS_CONV || before->op == ORK_OP_ADD);
}

static ork_npu_unit unit_of(const ork_node *node)
{
    switch (ork_op_table[node->op].op_class) {
    case ORK_CLASS_CONV:
        return unit_of_conv(node);
    case ORK_CLASS_POOL:
    case ORK_CLASS_REDUCE:
        return ORK_UNIT_POOL;
    case ORK_CLASS_UNARY:
        return is_joined(node) ? ORK_UNIT_FREE : ORK_UNIT_FUNCTION;
    default:
        break;
    }
    bool is_free = node->op == ORK_OP_RESHAPE || node->op == ORK_OP_CONCAT;
    bool is_product = node->op == ORK_OP_MATMUL;
    bool is_function = node->op == ORK_OP_SOFTMAX || node->op == ORK_OP_LAYER_NORM;
    return is_free       ? ORK_UNIT_FREE
           : is_product  ? ORK_UNIT_FULL
           : is_function ? ORK_UNIT_FUNCTION
                         : ORK_UNIT_MOVE;
}

/* ---- what it costs ---- */

/* Of the type in which the network will run: graphs in float are taken for what they will be. */
static double element_size(const ork_value *value, ork_dtype assumed)
{
    ork_dtype dtype = value->type.dtype == ORK_F32 ? assumed : value->type.dtype;
    return dtype == ORK_F32 ? 2.0 : (double)ork_dtype_table[dtype].size;
}

double ork_npu_value_bytes(const ork_value *value, ork_dtype assumed)
{
    return (double)ork_shape_count(&value->type.shape) * element_size(value, assumed);
}

bool ork_npu_is_free(const ork_node *node)
{
    return unit_of(node) == ORK_UNIT_FREE;
}

static double type_factor(const chip_rates *r, ork_dtype dtype)
{
    return dtype == ORK_I16 ? r->narrow16 : dtype == ORK_F32 ? r->narrow_float : 1.0;
}

/* Seconds by reason. */
static void parts_of(const ork_soc *soc, const ork_npu_layer *layer, double parts[ORK_REASON_COUNT])
{
    const chip_rates *r = &rates[soc->family];
    const double cycle = 1 / (soc->npu_mhz * 1e6), bus_cycle = 1 / (soc->memory_mhz * 1e6);
    memset(parts, 0, sizeof(*parts) * ORK_REASON_COUNT);
    if (layer->unit == ORK_UNIT_FREE)
        return;
    parts[ORK_REASON_LAUNCH] = r->launch * cycle;
    parts[ORK_REASON_MULTIPLY] =
        type_factor(r, layer->dtype) * 1e-3 * layer->macs * r->multiply[layer->unit] * cycle;
    parts[ORK_REASON_ELEMENT] = 1e-3 * layer->elements * r->element[layer->unit] * cycle;
    parts[ORK_REASON_BUS] = 1e-3 * (layer->data_bytes + layer->weight_bytes) * r->bus * bus_cycle;
}

double ork_npu_layer_seconds(const ork_soc *soc, const ork_npu_layer *layer)
{
    double parts[ORK_REASON_COUNT], seconds = 0;
    parts_of(soc, layer, parts);
    for (int i = 0; i < ORK_REASON_COUNT; i++)
        seconds += parts[i];
    return seconds;
}

static ork_npu_reason reason_of(const ork_soc *soc, const ork_npu_layer *layer)
{
    double parts[ORK_REASON_COUNT];
    ork_npu_reason most = ORK_REASON_NOTHING;
    parts_of(soc, layer, parts);
    for (int i = 0; i < ORK_REASON_COUNT; i++)
        if (parts[i] > parts[most])
            most = (ork_npu_reason)i;
    return most;
}

static ork_npu_layer describe(const ork_node *node, ork_dtype assumed)
{
    ork_dtype dtype = node->output->type.dtype;
    ork_npu_layer layer = {.node = node,
                           .unit = unit_of(node),
                           .dtype = dtype == ORK_F32 ? assumed : dtype,
                           .macs = (double)ork_node_macs(node),
                           .elements = (double)ork_shape_count(&node->output->type.shape),
                           .data_bytes = ork_npu_value_bytes(node->output, assumed)};
    for (int i = 0; i < node->input_count; i++) {
        const ork_value *in = node->inputs[i];
        if (in && in->kind == ORK_VALUE_CONSTANT)
            layer.weight_bytes += ork_npu_value_bytes(in, assumed);
        else if (in)
            layer.data_bytes += ork_npu_value_bytes(in, assumed);
    }
    return layer;
}

ork_npu_estimate *ork_npu_estimate_run(ork_arena *arena, const ork_graph *graph, const ork_soc *soc,
                                       ork_dtype assumed)
{
    ork_npu_estimate *estimate = ORK_NEW(arena, ork_npu_estimate);
    estimate->soc = soc;
    for (const ork_node *node = graph->first; node; node = node->next) {
        ork_npu_layer layer = describe(node, assumed);
        layer.seconds = ork_npu_layer_seconds(soc, &layer);
        layer.reason = reason_of(soc, &layer);
        estimate->seconds += layer.seconds;
        ork_vec_push(arena, &estimate->layers, layer);
    }
    return estimate;
}
