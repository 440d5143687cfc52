/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions, linear layers and pooling, with the function that follows computed in the same
   step. */
#include "internal.h"

#include <assert.h>
#include <string.h>

typedef struct conv_params {
    ork_conv conv;
    const ork_conv_kernel *kernel;
    int64_t together; /* rows of a unit */
    const void *packed;
    uint8_t table[256];
} conv_params;

static void run_units(const conv_params *p, const void *packed, const call *c, int64_t begin,
                      int64_t end)
{
    const int64_t all = p->conv.shape.batch * p->conv.shape.out_h, last = end * p->together;
    p->kernel->run(&p->conv, packed, c->in[0], c->out, begin * p->together, last < all ? last : all,
                   c->scratch);
}

static void run_convolution(const void *params, const call *c, int64_t begin, int64_t end)
{
    run_units(params, ((const conv_params *)params)->packed, c, begin, end);
}

static ork_conv_shape shape_of(const ork_node *node, const slot *in, const slot *out)
{
    const int64_t *x = node->inputs[0]->type.shape.dim, *y = node->output->type.shape.dim;
    const int64_t *w = node->inputs[1]->type.shape.dim;
    if (node->op == ORK_OP_LINEAR)
        return ork_conv_shape_fully_connected(ork_shape_count(&node->output->type.shape) / w[0],
                                              w[1], w[0]);
    return (ork_conv_shape){PICTURE_SIZES(node, in, out),
                            .in_c = x[1],
                            .out_c = y[1],
                            .kernel_h = w[2],
                            .kernel_w = w[3],
                            .stride_h = node->attrs.conv2d.stride.v[0],
                            .stride_w = node->attrs.conv2d.stride.v[1],
                            .dilation_h = node->attrs.conv2d.dilation.v[0],
                            .dilation_w = node->attrs.conv2d.dilation.v[1],
                            .pad_top = node->attrs.conv2d.pad.v[0],
                            .pad_left = node->attrs.conv2d.pad.v[1],
                            .groups = node->attrs.conv2d.groups};
}

static int32_t fraction_of(const ork_value *value)
{
    return value->type.quant.fraction_length;
}

static void set_per_channel(planner *p, const ork_node *node, ork_requant *requant, float in_scale,
                            float out_scale)
{
    const ork_type *w = &node->inputs[1]->type;
    int64_t channels = w->shape.dim[w->quant.axis];
    float *multipliers = ORK_NEW_ARRAY(p->plan->arena, float, (size_t)channels);
    for (int64_t c = 0; c < channels; c++)
        multipliers[c] = ork_multiplier(in_scale, w->quant.scales[c], out_scale);
    requant->multipliers = multipliers;
    requant->weight_zeros = w->quant.zero_points;
}

static bool set_requant(planner *p, const ork_node *node, ork_requant *requant)
{
    const ork_type *x = &node->inputs[0]->type, *w = &node->inputs[1]->type;
    const ork_type *y = &node->output->type;
    requant->clamp_min = (int32_t)ork_dtype_table[y->dtype].min;
    requant->clamp_max = (int32_t)ork_dtype_table[y->dtype].max;
    if (x->quant.scheme == ORK_SCHEME_DFP) {
        requant->rule = ORK_RULE_DFP;
        requant->shift =
            fraction_of(node->inputs[0]) + fraction_of(node->inputs[1]) - fraction_of(node->output);
        return w->quant.scheme == ORK_SCHEME_DFP && y->quant.scheme == ORK_SCHEME_DFP;
    }
    bool per_channel = w->quant.scheme == ORK_SCHEME_PER_CHANNEL;
    requant->rule = node->op == ORK_OP_LINEAR ? ORK_RULE_FLOOR
                                              : ork_rule_of(p->plan->options.family, per_channel);
    requant->in_zero = x->quant.zero_point;
    requant->out_zero = y->quant.zero_point;
    requant->weight_zero = w->quant.zero_point;
    requant->multiplier = ork_multiplier(x->quant.scale, w->quant.scale, y->quant.scale);
    if (per_channel)
        set_per_channel(p, node, requant, x->quant.scale, y->quant.scale);
    return x->quant.scheme == ORK_SCHEME_AFFINE && y->quant.scheme == ORK_SCHEME_AFFINE;
}

static ork_value *bias_of(const ork_node *node)
{
    return node->input_count > 2 ? node->inputs[2] : NULL;
}

static bool is_constant(const ork_value *value)
{
    return !value || value->kind == ORK_VALUE_CONSTANT;
}

static void run_pack(const void *params, const call *c, int64_t begin, int64_t end)
{
    const conv_params *p = params;
    ork_conv conv = p->conv;
    conv.weights = c->in[0];
    conv.bias = c->in[1];
    for (int64_t i = begin; i < end; i++) /* the one unit there is */
        p->kernel->pack(&conv, c->out);
}

static void run_packed(const void *params, const call *c, int64_t begin, int64_t end)
{
    run_units(params, c->in[1], c, begin, end);
}

/* Weights that the network computes are packed on each run. */
static slot *emit_pack(planner *p, const ork_node *node, conv_params *params)
{
    ork_value *bias = bias_of(node);
    size_t bytes = params->kernel->packed_bytes(&params->conv);
    slot *weights = slot_in(p, node->inputs[1], LAYOUT_PLAIN);
    slot *packed = new_temporary(p, node->inputs[1], LAYOUT_PLAIN, bytes ? bytes : 1);
    step *s = emit(p, node, "pack", run_pack, params, 1, 0, packed, weights,
                   bias ? slot_in(p, bias, LAYOUT_PLAIN) : NULL);
    s->value = NULL;
    return packed;
}

static bool no_memory(planner *p, const ork_node *node)
{
    return ork_fail(p->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for the weights of '%s'",
                    node->name);
}

/* Constant ones: kernels are chosen by them too. */
static bool set_weights(planner *p, const ork_node *node, ork_conv *conv)
{
    ork_value *bias = bias_of(node);
    const ork_node *focus = p->focuses[node->output->id];
    conv->is_packed = p->plan->graph->packing != NULL;
    if (conv->is_packed)
        return true;
    conv->weights = slot_of(p, node->inputs[1])->constant;
    if (focus)
        conv->weights = focus_weights(p, focus, node->inputs[1], conv->weights);
    conv->bias = bias ? slot_of(p, bias)->constant : NULL;
    return conv->weights || no_memory(p, node);
}

static bool check_operands(planner *p, const ork_node *node)
{
    const ork_value *bias = bias_of(node);
    ork_dtype wanted = node->inputs[0]->type.dtype;
    ork_dtype bias_type = wanted == ORK_F32 ? ORK_F32 : wanted == ORK_I16 ? ORK_I64 : ORK_I32;
    if ((wanted == ORK_F32 || wanted == ORK_I16) && node->inputs[1]->type.dtype != wanted)
        return not_yet(p, node, "its weights are of another type than its input");
    if (bias && bias->type.dtype != bias_type)
        return not_yet(p, node, "its bias is not of the type that its input asks for");
    if (node->output->type.dtype != wanted)
        return not_yet(p, node, "its output is of another type than its input");
    return true;
}

/* The function behind the convolution that its step computes too, or NULL. */
static const ork_node *fuse_function(planner *p, const ork_node *node, conv_params *params)
{
    const ork_node *function = fusable_function(p, node);
    if (!function || p->layouts[function->output->id] != p->layouts[node->output->id])
        return NULL;
    p->fused[function->output->id] = true;
    if (params->conv.dtype == ORK_F32) {
        ork_node_function(function, &params->conv.activation);
    } else {
        function_table(function, params->table);
        params->conv.requant.table = params->table;
    }
    return function;
}

/* Each element of the output, or of a transposed one's input, meets all weights but along their
   first axis. */
static double multiplications(const ork_node *node)
{
    bool transposed = node->op == ORK_OP_CONV_TRANSPOSE2D;
    const ork_shape *moved = &(transposed ? node->inputs[0] : node->output)->type.shape;
    const ork_shape *weights = &node->inputs[1]->type.shape;
    return (double)ork_shape_count(moved) * (double)ork_shape_span(weights, 1, weights->rank);
}

/* ---- convolutions of the same input ---- */

/* Parts of a split convolution are few channels each, and kernels compute channels by sixteens.
   They are computed as one where that is less work, and then brought where they belong, each
   through the table of its function. */
enum { MOST_SIBLINGS = 8, CHANNELS_TOGETHER = 16, MOVE_COST = 8 };

typedef struct siblings {
    const ork_node *nodes[MOST_SIBLINGS];
    int count;
    int64_t channels;
} siblings;

static bool is_affine(const ork_value *value)
{
    return value->type.dtype == ORK_U8 && value->type.quant.scheme == ORK_SCHEME_AFFINE;
}

static bool can_be_joined(const planner *p, const ork_node *node)
{
    return node->op == ORK_OP_CONV2D && node->attrs.conv2d.groups == 1 &&
           is_affine(node->inputs[0]) && is_affine(node->inputs[1]) && is_affine(node->output) &&
           is_constant(node->inputs[1]) && is_constant(bias_of(node)) && bias_of(node) &&
           bias_of(node)->type.dtype == ORK_I32 && !p->fused[node->output->id] &&
           !p->plan->options.observable;
}

static bool are_siblings(const planner *p, const ork_node *a, const ork_node *b)
{
    const int64_t *w = a->inputs[1]->type.shape.dim;
    return can_be_joined(p, b) && a->inputs[0] == b->inputs[0] &&
           memcmp(w + 1, b->inputs[1]->type.shape.dim + 1, 3 * sizeof(*w)) == 0 &&
           memcmp(&a->attrs.conv2d.stride, &b->attrs.conv2d.stride, sizeof(ork_attr_PAIR)) == 0 &&
           memcmp(&a->attrs.conv2d.dilation, &b->attrs.conv2d.dilation, sizeof(ork_attr_PAIR)) ==
               0 &&
           memcmp(&a->attrs.conv2d.pad, &b->attrs.conv2d.pad, sizeof(ork_attr_QUAD)) == 0;
}

/* The node and its siblings behind it, when it is worth while to compute them together. */
static bool find_siblings(const planner *p, const ork_node *node, siblings *s)
{
    const ork_value *input = node->inputs[0];
    int64_t apart = 0;
    if (!can_be_joined(p, node))
        return false;
    for (size_t i = 0; i < input->uses.count && s->count < MOST_SIBLINGS; i++) {
        const ork_node *other = input->uses.items[i].node;
        if (!are_siblings(p, node, other))
            continue;
        const int64_t channels = other->inputs[1]->type.shape.dim[0];
        s->nodes[s->count++] = other;
        s->channels += channels;
        apart += (channels + CHANNELS_TOGETHER - 1) / CHANNELS_TOGETHER;
    }
    const int64_t saved = apart - (s->channels + CHANNELS_TOGETHER - 1) / CHANNELS_TOGETHER;
    return saved * ork_shape_span(&node->inputs[1]->type.shape, 1, 4) > 4 * MOVE_COST * s->count;
}

/* Weights and constants of the channels of all. */
static bool join_constants(planner *p, const siblings *s, ork_conv *all)
{
    const size_t one = (size_t)ork_shape_span(&s->nodes[0]->inputs[1]->type.shape, 1, 4);
    const size_t channels = (size_t)s->channels;
    uint8_t *weights = ORK_NEW_ARRAY(p->plan->arena, uint8_t, channels * one);
    int32_t *bias = ORK_NEW_ARRAY(p->plan->arena, int32_t, channels);
    int32_t *zeros = ORK_NEW_ARRAY(p->plan->arena, int32_t, 2 * channels);
    float *multipliers = ORK_NEW_ARRAY(p->plan->arena, float, channels);
    size_t at = 0;
    for (int i = 0; i < s->count; i++) {
        ork_conv part = {0};
        if (!set_weights(p, s->nodes[i], &part))
            return false;
        set_requant(p, s->nodes[i], &part.requant);
        const size_t count = (size_t)s->nodes[i]->inputs[1]->type.shape.dim[0];
        all->is_packed = part.is_packed;
        if (!part.is_packed) {
            memcpy(weights + at * one, part.weights, count * one);
            memcpy(bias + at, part.bias, count * sizeof(*bias));
        }
        for (const size_t end = at + count; at < end; at++) {
            multipliers[at] = part.requant.multiplier;
            zeros[at] = part.requant.weight_zero;
            zeros[channels + at] = part.requant.out_zero;
        }
    }
    all->weights = all->is_packed ? NULL : weights;
    all->bias = all->is_packed ? NULL : bias;
    all->requant.multipliers = multipliers;
    all->requant.weight_zeros = zeros;
    all->requant.out_zeros = zeros + channels;
    return true;
}

/* Brings the channels of one from `joined` to where they belong. */
static void emit_part(planner *p, const ork_node *node, slot *joined, int64_t first)
{
    conv_params params = {.conv = {.dtype = ORK_U8}};
    for (int i = 0; i < 256; i++)
        params.table[i] = (uint8_t)i;
    const ork_node *function = fuse_function(p, node, &params);
    slot *out = slot_of(p, function ? function->output : node->output);
    add_way_home(p, out->value, params.table);
    p->fused[node->output->id] = true;
    const int64_t *dim = node->output->type.shape.dim;
    const rows r = {dim[0] * dim[2] * dim[3], dim[1], {out->pixel_stride, joined->pixel_stride}};
    emit_table(p, node, r, (operand){out, 0}, (operand){joined, (size_t)first}, params.table);
}

static bool emit_convolution(planner *p, const ork_node *node, conv_params *params, slot *in,
                             slot *out, double macs);

static bool lower_siblings(planner *p, const siblings *s)
{
    const ork_node *node = s->nodes[0], *focus = p->focuses[node->output->id];
    conv_params *params = ORK_NEW(p->plan->arena, conv_params);
    const int64_t *dim = node->output->type.shape.dim;
    double macs = 0;
    int64_t first = 0;
    params->conv.dtype = params->conv.weight_dtype = ORK_U8;
    set_requant(p, node, &params->conv.requant);
    if (!join_constants(p, s, &params->conv))
        return false;
    slot *in = slot_in(p, focus ? focus_source(focus) : node->inputs[0], LAYOUT_PIXELS);
    slot *joined = new_temporary(p, node->output, LAYOUT_PIXELS,
                                 (size_t)(dim[0] * dim[2] * dim[3] * s->channels));
    joined->pixel_stride = s->channels;
    params->conv.shape = shape_of(node, in, joined);
    params->conv.shape.out_c = s->channels;
    for (int i = 0; i < s->count; i++)
        macs += multiplications(s->nodes[i]);
    if (!emit_convolution(p, node, params, in, joined, macs))
        return false;
    for (int i = 0; i < s->count; i++) {
        emit_part(p, s->nodes[i], joined, first);
        first += s->nodes[i]->inputs[1]->type.shape.dim[0];
    }
    return true;
}

/* Chooses the kernel; weights that are known are packed at the end. */
static bool emit_convolution(planner *p, const ork_node *node, conv_params *params, slot *in,
                             slot *out, double macs)
{
    ork_conv *conv = &params->conv;
    const ork_node *focus = p->focuses[node->output->id];
    if (focus)
        focus_shape(focus, &conv->shape);
    conv->kind =
        node->op == ORK_OP_CONV_TRANSPOSE2D ? ORK_CONV_TRANSPOSED : ork_conv_kind_of(&conv->shape);
    params->kernel = choose_kernel(p, node, conv);
    if (!params->kernel)
        return false;
    params->together = ork_conv_rows_together(params->kernel);
    const bool known = conv->weights || conv->is_packed;
    if (known && !know_weights(p, node, conv, params->kernel, &params->packed))
        return false;
    slot *packed = known ? NULL : emit_pack(p, node, params);
    const int64_t all = conv->shape.batch * conv->shape.out_h;
    step *s = emit(p, node, params->kernel->name, known ? run_convolution : run_packed, params,
                   (all + params->together - 1) / params->together, macs, out, in, packed);
    s->scratch_bytes = params->kernel->scratch_bytes(conv);
    s->macs = macs;
    return true;
}

bool lower_convolution(planner *p, const ork_node *node)
{
    siblings together = {0};
    if (!check_operands(p, node))
        return false;
    if (find_siblings(p, node, &together))
        return lower_siblings(p, &together);
    conv_params *params = ORK_NEW(p->plan->arena, conv_params);
    ork_conv *conv = &params->conv;
    for (int i = 0; i < 256; i++)
        params->table[i] = (uint8_t)i;
    conv->dtype = node->inputs[0]->type.dtype;
    conv->weight_dtype = node->inputs[1]->type.dtype;
    if (conv->dtype != ORK_F32 && !set_requant(p, node, &conv->requant))
        return not_yet(p, node, "input, weights and output are quantized in different ways");
    layout wanted = node->op == ORK_OP_LINEAR ? LAYOUT_PLAIN : LAYOUT_PIXELS;
    const ork_node *function = fuse_function(p, node, params);
    const ork_node *focus = p->focuses[node->output->id];
    slot *in = slot_in(p, focus ? focus_source(focus) : node->inputs[0], wanted);
    slot *out = slot_of(p, function ? function->output : node->output);
    if (add_way_home(p, out->value, params->table))
        conv->requant.table = params->table;
    assert(out->layout == wanted);
    conv->shape = shape_of(node, in, out);
    if (is_constant(node->inputs[1]) && is_constant(bias_of(node)) && !set_weights(p, node, conv))
        return false;
    return emit_convolution(p, node, params, in, out, multiplications(node));
}

/* ---- pooling ---- */

typedef struct pool_params {
    ork_pooling pooling;
    uint8_t table[256];
} pool_params;

static void run_pool(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_pooling_run(&((const pool_params *)params)->pooling, c->in[0], c->out, begin, end);
}

/* An adaptive pool whose output divides its input is a plain one. */
static bool set_adaptive(ork_pooling *pool)
{
    if (pool->in_h % pool->out_h || pool->in_w % pool->out_w)
        return false;
    pool->kernel_h = pool->stride_h = pool->in_h / pool->out_h;
    pool->kernel_w = pool->stride_w = pool->in_w / pool->out_w;
    pool->dilation_h = pool->dilation_w = 1;
    return true;
}

static bool set_windows(const ork_node *node, ork_pooling *pool)
{
    if (node->op == ORK_OP_ADAPTIVE_AVG_POOL2D)
        return set_adaptive(pool);
    pool->kernel_h = node->attrs.max_pool2d.kernel.v[0];
    pool->kernel_w = node->attrs.max_pool2d.kernel.v[1];
    pool->stride_h = node->attrs.max_pool2d.stride.v[0];
    pool->stride_w = node->attrs.max_pool2d.stride.v[1];
    pool->dilation_h = node->attrs.max_pool2d.dilation.v[0];
    pool->dilation_w = node->attrs.max_pool2d.dilation.v[1];
    pool->pad_top = node->attrs.max_pool2d.pad.v[0];
    pool->pad_left = node->attrs.max_pool2d.pad.v[1];
    pool->pad_bottom = node->attrs.max_pool2d.pad.v[2];
    pool->pad_right = node->attrs.max_pool2d.pad.v[3];
    pool->count_include_pad = !pool->is_max && node->attrs.avg_pool2d.count_include_pad;
    pool->divisor = pool->is_max ? 0 : node->attrs.avg_pool2d.divisor;
    return true;
}

static void set_pool_numbers(planner *p, const ork_node *node, pool_params *params)
{
    ork_pooling *pool = &params->pooling;
    const ork_quant *in = &node->inputs[0]->type.quant, *out = &node->output->type.quant;
    pool->in_quant = *in;
    pool->out_quant = *out;
    if (pool->dtype == ORK_F32)
        return;
    if (!pool->is_max) {
        int64_t divisor = pool->divisor ? pool->divisor : pool->kernel_h * pool->kernel_w;
        pool->requant = ork_average_requant(p->plan->options.family, pool->dtype, in, out, divisor);
    } else if (pool->dtype != ORK_I16 && !ork_quant_equal(in, out, 0)) {
        ork_activation copy = {.op = ORK_UNARY_IDENTITY};
        ork_unary_make_table8(&copy, pool->dtype, in, out, params->table);
        pool->table = params->table;
    }
}

/* ---- maxima over windows in windows ---- */

/* A maximum over k x k pixels about each pixel; 0 when it is another pool. */
static int64_t centred_size(const ork_node *node)
{
    const int64_t *kernel = node->attrs.max_pool2d.kernel.v, size = kernel[0];
    bool centred = node->op == ORK_OP_MAX_POOL2D && size == kernel[1] && size % 2 == 1;
    for (int i = 0; centred && i < 2; i++)
        centred =
            node->attrs.max_pool2d.stride.v[i] == 1 && node->attrs.max_pool2d.dilation.v[i] == 1;
    for (int i = 0; centred && i < 4; i++)
        centred = node->attrs.max_pool2d.pad.v[i] == size / 2;
    return centred && same_quant(node->inputs[0], node->output) ? size : 0;
}

/* The largest of the pools of the same input, made before, whose windows this one's consist of: a
   maximum over maxima needs fewer of them. NULL when there is none. */
static const ork_node *smaller_pool(const planner *p, const ork_node *node)
{
    const int64_t size = centred_size(node);
    const ork_node *best = NULL;
    if (size == 0 || p->plan->options.observable)
        return NULL;
    for (const ork_node *other = p->plan->graph->first; other != node; other = other->next) {
        if (other->op != ORK_OP_MAX_POOL2D || other->inputs[0] != node->inputs[0] ||
            p->slots[other->output->id] == NULL)
            continue;
        const int64_t least = best ? centred_size(best) : 0, made = centred_size(other);
        if (made > least && made < size && same_quant(other->output, node->output))
            best = other;
    }
    return best;
}

/* Reads the smaller pool's output, as far as its windows do not reach. */
static slot *pool_again(planner *p, const ork_node *smaller, ork_pooling *pool)
{
    slot *in = slot_in(p, smaller->output, LAYOUT_PIXELS);
    const int64_t reach = centred_size(smaller) / 2;
    pool->kernel_h -= 2 * reach;
    pool->kernel_w -= 2 * reach;
    pool->pad_top -= reach;
    pool->pad_left -= reach;
    pool->pad_bottom -= reach;
    pool->pad_right -= reach;
    pool->in_stride = in->pixel_stride;
    return in;
}

static void run_uneven_pool(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_adaptive_pooling_run(params, c->in[0], c->out, begin, end);
}

/* An adaptive pool whose windows differ in size. */
static bool lower_uneven_pool(planner *p, const ork_node *node, slot *in, slot *out)
{
    ork_adaptive_pooling pool = {.dtype = node->output->type.dtype,
                                 PICTURE_SIZES(node, in, out),
                                 .channels = node->output->type.shape.dim[1],
                                 .in_quant = node->inputs[0]->type.quant,
                                 .out_quant = node->output->type.quant};
    emit(p, node, "adaptive_avg_pool", run_uneven_pool, plan_params(p, &pool, sizeof(pool)),
         pool.batch * pool.out_h, (double)ork_shape_count(&node->inputs[0]->type.shape) * 2, out,
         in, NULL);
    return true;
}

bool lower_pool(planner *p, const ork_node *node)
{
    slot *in = slot_in(p, node->inputs[0], LAYOUT_PIXELS), *out = slot_of(p, node->output);
    pool_params *params = ORK_NEW(p->plan->arena, pool_params);
    ork_pooling *pool = &params->pooling;
    *pool = (ork_pooling){.is_max = node->op == ORK_OP_MAX_POOL2D,
                          .dtype = node->output->type.dtype,
                          PICTURE_SIZES(node, in, out),
                          .channels = node->output->type.shape.dim[1]};
    if (!set_windows(node, pool))
        return lower_uneven_pool(p, node, in, out);
    set_pool_numbers(p, node, params);
    const ork_node *smaller = smaller_pool(p, node);
    if (smaller)
        in = pool_again(p, smaller, pool);
    double work = (double)ork_shape_count(&node->output->type.shape) * (double)pool->kernel_h *
                  (double)pool->kernel_w;
    emit(p, node, pool->is_max ? "max_pool" : "avg_pool", run_pool, params,
         pool->batch * pool->out_h, work, out, in, NULL);
    return true;
}
