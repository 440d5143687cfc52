/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers are computed in 16 bits. The network of 8 bits is what is begun with. What each
   layer's 16 bits bring to the answers, and what they cost on the chip with the conversions around
   them, is measured; the layer that brings most for its cost is taken, then the next, until the
   loss is as small as asked. Gains mostly shrink as others are taken, so only those on top of the
   list are measured again (M. Minoux, 1978), but for neighbours: what lies between two layers of 16
   bits is not rounded to 8. */
#include "search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUICK_SAMPLES = 4 };

typedef struct wide_unit {
    const ork_node *node;   /* of the search's graph: a convolution or linear layer */
    const ork_value *end;   /* behind its function */
    double gain, cost;      /* when it is added to those taken */
    bool is_stale, is_wide; /* measured before others were taken; taken */
} wide_unit;

typedef struct mixing {
    ork_search *s;
    const ork_form_weights *weights;
    ork_form *form;
    ork_map *wide; /* of the form */
    ORK_VEC(wide_unit) units;
    ORK_VEC(size_t) order; /* units as they were taken */
    double plain_cost, error, cost;
} mixing;

/* ---- the set ---- */

static void mark(mixing *m, const ork_value *value, bool wide)
{
    static char yes;
    ork_map_set(m->wide, value->name, wide ? &yes : NULL);
}

static bool is_wide(const mixing *m, const ork_value *value)
{
    return ork_map_get(m->wide, value->name) != NULL;
}

static bool is_between(const ork_node *node)
{
    return ork_op_table[node->op].op_class != ORK_CLASS_CONV && ork_quant_has_integer_form(node);
}

static bool has_wide_inputs(const mixing *m, const ork_node *node)
{
    bool any = false;
    for (int i = 0; i < node->input_count; i++) {
        if (!node->inputs[i] || node->inputs[i]->kind == ORK_VALUE_CONSTANT)
            continue;
        if (!is_wide(m, node->inputs[i]))
            return false;
        any = true;
    }
    return any;
}

static bool has_wide_user(const mixing *m, const ork_value *value)
{
    for (size_t i = 0; i < value->uses.count; i++)
        if (is_wide(m, value->uses.items[i].node->output))
            return true;
    return false;
}

/* What stands between layers of 16 bits is computed in 16 bits too. */
static void update_set(mixing *m)
{
    const ork_graph *graph = m->s->graph;
    for (const ork_node *node = graph->first; node; node = node->next)
        mark(m, node->output, false);
    for (size_t i = 0; i < m->units.count; i++) {
        const wide_unit *u = &m->units.items[i];
        if (u->is_wide) {
            mark(m, u->node->output, true);
            mark(m, u->end, true);
        }
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        if (is_between(node) && !is_wide(m, node->output) && has_wide_inputs(m, node))
            mark(m, node->output, true);
    for (const ork_node *node = graph->last; node; node = node->previous)
        if (is_between(node) && is_wide(m, node->output) && !has_wide_user(m, node->output) &&
            !is_wide(m, node->inputs[0]))
            mark(m, node->output, false);
}

/* The network of the form; NULL on failure. */
static ork_graph *network_of(mixing *m)
{
    ork_graph *graph = ork_graph_clone(m->s->graph, false);
    update_set(m);
    if (ork_form_give(m->s, graph, m->form, m->weights))
        return graph;
    ork_graph_free(graph);
    return NULL;
}

static bool error_of_answers(mixing *m, size_t samples, double *error)
{
    update_set(m);
    return ork_form_judge(m->s, m->form, m->weights, samples, error);
}

/* The error of the form, and its cost. */
static bool judge(mixing *m, double *error, double *cost)
{
    const ork_quantization *o = m->s->options;
    ork_graph *graph = network_of(m);
    if (!graph)
        return false;
    *cost = o->cost(o->chip, graph);
    const bool good = o->referee.error ? o->referee.error(o->referee.user, graph, error)
                                       : error_of_answers(m, QUICK_SAMPLES, error);
    ork_graph_free(graph);
    return good;
}

/* The loss in points. */
static bool loss_of(mixing *m, double *loss)
{
    const ork_referee *referee = &m->s->options->referee;
    if (!referee->loss) {
        const bool good = error_of_answers(m, ORK_PROBE_SAMPLES, loss);
        *loss *= 100;
        return good;
    }
    ork_graph *graph = network_of(m);
    const bool good = graph && referee->loss(referee->user, graph, loss);
    ork_graph_free(graph);
    return good;
}

/* ---- units ---- */

static void find_units(mixing *m)
{
    for (const ork_node *node = m->s->graph->first; node; node = node->next) {
        if (ork_op_table[node->op].op_class != ORK_CLASS_CONV ||
            !ork_quant_has_integer_form(node) || node->inputs[1]->kind != ORK_VALUE_CONSTANT)
            continue;
        const ork_node *user = ork_value_single_user(node->output);
        ork_activation function;
        const bool more =
            user && !ork_value_is_output(node->output) && ork_node_function(user, &function);
        wide_unit u = {.node = node, .end = more ? user->output : node->output};
        ork_vec_push(m->s->arena, &m->units, u);
    }
}

static bool measure(mixing *m, wide_unit *u)
{
    double error = 0, cost = 0;
    u->is_wide = true;
    const bool good = judge(m, &error, &cost);
    u->is_wide = false;
    u->gain = m->error - error;
    u->cost = fmax(cost - m->cost, m->plain_cost * 1e-4);
    u->is_stale = false;
    return good;
}

/* Whether the values of one reach the other without a layer between. */
static bool reaches(const ork_value *from, const ork_node *to, int depth)
{
    enum { DEEPEST = 6 };
    for (size_t i = 0; i < from->uses.count && depth < DEEPEST; i++) {
        const ork_node *node = from->uses.items[i].node;
        if (node == to || (is_between(node) && reaches(node->output, to, depth + 1)))
            return true;
    }
    return false;
}

static bool measure_again(mixing *m, const wide_unit *taken)
{
    for (size_t i = 0; i < m->units.count; i++) {
        wide_unit *u = &m->units.items[i];
        if (u->is_wide)
            continue;
        u->is_stale = true;
        if ((reaches(u->end, taken->node, 0) || reaches(taken->end, u->node, 0)) && !measure(m, u))
            return false;
    }
    return true;
}

/* The unit that brings most for its cost, or NULL when none brings anything. */
static wide_unit *best_unit(mixing *m)
{
    wide_unit *best = NULL;
    for (size_t i = 0; i < m->units.count; i++) {
        wide_unit *u = &m->units.items[i];
        if (!u->is_wide && u->gain > 0 && (!best || u->gain / u->cost > best->gain / best->cost))
            best = u;
    }
    return best;
}

/* ---- what is told ---- */

static const char *why_of(mixing *m, const wide_unit *u)
{
    enum { MUCH = 30 };
    const ork_value *weight = u->node->inputs[1];
    const int64_t rows = weight->type.shape.dim[0];
    const int64_t length = ork_shape_span(&weight->type.shape, 1, weight->type.shape.rank);
    double widest = 0, narrowest = INFINITY;
    for (int64_t r = 0; r < rows; r++) {
        double most = 0;
        for (int64_t i = 0; i < length; i++)
            most =
                fmax(most, fabs(ork_element_get(weight->type.dtype, weight->data, r * length + i)));
        widest = fmax(widest, most);
        narrowest = most > 0 ? fmin(narrowest, most) : narrowest;
    }
    if (widest > MUCH * narrowest)
        return ork_arena_printf(m->s->options->precision->arena,
                                "the weights of its channels differ in range by %.0f",
                                widest / narrowest);
    return ork_value_is_answer(u->end) ? "it gives answers" : "its rounding reaches the answers";
}

static void note(mixing *m, const char *layer, const char *why, double error, double cost)
{
    ork_precision *p = m->s->options->precision;
    ork_wide_layer row = {.layer = ork_arena_strdup(p->arena, layer),
                          .why = why,
                          .error_before = m->error,
                          .error = error,
                          .cost = (cost - m->cost) / m->plain_cost};
    ork_vec_push(p->arena, &p->layers, row);
    m->error = error;
    m->cost = cost;
}

/* ---- the search ---- */

static bool take(mixing *m, wide_unit *u)
{
    double error = 0, cost = 0;
    u->is_wide = true;
    if (!judge(m, &error, &cost))
        return false;
    ork_vec_push(m->s->arena, &m->order, (size_t)(u - m->units.items));
    m->error = error;
    m->cost = cost;
    return measure_again(m, u);
}

/* The first `count` units that were taken. */
static void keep_first(mixing *m, size_t count)
{
    for (size_t i = 0; i < m->order.count; i++)
        m->units.items[m->order.items[i]].is_wide = i < count;
    update_set(m);
}

/* Between `few` units, which are too few, and all that were taken, which are enough. */
static bool find_fewest(mixing *m, size_t few, double *loss)
{
    size_t enough = m->order.count;
    while (enough - few > 1) {
        const size_t middle = (few + enough) / 2;
        double found;
        keep_first(m, middle);
        if (!loss_of(m, &found))
            return false;
        if (found <= m->s->options->precision->most_loss) {
            enough = middle;
            *loss = found;
        } else {
            few = middle;
        }
    }
    keep_first(m, enough);
    return true;
}

/* What brought nothing when it was measured may do so now: how many. False on failure. */
static bool measure_stale(mixing *m, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < m->units.count; i++) {
        wide_unit *u = &m->units.items[i];
        if (u->is_wide || !u->is_stale)
            continue;
        if (!measure(m, u))
            return false;
        *count += u->gain > 0;
    }
    return true;
}

/* No single layer brings anything any more; all together may. */
static bool take_rest(mixing *m, size_t checked, double *loss)
{
    for (size_t i = 0; i < m->units.count; i++) {
        if (m->units.items[i].is_wide)
            continue;
        m->units.items[i].is_wide = true;
        ork_vec_push(m->s->arena, &m->order, i);
    }
    return loss_of(m, loss) &&
           (*loss > m->s->options->precision->most_loss || find_fewest(m, checked, loss));
}

static bool take_units(mixing *m, double *loss)
{
    const double most = m->s->options->precision->most_loss;
    size_t checked = 0, next = 1;
    while (*loss > most) {
        wide_unit *u = best_unit(m);
        size_t found = 0;
        if (!ork_progress(m->s->diag, "choosing 16 bits", m->order.count, m->units.count))
            return false;
        if (!u) {
            if (!measure_stale(m, &found))
                return false;
            if (!found)
                return take_rest(m, checked, loss);
            continue;
        }
        if (u->is_stale) {
            if (!measure(m, u))
                return false;
            continue;
        }
        if (!take(m, u))
            return false;
        if (m->order.count < next)
            continue;
        if (!loss_of(m, loss))
            return false;
        if (*loss <= most)
            return find_fewest(m, checked, loss);
        checked = next;
        next += next / 4 + 1;
    }
    return true;
}

/* ---- what was taken too early ---- */

typedef struct spare {
    size_t unit;
    double rise; /* of the error without it, for the cost that is saved */
} spare;

static int by_rise(const void *a, const void *b)
{
    const spare *x = a, *y = b;
    if (x->rise != y->rise)
        return x->rise < y->rise ? -1 : 1;
    return x->unit < y->unit ? -1 : 1;
}

/* Units taken, those first that are missed least. */
static bool list_spares(mixing *m, spare *spares, size_t *count)
{
    *count = 0;
    if (!judge(m, &m->error, &m->cost))
        return false;
    for (size_t i = 0; i < m->order.count; i++) {
        wide_unit *u = &m->units.items[m->order.items[i]];
        double error, cost;
        if (!u->is_wide)
            continue;
        u->is_wide = false;
        const bool good = judge(m, &error, &cost);
        u->is_wide = true;
        if (!good)
            return false;
        if (cost < m->cost)
            spares[(*count)++] = (spare){m->order.items[i], (error - m->error) / (m->cost - cost)};
    }
    if (*count)
        qsort(spares, *count, sizeof(*spares), by_rise);
    return true;
}

/* Takes back units without which the loss is still small enough. */
static bool take_back(mixing *m, double *loss)
{
    enum { MOST_TRIES = 8 };
    size_t count;
    spare *spares = ORK_NEW_ARRAY(m->s->arena, spare, m->order.count + 1);
    if (!list_spares(m, spares, &count))
        return false;
    for (size_t i = 0, failed = 0; i < count && i < MOST_TRIES && failed < 2; i++) {
        wide_unit *u = &m->units.items[spares[i].unit];
        double found;
        u->is_wide = false;
        if (!loss_of(m, &found))
            return false;
        if (found <= m->s->options->precision->most_loss) {
            *loss = found;
        } else {
            u->is_wide = true;
            failed++;
        }
    }
    return true;
}

static bool measure_all(mixing *m)
{
    for (size_t i = 0; i < m->units.count; i++)
        if (!ork_progress(m->s->diag, "judging 16 bits", i, m->units.count) ||
            !measure(m, &m->units.items[i]))
            return false;
    return true;
}

/* Fills in the rows: each with those before it. */
static bool describe(mixing *m)
{
    bool *kept = ORK_NEW_ARRAY(m->s->arena, bool, m->units.count + 1);
    const bool joined_wide = m->form->joined_wide;
    double error = 0, cost = 0;
    for (size_t i = 0; i < m->units.count; i++) {
        kept[i] = m->units.items[i].is_wide;
        m->units.items[i].is_wide = false;
    }
    m->form->joined_wide = false;
    bool good = judge(m, &m->error, &m->cost);
    m->form->joined_wide = joined_wide;
    if (good && joined_wide && (good = judge(m, &error, &cost)))
        note(m, ork_form_joint(m->s)->output->name, "answers of different ranges share its scale",
             error, cost);
    for (size_t i = 0; good && i < m->order.count; i++) {
        wide_unit *u = &m->units.items[m->order.items[i]];
        if (!kept[m->order.items[i]])
            continue;
        u->is_wide = true;
        if ((good = judge(m, &error, &cost)))
            note(m, u->node->output->name, why_of(m, u), error, cost);
    }
    return good;
}

static void warn(const ork_search *s)
{
    const ork_precision *p = s->options->precision;
    if (p->loss > p->most_loss)
        ork_log(s->diag, ORK_LOG_WARNING,
                "%.2f points are lost, where %.2f were asked for: 16 bits bring no more", p->loss,
                p->most_loss);
}

/* For the log, which scripts in Python see. */
static void tell(const ork_search *s)
{
    const ork_precision *p = s->options->precision;
    for (size_t i = 0; i < p->layers.count; i++) {
        const ork_wide_layer *row = &p->layers.items[i];
        ork_log(s->diag, ORK_LOG_NOTE,
                "16 bits for '%s': %s; error %.3g, before %.3g; costs %.1f %%", row->layer,
                row->why, row->error, row->error_before, 100 * row->cost);
    }
    ork_log(s->diag, ORK_LOG_NOTE,
            "%.2f points are lost, %.2f in 8 bits alone; estimated cost %.2f times that of 8 bits",
            p->loss, p->loss_before, p->cost);
    warn(s);
}

/* The cost in 8 bits alone, and where the search begins. */
static bool measure_plain(mixing *m)
{
    const bool joined_wide = m->form->joined_wide;
    m->form->joined_wide = false;
    bool good = judge(m, &m->error, &m->plain_cost);
    m->form->joined_wide = joined_wide;
    return good && judge(m, &m->error, &m->cost);
}

bool ork_mixed_choose(ork_search *s, const ork_form_weights *weights, ork_form *form)
{
    ork_precision *p = s->options->precision;
    mixing m = {.s = s, .weights = weights, .form = form, .wide = ork_map_new(s->arena)};
    form->wide = m.wide;
    find_units(&m);
    bool good = measure_plain(&m) && loss_of(&m, &p->loss_before);
    p->loss = p->loss_before;
    if (good && p->loss > p->most_loss)
        good = measure_all(&m) && take_units(&m, &p->loss) &&
               (p->loss > p->most_loss || take_back(&m, &p->loss));
    good = good && describe(&m);
    p->cost = m.plain_cost > 0 ? m.cost / m.plain_cost : 1;
    if (good)
        tell(s);
    return good;
}
