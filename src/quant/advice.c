/* SPDX-License-Identifier: Apache-2.0 */
/* What the figures mean, and what to do. */
#include "accuracy.h"

#include <math.h>
#include <stdlib.h>

/* A layer that alone brings so much of the answers' error is worth a word; what brings less is the
   price of integers. */
static const double least_damage = 0.01;
/* Ranges of channels that differ by more share a scale badly: with 256 codes, the least has 5. */
static const double wide_ratio = 50;
static const double many_saturated = 0.01;
/* So many deviations from the mean: hardly any number is there. */
static const double far_peak = 40;
enum { MOST_CULPRITS = 10, NAMED_CULPRITS = 3 };

typedef struct judging {
    ork_accuracy *accuracy;
    ork_layer_accuracy *layer;
} judging;

/* Each rule of a layer tells whether it holds, and its sentence. */
typedef const char *(*rule_fn)(const judging *j);

static bool is_narrow(const ork_layer_accuracy *l)
{
    return l->dtype == ORK_U8 || l->dtype == ORK_I8;
}

static const char *tell_not_finite(const judging *j)
{
    const long long count = (long long)j->layer->accumulated.not_finite;
    return count ? ork_arena_printf(j->accuracy->arena,
                                    "%lld of its numbers are not finite: check mean_values, "
                                    "std_values and the weights.",
                                    count)
                 : NULL;
}

static const char *tell_weights(const judging *j)
{
    const ork_layer_accuracy *l = j->layer;
    if (!l->is_culprit || !is_narrow(l) || l->weight_ratio < wide_ratio)
        return NULL;
    return ork_arena_printf(
        j->accuracy->arena,
        "The weights of its channels differ in range by %.0f times and share one "
        "scale, so that most channels have a few codes only. %s",
        l->weight_ratio,
        l->groups > 1 ? "Allow more groups (splits), or compute it with 16 bits."
                      : "Compute it in groups of channels (splits, on by default), or with "
                        "16 bits.");
}

static const char *tell_outputs(const judging *j)
{
    const ork_layer_accuracy *l = j->layer;
    if (!l->is_culprit || !is_narrow(l) || l->output_ratio < wide_ratio)
        return NULL;
    return ork_arena_printf(
        j->accuracy->arena,
        "The channels of its output differ in range by %.0f times and share one "
        "scale%s.",
        l->output_ratio,
        l->isolated.lost_channels ? "; that is what is lost of the small ones" : "");
}

static const char *tell_lost(const judging *j)
{
    const ork_layer_accuracy *l = j->layer;
    const long long lost = (long long)l->isolated.lost_channels, all = (long long)l->channels;
    if (!lost || !is_narrow(l) || !l->is_culprit)
        return NULL;
    return ork_arena_printf(j->accuracy->arena,
                            "%lld of its %lld channels %s lost in rounding although it is fed with "
                            "exact numbers.",
                            lost, all, lost == 1 ? "is" : "are");
}

static const char *tell_saturated(const judging *j)
{
    const ork_layer_accuracy *l = j->layer;
    if (l->saturated < many_saturated)
        return NULL;
    return ork_arena_printf(
        j->accuracy->arena,
        "Its range cuts off %.1f %% of its numbers: calibrate with samples like "
        "these, with the channel order that the network runs with.",
        l->saturated * 100);
}

static const char *tell_peak(const judging *j)
{
    const ork_layer_accuracy *l = j->layer;
    if (!l->is_culprit || !is_narrow(l) || l->peak < far_peak)
        return NULL;
    return ork_arena_printf(
        j->accuracy->arena,
        "A few numbers stretch its range: the greatest is %.0f deviations away. "
        "Try quantized_algorithm='mmse'.",
        l->peak);
}

static const char *tell_joined(const judging *j)
{
    const ork_layer_accuracy *l = j->layer;
    if (l->dtype == ORK_F32 || l->op[0] != 'c' || !ork_starts_with(l->op, "concat") ||
        l->isolated.channel_sqnr > 10 || l->output_ratio < wide_ratio)
        return NULL;
    return "It joins tensors of very different ranges under one scale: end the network before it, "
           "and join outside.";
}

/* Where nothing else explains it. */
static const char *tell_culprit(const judging *j)
{
    return j->layer->is_culprit && j->layer->advice.count == 0
               ? "Computed on integers alone it moves the network's answers: compute it with 16 "
                 "bits, or leave it in floats."
               : NULL;
}

static const rule_fn rules[] = {tell_not_finite, tell_weights, tell_outputs, tell_lost,
                                tell_saturated,  tell_peak,    tell_joined,  tell_culprit};

static void advise_layer(ork_accuracy *a, ork_layer_accuracy *layer)
{
    const judging j = {a, layer};
    for (size_t i = 0; i < ORK_COUNT(rules); i++) {
        const char *sentence = rules[i](&j);
        if (sentence)
            ork_vec_push(a->arena, &layer->advice, sentence);
    }
}

/* ---- the network ---- */

static void find_culprits(ork_accuracy *a)
{
    bool *taken = ORK_NEW_ARRAY(a->arena, bool, a->layers.count + 1);
    for (int k = 0; k < MOST_CULPRITS; k++) {
        size_t worst = a->layers.count;
        for (size_t i = 0; i < a->layers.count; i++)
            if (!taken[i] && a->layers.items[i].damage >= least_damage &&
                (worst == a->layers.count ||
                 a->layers.items[i].damage > a->layers.items[worst].damage))
                worst = i;
        if (worst == a->layers.count)
            return;
        taken[worst] = true;
        a->layers.items[worst].is_culprit = true;
        ork_vec_push(a->arena, &a->culprits, worst);
    }
}

static const char *answers_text(double error)
{
    static const struct {
        double below;
        const char *text;
    } grades[] = {
        {0.01, "The quantized network answers as the float network does"},
        {0.1, "The quantized network answers nearly as the float network does"},
        {0.5, "The quantized network answers noticeably different from the float network"},
        {HUGE_VAL, "The quantized network's answers have little to do with those of the "
                   "float network"}};
    size_t i = 0;
    while (i + 1 < ORK_COUNT(grades) && !(error < grades[i].below))
        i++;
    return grades[i].text;
}

static const char *culprits_text(const ork_accuracy *a)
{
    const char *text = "";
    const size_t count = ork_min_size(a->culprits.count, NAMED_CULPRITS);
    for (size_t i = 0; i < count; i++)
        text = ork_arena_printf(a->arena, "%s%s'%s'", text,
                                i == 0          ? ""
                                : i + 1 < count ? ", "
                                                : " and ",
                                a->layers.items[a->culprits.items[i]].name);
    return text;
}

static void give_verdict(ork_accuracy *a)
{
    a->verdict = ork_arena_printf(a->arena,
                                  "%s (error of the answers %.3g, where 0 is none and 1 "
                                  "leaves nothing).",
                                  answers_text(a->error), a->error);
    if (a->culprits.count)
        a->verdict = ork_arena_printf(a->arena, "%s Most damage is done by %s.", a->verdict,
                                      culprits_text(a));
    if (a->first_bad >= 0)
        a->verdict = ork_arena_printf(a->arena, "%s The first layer whose output is bad is '%s'.",
                                      a->verdict, a->layers.items[a->first_bad].name);
}

static void advise_network(ork_accuracy *a)
{
    size_t whole = 0;
    for (size_t i = 0; i < a->culprits.count; i++) {
        const ork_layer_accuracy *l = &a->layers.items[a->culprits.items[i]];
        whole += l->weight_ratio >= wide_ratio && l->groups == 1;
    }
    if (whole && a->error >= 0.1)
        ork_vec_push(
            a->arena, &a->advice,
            "Build without vendor_exact and with splits (8 by default): convolutions whose "
            "channels differ in range are then computed in groups, each with its own scale.");
    if (a->error >= 0.1 && !whole)
        ork_vec_push(
            a->arena, &a->advice,
            "Quantize with 16 bits (dynamic_fixed_point-i16) to see whether 8 bits are the "
            "cause; if it is no better, look at the samples, the channel order, mean and "
            "std.");
    if (a->samples < 4)
        ork_vec_push(a->arena, &a->advice,
                     "Measured on few samples: give some more to be sure of the order of layers.");
    if (a->unmatched)
        ork_vec_push(a->arena, &a->advice,
                     ork_arena_printf(a->arena,
                                      "%zu layers of the float network have no counterpart "
                                      "in the quantized one and are left out.",
                                      a->unmatched));
}

void accuracy_judge(ork_accuracy *a)
{
    for (size_t i = a->layers.count; i-- > 0;) {
        ork_layer_accuracy *l = &a->layers.items[i];
        l->is_bad = l->accumulated.channel_sqnr < a->bad_sqnr || l->accumulated.not_finite > 0;
        if (l->is_bad)
            a->first_bad = (int)i;
    }
    find_culprits(a);
    for (size_t i = 0; i < a->layers.count; i++)
        advise_layer(a, &a->layers.items[i]);
    advise_network(a);
    give_verdict(a);
}
