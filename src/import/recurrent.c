/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent layers as chips without memory of their own run them: step after step, written out.
   Formulas: Hochreiter and Schmidhuber 1997 with the peepholes of Gers and Schmidhuber 2000 (LSTM),
   Cho et al. 2014 (GRU), Elman 1990. */
#include "build.h"

#include <string.h>

enum { INPUT_GATE, FORGET_GATE, CELL_GATE, OUTPUT_GATE };
enum { RESET_GATE, UPDATE_GATE, NEW_GATE };

static const int gate_counts[] = {[ORK_LSTM] = 4, [ORK_GRU] = 3, [ORK_ELMAN] = 1};

/* One layer at work. */
typedef struct layer {
    ork_build *build;
    const ork_recurrent *r;
    int64_t steps, batch, units;
    ork_value *from_input;    /* steps x batch x gates units: what the inputs give to all gates */
    ork_value *hidden, *cell; /* batch x units, after the last step that was built */
    ork_value *recurrent_weight; /* gates units x units */
    ork_value *recurrent_bias;   /* of a GRU whose reset gate acts behind it, else NULL */
} layer;

/* ---- small steps ---- */

static ork_value *add(layer *l, ork_value *a, ork_value *b)
{
    return ork_build_add2(l->build, ORK_OP_ADD, a, b);
}

static ork_value *multiply(layer *l, ork_value *a, ork_value *b)
{
    return ork_build_add2(l->build, ORK_OP_MUL, a, b);
}

static ork_value *linear(layer *l, ork_value *x, ork_value *weight, ork_value *bias)
{
    ork_value *inputs[] = {x, weight, bias};
    return ork_build_add(l->build, ORK_OP_LINEAR, NULL, inputs, bias ? 3 : 2);
}

static ork_value *apply(layer *l, int function, ork_value *x)
{
    const ork_recurrent_function *f = &l->r->functions[function];
    if (x && l->r->clip > 0) {
        ork_attrs limits = {.clip.low = -l->r->clip, .clip.high = l->r->clip};
        x = ork_build_add1(l->build, ORK_OP_CLIP, &limits, x);
    }
    return x ? ork_build_add1(l->build, f->op, &f->attrs, x) : NULL;
}

/* Rows or columns of one gate. */
static ork_value *part(layer *l, ork_value *x, int axis, int gate)
{
    int place = l->r->order[gate];
    return ork_build_slice(l->build, x, axis, place * l->units, (place + 1) * l->units, 1);
}

static ork_value *gate_of(layer *l, ork_value *gates, int gate)
{
    return part(l, gates, 1, gate);
}

/* ---- cells ---- */

/* A gate with its look at the cell. */
static ork_value *with_peephole(layer *l, ork_value *gate, int peephole, ork_value *cell)
{
    if (!l->r->peepholes)
        return gate;
    ork_value *weight = ork_build_slice(l->build, l->r->peepholes, 0, peephole * l->units,
                                        (peephole + 1) * l->units, 1);
    return add(l, gate, multiply(l, weight, cell));
}

/* cell = forget cell + input new; hidden = output h(cell). Peepholes lie in the order input,
   output, forget. */
static bool lstm_step(layer *l, ork_value *from_input)
{
    ork_value *gates =
        add(l, from_input, linear(l, l->hidden, l->recurrent_weight, l->recurrent_bias));
    ork_value *in = gate_of(l, gates, INPUT_GATE), *out = gate_of(l, gates, OUTPUT_GATE);
    ork_value *forget = gate_of(l, gates, FORGET_GATE);
    in = apply(l, 0, with_peephole(l, in, 0, l->cell));
    if (l->r->couples_forget) {
        ork_value *one = ork_build_scalar(l->build, ORK_F32, 1);
        forget = ork_build_add2(l->build, ORK_OP_SUB, one, in);
    } else {
        forget = apply(l, 0, with_peephole(l, forget, 2, l->cell));
    }
    ork_value *fresh = apply(l, 1, gate_of(l, gates, CELL_GATE));
    l->cell = add(l, multiply(l, forget, l->cell), multiply(l, in, fresh));
    out = apply(l, 0, with_peephole(l, out, 1, l->cell));
    const ork_recurrent_function *h = &l->r->functions[2];
    ork_value *shown = l->cell ? ork_build_add1(l->build, h->op, &h->attrs, l->cell) : NULL;
    l->hidden = multiply(l, out, shown);
    return l->hidden != NULL;
}

/* What the new state sees of the old one: reset (W h + b), or W (reset h) + b. */
static ork_value *reset_hidden(layer *l, ork_value *reset, ork_value *from_hidden)
{
    if (l->r->resets_behind)
        return multiply(l, reset, gate_of(l, from_hidden, NEW_GATE));
    ork_value *weight = part(l, l->recurrent_weight, 0, NEW_GATE);
    return linear(l, multiply(l, reset, l->hidden), weight, NULL);
}

/* hidden = new + update (hidden - new) */
static bool gru_step(layer *l, ork_value *from_input)
{
    ork_value *from_hidden = linear(l, l->hidden, l->recurrent_weight, l->recurrent_bias);
    ork_value *reset =
        add(l, gate_of(l, from_input, RESET_GATE), gate_of(l, from_hidden, RESET_GATE));
    ork_value *update =
        add(l, gate_of(l, from_input, UPDATE_GATE), gate_of(l, from_hidden, UPDATE_GATE));
    reset = apply(l, 0, reset);
    update = apply(l, 0, update);
    ork_value *fresh =
        add(l, gate_of(l, from_input, NEW_GATE), reset_hidden(l, reset, from_hidden));
    fresh = apply(l, 1, fresh);
    ork_value *change = ork_build_add2(l->build, ORK_OP_SUB, l->hidden, fresh);
    l->hidden = add(l, fresh, multiply(l, update, change));
    return l->hidden != NULL;
}

static bool elman_step(layer *l, ork_value *from_input)
{
    ork_value *from_hidden = linear(l, l->hidden, l->recurrent_weight, l->recurrent_bias);
    l->hidden = apply(l, 0, add(l, from_input, from_hidden));
    return l->hidden != NULL;
}

static bool (*const steps[])(layer *, ork_value *) = {
    [ORK_LSTM] = lstm_step, [ORK_GRU] = gru_step, [ORK_ELMAN] = elman_step};

/* ---- the layer ---- */

static bool has_shape(const ork_value *value, int rank, int64_t rows, int64_t columns)
{
    const ork_shape *shape = &value->type.shape;
    return shape->rank == rank && shape->dim[0] == rows && (rank == 1 || shape->dim[1] == columns);
}

static bool fits(const layer *l)
{
    const ork_recurrent *r = l->r;
    const ork_value *states[] = {r->hidden, r->cell}, *biases[] = {r->bias, r->recurrent_bias};
    int64_t rows = gate_counts[r->cell_kind] * l->units;
    bool good = has_shape(r->weight, 2, rows, r->x->type.shape.dim[2]) &&
                has_shape(r->recurrent_weight, 2, rows, l->units) &&
                (!r->peepholes || has_shape(r->peepholes, 1, 3 * l->units, 0));
    for (int i = 0; i < 2; i++)
        good = good && (!states[i] || has_shape(states[i], 2, l->batch, l->units)) &&
               (!biases[i] || has_shape(biases[i], 1, rows, 0));
    return good;
}

static bool open_layer(layer *l)
{
    const ork_recurrent *r = l->r;
    if (!r->x || !r->weight || !r->recurrent_weight)
        return false;
    if (r->x->type.shape.rank != 3 || r->recurrent_weight->type.shape.rank != 2)
        return ork_build_bad_shape(l->build, "a sequence with %d axes, not 3",
                                   r->x->type.shape.rank) != NULL;
    l->steps = r->x->type.shape.dim[0];
    l->batch = r->x->type.shape.dim[1];
    l->units = r->recurrent_weight->type.shape.dim[1];
    if (l->steps < 1 || !fits(l))
        return ork_build_bad_shape(l->build, "weights or states do not fit the sequence") != NULL;
    ork_shape state = ork_shape_of(2, (int64_t[]){l->batch, l->units});
    l->hidden = r->hidden ? r->hidden : ork_build_filled(l->build, ORK_F32, &state, 0);
    l->cell = r->cell || r->cell_kind != ORK_LSTM ? r->cell
                                                  : ork_build_filled(l->build, ORK_F32, &state, 0);
    /* Both biases are one, but for a GRU, where the reset gate may lie between them. */
    l->recurrent_weight = r->recurrent_weight;
    ork_value *bias = r->bias;
    if (r->cell_kind == ORK_GRU && r->resets_behind)
        l->recurrent_bias = r->recurrent_bias;
    else if (r->recurrent_bias)
        bias = bias ? add(l, bias, r->recurrent_bias) : r->recurrent_bias;
    l->from_input = linear(l, r->x, r->weight, bias);
    return l->from_input && l->hidden;
}

static ork_value *step_of(layer *l, ork_value *sequence, int64_t step)
{
    ork_value *part_of = ork_build_slice(l->build, sequence, 0, step, step + 1, 1);
    int64_t dims[] = {l->batch, sequence->type.shape.dim[2]};
    return ork_build_reshape_to(l->build, part_of, 2, dims);
}

bool ork_build_recurrent(ork_build *build, const ork_recurrent *recurrent,
                         ork_recurrent_result *result)
{
    layer l = {.build = build, .r = recurrent};
    if (!open_layer(&l))
        return false;
    if ((size_t)l.steps > build->bytes_left / sizeof(ork_value *))
        return ork_build_unsupported(build, "a sequence of %lld steps", (long long)l.steps) != NULL;
    ork_value **outputs = ORK_NEW_ARRAY(build->arena, ork_value *, (size_t)l.steps);
    for (int64_t i = 0; i < l.steps; i++) {
        int64_t at = recurrent->is_backward ? l.steps - 1 - i : i;
        ork_value *from_input = step_of(&l, l.from_input, at);
        if (!from_input || !steps[recurrent->cell_kind](&l, from_input))
            return false;
        int64_t dims[] = {1, l.batch, l.units};
        outputs[at] = ork_build_reshape_to(build, l.hidden, 3, dims);
        if (!outputs[at])
            return false;
    }
    result->outputs = ork_build_concat(build, outputs, (int)l.steps, 0);
    result->hidden = l.hidden;
    result->cell = l.cell;
    return result->outputs != NULL;
}
