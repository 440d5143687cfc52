/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <math.h>

/* As the chips fuse them: bounds in the quantized domain. */
static void clamp_table(const ork_node *node, const ork_quant *quant, bool is_signed,
                        uint8_t table[256])
{
    bool is_clip = node->op == ORK_OP_CLIP;
    int32_t low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
    double scale = (double)ork_quant_step(quant);
    double lower = (is_clip ? rint(node->attrs.clip.low / scale) : 0.0) + quant->zero_point;
    double upper = is_clip ? rint(node->attrs.clip.high / scale) + quant->zero_point : high;
    for (int i = 0; i < 256; i++) {
        double q = is_signed ? (double)(int8_t)i : (double)i;
        q = fmin(fmax(q, lower), upper);
        q = fmin(fmax(q, low), high);
        table[i] = (uint8_t)(int32_t)q;
    }
}

void function_table(const ork_node *node, uint8_t table[256])
{
    const ork_type *in = &node->inputs[0]->type, *out = &node->output->type;
    const ork_node *before = node->inputs[0]->producer;
    bool clamps = node->op == ORK_OP_RELU || node->op == ORK_OP_CLIP;
    ork_activation activation = {.op = ORK_UNARY_IDENTITY};
    if (clamps && before && ork_op_table[before->op].op_class == ORK_CLASS_CONV &&
        in->dtype == out->dtype && ork_quant_equal(&in->quant, &out->quant, 0)) {
        clamp_table(node, &in->quant, in->dtype == ORK_I8, table);
        return;
    }
    ork_node_function(node, &activation);
    ork_unary_make_table8(&activation, in->dtype, &in->quant, &out->quant, table);
}

bool add_way_home(const planner *p, const ork_value *value, uint8_t table[256])
{
    const ork_value *home = p->homes[value->id];
    const ork_activation copy = {.op = ORK_UNARY_IDENTITY};
    uint8_t way[256];
    if (!home || same_quant(value, home))
        return false;
    ork_unary_make_table8(&copy, value->type.dtype, &value->type.quant, &home->type.quant, way);
    ork_table8_then(table, way);
    return true;
}

const ork_node *fusable_function(planner *p, const ork_node *node)
{
    const ork_node *user = ork_value_single_user(node->output);
    ork_activation activation;
    const ork_plan_options *options = &p->plan->options;
    if ((options->observable && !options->fused) || !user || !ork_node_function(user, &activation))
        return NULL;
    ork_dtype dtype = node->output->type.dtype;
    if (user->output->type.dtype != dtype || dtype == ORK_I16)
        return NULL;
    return user;
}

rows rows_of(const slot *out, const slot *in)
{
    const ork_shape *shape = &out->value->type.shape;
    rows r;
    if (out->layout == LAYOUT_PIXELS) {
        r.count = shape->dim[0] * shape->dim[2] * shape->dim[3];
        r.length = shape->dim[1];
        r.stride[0] = out->pixel_stride;
        r.stride[1] = in->pixel_stride;
        if (slot_is_dense(out) && slot_is_dense(in)) { /* whole lines of pixels */
            r.count = shape->dim[0] * shape->dim[2];
            r.length = r.stride[0] = r.stride[1] = shape->dim[1] * shape->dim[3];
        }
        return r;
    }
    r.length = shape->rank ? shape->dim[shape->rank - 1] : 1;
    r.count = r.length ? ork_shape_count(shape) / r.length : 0;
    r.stride[0] = r.stride[1] = r.length;
    return r;
}
