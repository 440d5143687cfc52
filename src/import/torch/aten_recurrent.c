/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM, GRU and RNN of several layers and of both directions. */
#include "torch.h"

typedef struct stack {
    ork_cell_kind kind;
    ork_recurrent_function functions[3];
    ork_value *hidden, *cell; /* directions layers x batch x units */
    ork_torch_value *const *weights;
    int weights_per_layer, layers, directions;
} stack;

static const int perm_batch_first[] = {1, 0, 2};

/* Entry `at` of the first axis. */
static ork_value *entry(ork_torch *torch, ork_value *states, int at)
{
    if (!states)
        return NULL;
    ork_value *state = ork_build_slice(torch->build, states, 0, at, at + 1, 1);
    return ork_build_reshape_to(torch->build, state, 2, states->type.shape.dim + 1);
}

/* weight of the input, weight of the state, and both biases, if any */
static bool take_weights(ork_torch *torch, ork_torch_value *const *list, int count,
                         ork_recurrent *r)
{
    ork_value *values[4] = {NULL};
    for (int i = 0; i < count; i++)
        if (!(values[i] = ork_torch_graph_value(torch, list[i])))
            return false;
    r->weight = values[0];
    r->recurrent_weight = values[1];
    r->bias = values[2];
    r->recurrent_bias = values[3];
    return true;
}

static bool run_direction(ork_torch *torch, const stack *s, ork_value *x, int place,
                          ork_recurrent_result *result)
{
    ork_recurrent r = {
        .cell_kind = s->kind,
        .is_backward = place % s->directions == 1,
        .x = x,
        .hidden = entry(torch, s->hidden, place),
        .cell = entry(torch, s->cell, place),
        .order = {0, 1, 2, 3},
        .functions = {s->functions[0], s->functions[1], s->functions[2]},
        .resets_behind = true,
    };
    if (!r.hidden || (s->cell && !r.cell))
        return false;
    return take_weights(torch, s->weights + place * s->weights_per_layer, s->weights_per_layer,
                        &r) &&
           ork_build_recurrent(torch->build, &r, result);
}

/* The outputs of the last layer; the last states of all layers and directions go into lists. */
static ork_value *run_layers(ork_torch *torch, const stack *s, ork_value *x, ork_value **hidden,
                             ork_value **cell)
{
    for (int layer = 0; x && layer < s->layers; layer++) {
        ork_value *outputs[2];
        for (int d = 0; d < s->directions; d++) {
            int place = layer * s->directions + d;
            ork_recurrent_result result;
            if (!run_direction(torch, s, x, place, &result))
                return NULL;
            int64_t dims[] = {1, result.hidden->type.shape.dim[0],
                              result.hidden->type.shape.dim[1]};
            outputs[d] = result.outputs;
            hidden[place] = ork_build_reshape_to(torch->build, result.hidden, 3, dims);
            cell[place] = ork_build_reshape_to(torch->build, result.cell, 3, dims);
        }
        x = ork_build_concat(torch->build, outputs, s->directions, 2);
    }
    return x;
}

static bool states_fit(ork_torch *torch, const stack *s, const ork_value *state)
{
    if (state->type.shape.rank == 3 && state->type.shape.dim[0] == s->layers * s->directions)
        return true;
    ork_build_bad_shape(torch->build, "the first states do not fit %d layers", s->layers);
    return false;
}

/* arg: input, -, weights, has_biases, layers, dropout, training, bidirectional, batch_first */
static ork_torch_value *recurrent(ork_torch *torch, ork_torch_value **arg, stack *s)
{
    int64_t layers = ork_torch_as_int(arg[4]);
    s->directions = arg[7]->boolean ? 2 : 1;
    s->weights_per_layer = arg[3]->boolean ? 4 : 2;
    s->weights = arg[2]->list.items;
    s->layers = layers > 0 && layers <= 1024 ? (int)layers : 0;
    size_t count = (size_t)(s->layers * s->directions),
           wanted = count * (size_t)s->weights_per_layer;
    if (count > 0 && arg[2]->list.count == wanted + count)
        return ork_build_unsupported(torch->build, "a projection of the hidden state (proj_size)");
    if (count == 0 || arg[2]->list.count != wanted)
        return ork_build_bad_shape(torch->build, "%zu weights for %lld layers", arg[2]->list.count,
                                   (long long)layers);
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !states_fit(torch, s, s->hidden) || (s->cell && !states_fit(torch, s, s->cell)))
        return NULL;
    bool batch_first = arg[8]->boolean && x->type.shape.rank == 3;
    ork_value **hidden = ORK_NEW_ARRAY(torch->arena, ork_value *, count);
    ork_value **cell = ORK_NEW_ARRAY(torch->arena, ork_value *, count);
    x = batch_first ? ork_build_transpose(torch->build, x, perm_batch_first) : x;
    ork_value *y = run_layers(torch, s, x, hidden, cell);
    ork_torch_value **results = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 3);
    y = batch_first ? ork_build_transpose(torch->build, y, perm_batch_first) : y;
    results[0] = ork_torch_tensor(torch, y);
    results[1] =
        ork_torch_tensor(torch, y ? ork_build_concat(torch->build, hidden, (int)count, 0) : NULL);
    if (s->cell && y)
        results[2] = ork_torch_tensor(torch, ork_build_concat(torch->build, cell, (int)count, 0));
    if (!results[0] || !results[1] || (s->cell && !results[2]))
        return NULL;
    return ork_torch_list(torch, ORK_TORCH_TUPLE, results, s->cell ? 3 : 2);
}

/* (x, [hidden, cell], weights, ...) */
ORK_TORCH_HANDLER(lstm)
{
    if (arg[1]->list.count != 2)
        return ork_build_bad_shape(torch->build, "%zu first states", arg[1]->list.count);
    stack s = {.kind = ORK_LSTM,
               .functions = {{.op = ORK_OP_SIGMOID}, {.op = ORK_OP_TANH}, {.op = ORK_OP_TANH}},
               .hidden = ork_torch_graph_value(torch, arg[1]->list.items[0]),
               .cell = ork_torch_graph_value(torch, arg[1]->list.items[1])};
    return s.hidden && s.cell ? recurrent(torch, arg, &s) : NULL;
}

/* (x, hidden, weights, ...) */
ORK_TORCH_HANDLER(gru)
{
    stack s = {.kind = ORK_GRU,
               .functions = {{.op = ORK_OP_SIGMOID}, {.op = ORK_OP_TANH}},
               .hidden = ork_torch_graph_value(torch, arg[1])};
    return s.hidden ? recurrent(torch, arg, &s) : NULL;
}

/* param is the function. */
ORK_TORCH_HANDLER(rnn)
{
    stack s = {.kind = ORK_ELMAN,
               .functions = {{.op = (ork_op)param}},
               .hidden = ork_torch_graph_value(torch, arg[1])};
    return s.hidden ? recurrent(torch, arg, &s) : NULL;
}
