/* SPDX-License-Identifier: Apache-2.0 */
/* Equalization across layers (M. Nagel et al., "Data-Free Quantization Through Weight Equalization
   and Bias Correction", 2019). Where only convolutions read what a convolution gives, and what
   stands between lets a factor through, f(s x) = s f(x), channel c may be s times as large: the
   convolution's weights and bias of c are multiplied by s, the readers' weights for c divided. The
   factors make the ranges of both equal. They are powers of two, so that the float network's
   answers stay the same to the last bit. */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { SWEEPS = 10, DEEPEST = 8, MOST_SHIFT = 24 };

/* A convolution, what it gives up to the convolutions that read it, and those. */
typedef struct joint {
    ork_node *conv;
    ORK_VEC(ork_value *) values;
    ORK_VEC(ork_node *) readers;
    int *shifts; /* by channel: it is multiplied by 2^shift */
} joint;

/* Weights and bias in memory that may be written; NULL where a node takes no part. */
typedef struct writable {
    float *weight, *bias;
} writable;

typedef struct equalizer {
    ork_diag *diag;
    ork_graph *graph;
    ork_arena *arena;
    writable *of; /* by value id of the node's output */
    ORK_VEC(joint) joints;
} equalizer;

static bool is_constant(const ork_node *node, int port)
{
    return node->input_count <= port || !node->inputs[port] ||
           node->inputs[port]->kind == ORK_VALUE_CONSTANT;
}

static bool takes_factors(const ork_node *node)
{
    return node->op == ORK_OP_CONV2D && is_constant(node, 1) && is_constant(node, 2) &&
           node->output->type.dtype == ORK_F32;
}

/* Functions and poolings of which channels stay channels and factors stay factors. Not SiLU and
   other curves, nor clips (ReLU6): their bends lie at fixed numbers. */
static bool lets_through(const ork_node *node, int port)
{
    static const ork_op ops[] = {ORK_OP_RELU,       ORK_OP_LEAKY_RELU, ORK_OP_PRELU,
                                 ORK_OP_MAX_POOL2D, ORK_OP_AVG_POOL2D, ORK_OP_ADAPTIVE_AVG_POOL2D,
                                 ORK_OP_RESIZE};
    for (size_t i = 0; i < ORK_COUNT(ops); i++)
        if (node->op == ops[i])
            return port == 0 && is_constant(node, 1);
    return false;
}

/* Everything that reads the value ends in convolutions. */
static bool follow(const equalizer *e, ork_value *value, joint *j, int depth)
{
    if (ork_value_is_output(value) || value->uses.count == 0 || depth > DEEPEST)
        return false;
    ork_vec_push(e->arena, &j->values, value);
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_use use = value->uses.items[i];
        if (use.port == 0 && takes_factors(use.node))
            ork_vec_push(e->arena, &j->readers, use.node);
        else if (!lets_through(use.node, use.port) || !follow(e, use.node->output, j, depth + 1))
            return false;
    }
    return true;
}

/* ---- weights ---- */

static float *own_copy(const equalizer *e, ork_node *node, int port)
{
    const ork_value *value = node->inputs[port];
    const int64_t count = ork_shape_count(&value->type.shape);
    const ork_type type = {.dtype = ORK_F32, .shape = value->type.shape};
    float *data = ork_graph_alloc(e->graph, e->diag, (size_t)count * sizeof(*data));
    if (!data)
        return NULL;
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)ork_element_get(value->type.dtype, value->data, i);
    ork_node_set_input(e->graph, node, port,
                       ork_graph_add_constant(e->graph, value->name, &type, data));
    return data;
}

static bool own_weights(const equalizer *e, ork_node *node)
{
    writable *own = &e->of[node->output->id];
    if (own->weight)
        return true;
    own->weight = own_copy(e, node, 1);
    const bool has_bias = node->input_count > 2 && node->inputs[2];
    own->bias = own->weight && has_bias ? own_copy(e, node, 2) : NULL;
    return own->weight && (!has_bias || own->bias);
}

static int64_t rows_of(const ork_node *node)
{
    return node->inputs[1]->type.shape.dim[0];
}

static int64_t row_length(const ork_node *node)
{
    const ork_shape *shape = &node->inputs[1]->type.shape;
    return ork_shape_span(shape, 1, shape->rank);
}

/* The input channel that number i of the weight multiplies. */
static int64_t input_channel(const ork_node *node, int64_t i)
{
    const ork_shape *shape = &node->inputs[1]->type.shape;
    const int64_t taps = shape->dim[2] * shape->dim[3], length = row_length(node);
    const int64_t group = i / length / (rows_of(node) / node->attrs.conv2d.groups);
    return group * shape->dim[1] + i % length / taps;
}

static void widen_inputs(const equalizer *e, const ork_node *node, float *most)
{
    const float *weight = e->of[node->output->id].weight;
    for (int64_t i = 0; i < rows_of(node) * row_length(node); i++) {
        float *of = &most[input_channel(node, i)];
        *of = fmaxf(*of, fabsf(weight[i]));
    }
}

static void widen_outputs(const equalizer *e, const ork_node *node, float *most)
{
    const float *weight = e->of[node->output->id].weight;
    for (int64_t i = 0; i < rows_of(node) * row_length(node); i++) {
        float *of = &most[i / row_length(node)];
        *of = fmaxf(*of, fabsf(weight[i]));
    }
}

static void scale_weights(const equalizer *e, const joint *j, const int *shifts)
{
    const writable *own = &e->of[j->conv->output->id];
    for (int64_t i = 0; i < rows_of(j->conv) * row_length(j->conv); i++)
        own->weight[i] = ldexpf(own->weight[i], shifts[i / row_length(j->conv)]);
    for (int64_t c = 0; own->bias && c < rows_of(j->conv); c++)
        own->bias[c] = ldexpf(own->bias[c], shifts[c]);
    for (size_t k = 0; k < j->readers.count; k++) {
        const ork_node *reader = j->readers.items[k];
        float *weight = e->of[reader->output->id].weight;
        for (int64_t i = 0; i < rows_of(reader) * row_length(reader); i++)
            weight[i] = ldexpf(weight[i], -shifts[input_channel(reader, i)]);
    }
}

/* ---- factors ---- */

/* The power of two nearest to the square root of after / before, from exponents alone, so that no
   logarithm of some C library decides. */
static int wanted_shift(float before, float after)
{
    int exponent;
    if (!(before > 0) || !(after > 0))
        return 0;
    frexp((double)after / (double)before, &exponent);
    return exponent >= 0 ? exponent / 2 : -((1 - exponent) / 2);
}

/* Whether any channel was scaled. */
static bool equalize_joint(const equalizer *e, joint *j)
{
    const size_t channels = (size_t)rows_of(j->conv);
    ork_arena *scratch = ork_arena_new();
    float *before = ORK_NEW_ARRAY(scratch, float, channels);
    float *after = ORK_NEW_ARRAY(scratch, float, channels);
    int *shifts = ORK_NEW_ARRAY(scratch, int, channels);
    bool any = false;
    widen_outputs(e, j->conv, before);
    for (size_t k = 0; k < j->readers.count; k++)
        widen_inputs(e, j->readers.items[k], after);
    for (size_t c = 0; c < channels; c++) {
        const int shift = wanted_shift(before[c], after[c]);
        if (shift == 0 || j->shifts[c] + shift > MOST_SHIFT || j->shifts[c] + shift < -MOST_SHIFT)
            continue;
        shifts[c] = shift;
        j->shifts[c] += shift;
        any = true;
    }
    if (any)
        scale_weights(e, j, shifts);
    ork_arena_free(scratch);
    return any;
}

static bool find_joints(equalizer *e)
{
    for (ork_node *node = e->graph->first; node; node = node->next) {
        joint j = {.conv = node};
        if (!takes_factors(node) || !follow(e, node->output, &j, 0))
            continue;
        j.shifts = ORK_NEW_ARRAY(e->arena, int, (size_t)rows_of(node));
        for (size_t i = 0; i < j.readers.count; i++)
            if (!own_weights(e, j.readers.items[i]))
                return false;
        if (!own_weights(e, node))
            return false;
        ork_vec_push(e->arena, &e->joints, j);
    }
    return true;
}

static bool moved(const joint *j)
{
    for (int64_t c = 0; c < rows_of(j->conv); c++)
        if (j->shifts[c])
            return true;
    return false;
}

/* Notes what the value's channels were multiplied by. */
static void note_factors(ork_graph *graph, ork_value *value, const int *shifts)
{
    const size_t count = (size_t)value->type.shape.dim[1];
    int32_t *channels = ORK_NEW_ARRAY(graph->arena, int32_t, count);
    float *factors = ORK_NEW_ARRAY(graph->arena, float, count);
    ork_origin *origin = ORK_NEW(graph->arena, ork_origin);
    for (size_t c = 0; c < count; c++) {
        channels[c] = (int32_t)c;
        factors[c] = ldexpf(1, shifts[c]);
    }
    *origin = (ork_origin){value->name, channels, (int64_t)count, factors};
    value->origin = origin;
}

bool ork_equalize(ork_diag *diag, ork_graph *graph, size_t *count)
{
    ork_arena *arena = ork_arena_new();
    equalizer e = {.diag = diag,
                   .graph = graph,
                   .arena = arena,
                   .of = ORK_NEW_ARRAY(arena, writable, graph->values.count)};
    const bool good = find_joints(&e);
    bool any = good;
    for (int sweep = 0; any && sweep < SWEEPS; sweep++) {
        any = false;
        for (size_t i = 0; i < e.joints.count; i++)
            any |= equalize_joint(&e, &e.joints.items[i]);
    }
    *count = 0;
    for (size_t i = 0; good && i < e.joints.count; i++) {
        const joint *j = &e.joints.items[i];
        *count += moved(j);
        for (size_t k = 0; moved(j) && k < j->values.count; k++)
            note_factors(graph, j->values.items[k], j->shifts);
    }
    ork_arena_free(arena);
    return good;
}
