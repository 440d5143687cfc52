/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM, GRU and RNN of several layers and of both directions. */
#include "torch.h"

typedef struct stack {
    ork_cell_kind kind;
    ork_recurrent_function functions[3];
    ork_value *hidden, *cell; /* directions layers x batch x units */
    ork_ts_value *const *weights;
    int weights_per_layer, layers, directions;
} stack;

static const int perm_batch_first[] = {1, 0, 2};

/* Entry `at` of the first axis. */
static ork_value *entry(ork_ts *ts, ork_value *states, int at)
{
    if (!states)
        return NULL;
    ork_value *state = ork_build_slice(ts->build, states, 0, at, at + 1, 1);
    return ork_build_reshape_to(ts->build, state, 2, states->type.shape.dim + 1);
}

/* weight of the input, weight of the state, and both biases, if any */
static bool take_weights(ork_ts *ts, ork_ts_value *const *list, int count, ork_recurrent *r)
{
    ork_value *values[4] = {NULL};
    for (int i = 0; i < count; i++)
        if (!(values[i] = ork_ts_graph_value(ts, list[i])))
            return false;
    r->weight = values[0];
    r->recurrent_weight = values[1];
    r->bias = values[2];
    r->recurrent_bias = values[3];
    return true;
}

static bool run_direction(ork_ts *ts, const stack *s, ork_value *x, int place,
                          ork_recurrent_result *result)
{
    ork_recurrent r = {
        .cell_kind = s->kind,
        .is_backward = place % s->directions == 1,
        .x = x,
        .hidden = entry(ts, s->hidden, place),
        .cell = entry(ts, s->cell, place),
        .order = {0, 1, 2, 3},
        .functions = {s->functions[0], s->functions[1], s->functions[2]},
        .resets_behind = true,
    };
    if (!r.hidden || (s->cell && !r.cell))
        return false;
    return take_weights(ts, s->weights + place * s->weights_per_layer, s->weights_per_layer, &r) &&
           ork_build_recurrent(ts->build, &r, result);
}

/* The outputs of the last layer; the last states of all layers and directions go into lists. */
static ork_value *run_layers(ork_ts *ts, const stack *s, ork_value *x, ork_value **hidden,
                             ork_value **cell)
{
    for (int layer = 0; x && layer < s->layers; layer++) {
        ork_value *outputs[2];
        for (int d = 0; d < s->directions; d++) {
            int place = layer * s->directions + d;
            ork_recurrent_result result;
            if (!run_direction(ts, s, x, place, &result))
                return NULL;
            int64_t dims[] = {1, result.hidden->type.shape.dim[0],
                              result.hidden->type.shape.dim[1]};
            outputs[d] = result.outputs;
            hidden[place] = ork_build_reshape_to(ts->build, result.hidden, 3, dims);
            cell[place] = ork_build_reshape_to(ts->build, result.cell, 3, dims);
        }
        x = ork_build_concat(ts->build, outputs, s->directions, 2);
    }
    return x;
}

static bool states_fit(ork_ts *ts, const stack *s, const ork_value *state)
{
    if (state->type.shape.rank == 3 && state->type.shape.dim[0] == s->layers * s->directions)
        return true;
    ork_build_bad_shape(ts->build, "the first states do not fit %d layers", s->layers);
    return false;
}

/* arg: input, -, weights, has_biases, layers, dropout, training, bidirectional, batch_first */
static ork_ts_value *recurrent(ork_ts *ts, ork_ts_value **arg, stack *s)
{
    int64_t layers = ork_ts_as_int(arg[4]);
    s->directions = arg[7]->boolean ? 2 : 1;
    s->weights_per_layer = arg[3]->boolean ? 4 : 2;
    s->weights = arg[2]->list.items;
    s->layers = layers > 0 && layers <= 1024 ? (int)layers : 0;
    size_t count = (size_t)(s->layers * s->directions),
           wanted = count * (size_t)s->weights_per_layer;
    if (count > 0 && arg[2]->list.count == wanted + count)
        return ork_build_unsupported(ts->build, "a projection of the hidden state (proj_size)");
    if (count == 0 || arg[2]->list.count != wanted)
        return ork_build_bad_shape(ts->build, "%zu weights for %lld layers", arg[2]->list.count,
                                   (long long)layers);
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    if (!x || !states_fit(ts, s, s->hidden) || (s->cell && !states_fit(ts, s, s->cell)))
        return NULL;
    bool batch_first = arg[8]->boolean && x->type.shape.rank == 3;
    ork_value **hidden = ORK_NEW_ARRAY(ts->arena, ork_value *, count);
    ork_value **cell = ORK_NEW_ARRAY(ts->arena, ork_value *, count);
    x = batch_first ? ork_build_transpose(ts->build, x, perm_batch_first) : x;
    ork_value *y = run_layers(ts, s, x, hidden, cell);
    ork_ts_value **results = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 3);
    y = batch_first ? ork_build_transpose(ts->build, y, perm_batch_first) : y;
    results[0] = ork_ts_tensor(ts, y);
    results[1] = ork_ts_tensor(ts, y ? ork_build_concat(ts->build, hidden, (int)count, 0) : NULL);
    if (s->cell && y)
        results[2] = ork_ts_tensor(ts, ork_build_concat(ts->build, cell, (int)count, 0));
    if (!results[0] || !results[1] || (s->cell && !results[2]))
        return NULL;
    return ork_ts_list(ts, ORK_TS_TUPLE, results, s->cell ? 3 : 2);
}

/* (x, [hidden, cell], weights, ...) */
ORK_TS_HANDLER(lstm)
{
    if (arg[1]->list.count != 2)
        return ork_build_bad_shape(ts->build, "%zu first states", arg[1]->list.count);
    stack s = {.kind = ORK_LSTM,
               .functions = {{.op = ORK_OP_SIGMOID}, {.op = ORK_OP_TANH}, {.op = ORK_OP_TANH}},
               .hidden = ork_ts_graph_value(ts, arg[1]->list.items[0]),
               .cell = ork_ts_graph_value(ts, arg[1]->list.items[1])};
    return s.hidden && s.cell ? recurrent(ts, arg, &s) : NULL;
}

/* (x, hidden, weights, ...) */
ORK_TS_HANDLER(gru)
{
    stack s = {.kind = ORK_GRU,
               .functions = {{.op = ORK_OP_SIGMOID}, {.op = ORK_OP_TANH}},
               .hidden = ork_ts_graph_value(ts, arg[1])};
    return s.hidden ? recurrent(ts, arg, &s) : NULL;
}

/* param is the function. */
ORK_TS_HANDLER(rnn)
{
    stack s = {.kind = ORK_ELMAN,
               .functions = {{.op = (ork_op)param}},
               .hidden = ork_ts_graph_value(ts, arg[1])};
    return s.hidden ? recurrent(ts, arg, &s) : NULL;
}
