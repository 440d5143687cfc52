/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "../codec/codec.h"

static void put_number(ork_json_writer *w, const char *key, double number)
{
    ork_json_key(w, key);
    ork_json_put_double(w, number);
}

static void put_count(ork_json_writer *w, const char *key, int64_t count)
{
    ork_json_key(w, key);
    ork_json_put_int(w, count);
}

static void put_text(ork_json_writer *w, const char *key, const char *text)
{
    ork_json_key(w, key);
    ork_json_put_text(w, text);
}

static void put_flag(ork_json_writer *w, const char *key, bool flag)
{
    ork_json_key(w, key);
    ork_json_put_bool(w, flag);
}

static void put_names(ork_json_writer *w, const char *key, const ork_names *names)
{
    ork_json_key(w, key);
    ork_json_begin_array(w);
    for (size_t i = 0; i < names->count; i++)
        ork_json_put_text(w, names->items[i]);
    ork_json_end_array(w);
}

static void put_distance(ork_json_writer *w, const char *key, const ork_distance *d)
{
    ork_json_key(w, key);
    ork_json_begin_object(w);
    put_number(w, "cosine", d->cosine);
    put_number(w, "euclidean", d->euclidean);
    put_number(w, "unit_euclidean", d->unit_euclidean);
    put_number(w, "sqnr_db", d->sqnr);
    put_number(w, "channel_sqnr_db", d->channel_sqnr);
    put_number(w, "greatest", d->greatest);
    put_count(w, "lost_channels", d->lost_channels);
    put_count(w, "not_finite", d->not_finite);
    ork_json_end_object(w);
}

static void put_bins(ork_json_writer *w, const char *key, const uint32_t *bins)
{
    ork_json_key(w, key);
    ork_json_begin_array(w);
    for (int i = 0; i < ORK_ACCURACY_BINS; i++)
        ork_json_put_int(w, bins[i]);
    ork_json_end_array(w);
}

static void put_weights_of(ork_json_writer *w, const ork_layer_accuracy *l)
{
    put_number(w, "weight_low", (double)l->weight_low);
    put_number(w, "weight_high", (double)l->weight_high);
    put_bins(w, "weight_bins", l->weight_bins);
    ork_json_key(w, "weight_codes");
    ork_json_begin_array(w);
    for (int64_t c = 0; c < l->weight_channels; c++)
        ork_json_put_int(w, l->weight_codes[c]);
    ork_json_end_array(w);
}

static void put_layer(ork_json_writer *w, const ork_layer_accuracy *l)
{
    char shape[ORK_SHAPE_TEXT];
    ork_json_begin_object(w);
    put_text(w, "name", l->name);
    put_text(w, "output", l->output);
    put_text(w, "op", l->op);
    put_text(w, "shape", ork_shape_text(&l->shape, shape, sizeof(shape)));
    put_text(w, "type", ork_dtype_table[l->dtype].name);
    put_text(w, "file", l->file);
    put_count(w, "channels", l->channels);
    put_count(w, "groups", l->groups);
    put_distance(w, "alone", &l->isolated);
    put_distance(w, "entire", &l->accumulated);
    put_number(w, "damage", l->damage);
    put_number(w, "saturated", l->saturated);
    put_number(w, "weight_ratio", l->weight_ratio);
    put_number(w, "output_ratio", l->output_ratio);
    if (l->weight_channels)
        put_weights_of(w, l);
    put_number(w, "peak", l->peak);
    put_flag(w, "bad", l->is_bad);
    put_flag(w, "culprit", l->is_culprit);
    put_names(w, "advice", &l->advice);
    put_number(w, "low", (double)l->low);
    put_number(w, "high", (double)l->high);
    put_bins(w, "float_bins", l->bins[0]);
    put_bins(w, "quantized_bins", l->bins[1]);
    ork_json_end_object(w);
}

void ork_report_json(const ork_accuracy *a, ork_str *out)
{
    ork_json_writer writer = ork_json_writer_new(out, 0), *w = &writer;
    ork_json_begin_object(w);
    put_count(w, "schema_version", 1);
    put_text(w, "network", a->network);
    put_text(w, "target", a->target);
    put_count(w, "samples", (int64_t)a->samples);
    put_number(w, "error", a->error);
    put_text(w, "verdict", a->verdict);
    put_names(w, "advice", &a->advice);
    ork_json_key(w, "first_bad");
    if (a->first_bad >= 0)
        ork_json_put_int(w, a->first_bad);
    else
        ork_json_put_null(w);
    ork_json_key(w, "culprits");
    ork_json_begin_array(w);
    for (size_t i = 0; i < a->culprits.count; i++)
        ork_json_put_int(w, (int64_t)a->culprits.items[i]);
    ork_json_end_array(w);
    put_count(w, "unmatched_layers", (int64_t)a->unmatched);
    ork_json_key(w, "layers");
    ork_json_begin_array(w);
    for (size_t i = 0; i < a->layers.count; i++)
        put_layer(w, &a->layers.items[i]);
    ork_json_end_array(w);
    ork_json_end_object(w);
    ork_json_finish(w);
}
