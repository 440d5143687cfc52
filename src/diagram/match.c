/* SPDX-License-Identifier: Apache-2.0 */
/* Layers are matched from the surest evidence to the least: first those whose whole past and future
   agree, then those of which one does, then neighbours of matched ones. Past and future of a layer
   are numbers made of those of its neighbours, so all of them take one walk each way. */
#include "match.h"

#include <stdlib.h>
#include <string.h>

bool match_commutes(const ork_node *node)
{
    static const bool commutes[ORK_OP_COUNT] = {
        [ORK_OP_ADD] = true,         [ORK_OP_MUL] = true,       [ORK_OP_MAXIMUM] = true,
        [ORK_OP_MINIMUM] = true,     [ORK_OP_EQUAL] = true,     [ORK_OP_NOT_EQUAL] = true,
        [ORK_OP_LOGICAL_AND] = true, [ORK_OP_LOGICAL_OR] = true};
    return commutes[node->op];
}

/* ---- numbers for what a layer is ---------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; text && *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return mix(hash, 1);
}

static uint64_t of_type(const ork_type *type)
{
    uint64_t hash = mix(type->dtype, (uint64_t)type->shape.rank);
    for (int i = 0; i < type->shape.rank; i++)
        hash = mix(hash, (uint64_t)type->shape.dim[i]);
    return hash;
}

/* Operator, attributes, and what comes out. */
static uint64_t of_node(const ork_node *node, ork_str *text)
{
    const ork_op_info *info = &ork_op_table[node->op];
    uint64_t hash = mix(node->op, of_type(&node->output->type));
    for (int i = 0; i < info->attr_count; i++) {
        text->length = 0;
        if (text->text)
            text->text[0] = '\0';
        ork_attr_print(text, &info->attrs[i], &node->attrs);
        hash = mix_text(hash, text->text);
    }
    return hash;
}

static uint64_t of_input(const match_side *s, const ork_value *value)
{
    if (!value)
        return 1;
    int node = s->of_value[value->id];
    return node >= 0 ? s->forward[node] : mix((uint64_t)(int64_t)node, of_type(&value->type));
}

static uint64_t of_past(const match_side *s, int index)
{
    const ork_node *node = s->nodes[index];
    uint64_t hash = 0;
    for (int i = 0; i < node->input_count; i++) {
        uint64_t input = of_input(s, node->inputs[i]);
        hash = match_commutes(node) ? hash + mix(input, 0) : mix(hash, input);
    }
    return mix(s->label[index], hash);
}

static uint64_t of_future(const match_side *s, int index)
{
    const ork_value *value = s->nodes[index]->output;
    uint64_t hash = s->backward[index]; /* which outputs of the network it is */
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_use *use = &value->uses.items[i];
        uint64_t port = match_commutes(use->node) ? 0 : (uint64_t)use->port;
        hash += mix(s->backward[s->of_value[use->node->output->id]], port);
    }
    return mix(s->label[index], hash);
}

static void number_values(ork_arena *arena, match_side *s)
{
    s->of_value = ORK_NEW_ARRAY(arena, int, s->graph->values.count + 1);
    for (size_t i = 0; i < s->graph->values.count; i++)
        s->of_value[i] = MATCH_CONSTANT;
    for (size_t i = 0; i < s->graph->inputs.count; i++)
        s->of_value[s->graph->inputs.items[i].value->id] = -1 - (int)i;
    for (const ork_node *node = s->graph->first; node; node = node->next) {
        s->of_value[node->output->id] = s->count;
        s->nodes[s->count++] = node;
    }
}

static match_side side_of(ork_arena *arena, const ork_graph *graph)
{
    size_t size = graph->node_count + 1;
    match_side s = {.graph = graph,
                    .nodes = ORK_NEW_ARRAY(arena, const ork_node *, size),
                    .partner = ORK_NEW_ARRAY(arena, int, size),
                    .label = ORK_NEW_ARRAY(arena, uint64_t, size),
                    .forward = ORK_NEW_ARRAY(arena, uint64_t, size),
                    .backward = ORK_NEW_ARRAY(arena, uint64_t, size),
                    .both = ORK_NEW_ARRAY(arena, uint64_t, size)};
    ork_str text = {0};
    number_values(arena, &s);
    for (size_t i = 0; i < graph->outputs.count; i++) {
        int node = s.of_value[graph->outputs.items[i]->id];
        if (node >= 0)
            s.backward[node] += mix(i, 7);
    }
    for (int i = 0; i < s.count; i++) {
        s.partner[i] = -1;
        s.label[i] = of_node(s.nodes[i], &text);
        s.forward[i] = of_past(&s, i);
    }
    for (int i = s.count - 1; i >= 0; i--)
        s.backward[i] = of_future(&s, i);
    for (int i = 0; i < s.count; i++)
        s.both[i] = mix(s.forward[i], s.backward[i]);
    ork_str_free(&text);
    return s;
}

/* ---- pairs by equal numbers --------------------------------------------------------------- */

/* Numbers that are equal by chance must never pair layers whose attributes differ in kind. */
static void pair(match *m, int first, int second)
{
    if (m->sides[0].nodes[first]->op != m->sides[1].nodes[second]->op)
        return;
    m->sides[0].partner[first] = second;
    m->sides[1].partner[second] = first;
}

typedef struct entry {
    uint64_t key;
    double weights; /* tells twins apart */
    int node;
} entry;

static int by_entry(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (left->weights != right->weights)
        return left->weights < right->weights ? -1 : 1;
    return left->node - right->node;
}

/* The sum of the first weights: nearly the same where the weights are nearly the same. */
static double weights_of(const ork_node *node)
{
    enum { ENOUGH = 512 };
    double sum = 0;
    for (int i = 0; i < node->input_count; i++) {
        const ork_value *value = node->inputs[i];
        if (!value || value->kind != ORK_VALUE_CONSTANT)
            continue;
        int64_t count = ork_shape_count(&value->type.shape);
        for (int64_t k = 0; k < count && k < ENOUGH; k++)
            sum += ork_element_get(value->type.dtype, value->data, k);
    }
    return sum == sum ? sum : 0;
}

static bool has_weights(const ork_node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && node->inputs[i]->kind == ORK_VALUE_CONSTANT)
            return true;
    return false;
}

static entry *entries_of(const match *m, int side, const uint64_t *keys, bool weighted, int *count)
{
    const match_side *s = &m->sides[side];
    entry *entries = ORK_NEW_ARRAY(m->arena, entry, (size_t)s->count + 1);
    *count = 0;
    for (int i = 0; i < s->count; i++)
        if (s->partner[i] < 0 && (!weighted || has_weights(s->nodes[i])))
            entries[(*count)++] = (entry){keys[i], weights_of(s->nodes[i]), i};
    qsort(entries, (size_t)*count, sizeof(*entries), by_entry);
    return entries;
}

static int group_end(const entry *entries, int count, int start)
{
    int end = start;
    while (end < count && entries[end].key == entries[start].key)
        end++;
    return end;
}

typedef enum pairing {
    PAIR_UNIQUE,   /* where there is one on each side */
    PAIR_WEIGHTED, /* also twins, when weights tell them apart */
    PAIR_ALL,      /* also twins, in their order */
} pairing;

static void pair_by(match *m, const uint64_t *first_keys, const uint64_t *second_keys, pairing how)
{
    int counts[2], i = 0, k = 0;
    entry *a = entries_of(m, 0, first_keys, how == PAIR_WEIGHTED, &counts[0]);
    entry *b = entries_of(m, 1, second_keys, how == PAIR_WEIGHTED, &counts[1]);
    while (i < counts[0] && k < counts[1]) {
        int a_end = group_end(a, counts[0], i), b_end = group_end(b, counts[1], k);
        if (a[i].key < b[k].key) {
            i = a_end;
            continue;
        }
        if (b[k].key < a[i].key) {
            k = b_end;
            continue;
        }
        int size = a_end - i;
        if (size == b_end - k && (size == 1 || how != PAIR_UNIQUE))
            for (int n = 0; n < size; n++)
                pair(m, a[i + n].node, b[k + n].node);
        i = a_end;
        k = b_end;
    }
}

/* ---- neighbours of pairs ------------------------------------------------------------------ */

/* How well two layers fit; 0 not at all. */
typedef enum fit {
    FIT_NOT,
    FIT_OPERATOR, /* the same operator */
    FIT_WEIGHTS,  /* and weights of the same types and shapes */
    FIT_LAYER,    /* and the same attributes and result */
    FIT_WHOLE,    /* and the same past and future */
} fit;

typedef struct spread {
    match *m;
    int (*queue)[2];
    int head, tail;
    fit least;
    bool far; /* also past layers that have no partner */
} spread;

static bool same_weights(const ork_node *a, const ork_node *b)
{
    if (a->input_count != b->input_count)
        return !has_weights(a) && !has_weights(b);
    for (int i = 0; i < a->input_count; i++) {
        const ork_value *x = a->inputs[i], *y = b->inputs[i];
        bool is_constant = x && x->kind == ORK_VALUE_CONSTANT;
        if (is_constant != (y && y->kind == ORK_VALUE_CONSTANT))
            return false;
        if (is_constant && !ork_shape_equal(&x->type.shape, &y->type.shape))
            return false;
    }
    return true;
}

static fit fit_of(const match *m, int first, int second)
{
    const match_side *a = &m->sides[0], *b = &m->sides[1];
    if (first < 0 || second < 0 || a->partner[first] >= 0 || b->partner[second] >= 0)
        return FIT_NOT;
    if (a->nodes[first]->op != b->nodes[second]->op)
        return FIT_NOT;
    if (a->both[first] == b->both[second])
        return FIT_WHOLE;
    if (!same_weights(a->nodes[first], b->nodes[second]))
        return FIT_OPERATOR;
    return a->label[first] == b->label[second] ? FIT_LAYER : FIT_WEIGHTS;
}

static bool try_pair(spread *s, int first, int second, fit least)
{
    if (fit_of(s->m, first, second) < least)
        return false;
    pair(s->m, first, second);
    s->queue[s->tail][0] = first;
    s->queue[s->tail++][1] = second;
    return true;
}

static int producer(const match_side *s, const ork_node *node, int port)
{
    const ork_value *value = port >= 0 && port < node->input_count ? node->inputs[port] : NULL;
    return value ? s->of_value[value->id] : -1;
}

/* The layer after this one, where there is only one. */
static int only_user(const match_side *s, const ork_node *node)
{
    const ork_value *value = node->output;
    return value->uses.count == 1 ? s->of_value[value->uses.items[0].node->output->id] : -1;
}

static int step(const match_side *s, int node, bool up)
{
    if (node < 0 || s->partner[node] >= 0)
        return -1;
    return up ? producer(s, s->nodes[node], 0) : only_user(s, s->nodes[node]);
}

/* Two neighbours that do not fit: one graph lacks some layers, or has others in their place. */
static void try_far(spread *s, int first, int second, bool up)
{
    enum { FAR = 4 };
    const match_side *a = &s->m->sides[0], *b = &s->m->sides[1];
    int x[FAR] = {first}, y[FAR] = {second};
    if (first < 0 || second < 0 || a->partner[first] >= 0 || b->partner[second] >= 0)
        return;
    for (int i = 1; i < FAR; i++) {
        x[i] = step(a, x[i - 1], up);
        y[i] = step(b, y[i - 1], up);
    }
    for (int sum = 1; sum < 2 * FAR - 1; sum++)
        for (int i = sum < FAR ? 0 : sum - FAR + 1; i <= sum && i < FAR; i++)
            if (try_pair(s, x[i], y[sum - i], s->least))
                return;
}

static void spread_up(spread *s, int first, int second)
{
    const match_side *a = &s->m->sides[0], *b = &s->m->sides[1];
    const ork_node *x = a->nodes[first], *y = b->nodes[second];
    for (fit least = FIT_WHOLE; least >= s->least; least--)
        for (int i = 0; i < x->input_count; i++) {
            int above = producer(a, x, i);
            if (!try_pair(s, above, producer(b, y, i), least) && match_commutes(x))
                try_pair(s, above, producer(b, y, 1 - i), least);
        }
    for (int i = 0; i < x->input_count && s->far; i++)
        try_far(s, producer(a, x, i), producer(b, y, i), true);
}

/* Windows keep the time linear where a value has very many uses. */
static void spread_to_users(spread *s, const ork_value *x, const ork_value *y)
{
    enum { WINDOW = 8 };
    const match_side *a = &s->m->sides[0], *b = &s->m->sides[1];
    for (fit least = FIT_WHOLE; least >= s->least; least--)
        for (size_t i = 0; i < x->uses.count; i++) {
            int user = a->of_value[x->uses.items[i].node->output->id];
            for (size_t k = i > WINDOW ? i - WINDOW : 0; k < y->uses.count && k < i + WINDOW; k++)
                if (try_pair(s, user, b->of_value[y->uses.items[k].node->output->id], least))
                    break;
        }
    if (s->far && x->uses.count == 1 && y->uses.count == 1)
        try_far(s, a->of_value[x->uses.items[0].node->output->id],
                b->of_value[y->uses.items[0].node->output->id], false);
}

static void spread_from_ends(spread *s)
{
    const match_side *a = &s->m->sides[0], *b = &s->m->sides[1];
    for (size_t i = 0; i < a->graph->inputs.count && i < b->graph->inputs.count; i++)
        spread_to_users(s, a->graph->inputs.items[i].value, b->graph->inputs.items[i].value);
    for (size_t i = 0; i < a->graph->outputs.count && i < b->graph->outputs.count; i++)
        try_pair(s, a->of_value[a->graph->outputs.items[i]->id],
                 b->of_value[b->graph->outputs.items[i]->id], s->least);
}

static void spread_pairs(match *m, fit least, bool far)
{
    const match_side *a = &m->sides[0];
    spread s = {.m = m, .least = least, .far = far};
    s.queue = ork_arena_alloc(m->arena, sizeof(int[2]) * ((size_t)a->count + 1));
    for (int i = 0; i < a->count; i++)
        if (a->partner[i] >= 0) {
            s.queue[s.tail][0] = i;
            s.queue[s.tail++][1] = a->partner[i];
        }
    if (least < FIT_WHOLE)
        spread_from_ends(&s);
    for (; s.head < s.tail; s.head++) {
        int first = s.queue[s.head][0], second = s.queue[s.head][1];
        spread_up(&s, first, second);
        spread_to_users(&s, a->nodes[first]->output, m->sides[1].nodes[second]->output);
    }
}

/* Names make no difference, but they tell what was meant. */
static void pair_by_name(match *m, fit least)
{
    ork_map *names = ork_map_new(m->arena);
    match_side *a = &m->sides[0], *b = &m->sides[1];
    for (int i = 0; i < a->count; i++)
        if (a->partner[i] < 0)
            ork_map_set(names, a->nodes[i]->name, &a->partner[i]);
    for (int i = 0; i < b->count; i++) {
        const int *found = b->partner[i] < 0 ? ork_map_get(names, b->nodes[i]->name) : NULL;
        if (found && fit_of(m, (int)(found - a->partner), i) >= least)
            pair(m, (int)(found - a->partner), i);
    }
}

match *match_graphs(ork_arena *arena, const ork_graph *first, const ork_graph *second)
{
    match *m = ORK_NEW(arena, match);
    m->arena = arena;
    m->sides[0] = side_of(arena, first);
    m->sides[1] = side_of(arena, second);
    const match_side *a = &m->sides[0], *b = &m->sides[1];
    pair_by(m, a->both, b->both, PAIR_UNIQUE);
    pair_by(m, a->both, b->both, PAIR_WEIGHTED);
    spread_pairs(m, FIT_WHOLE, false);
    pair_by(m, a->both, b->both, PAIR_ALL);
    pair_by(m, a->forward, b->forward, PAIR_ALL);
    pair_by(m, a->backward, b->backward, PAIR_ALL);
    spread_pairs(m, FIT_WEIGHTS, false);
    pair_by_name(m, FIT_WEIGHTS);
    spread_pairs(m, FIT_WEIGHTS, true);
    spread_pairs(m, FIT_OPERATOR, false);
    pair_by_name(m, FIT_OPERATOR);
    spread_pairs(m, FIT_OPERATOR, false);
    return m;
}

bool match_same_value(const match *m, const ork_value *first, const ork_value *second)
{
    if (!first || !second)
        return first == second;
    int a = m->sides[0].of_value[first->id], b = m->sides[1].of_value[second->id];
    if (a >= 0)
        return m->sides[0].partner[a] == b;
    return a == b &&
           (a != MATCH_CONSTANT || (first->type.dtype == second->type.dtype &&
                                    ork_shape_equal(&first->type.shape, &second->type.shape)));
}
