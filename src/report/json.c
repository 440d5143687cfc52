/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "../codec/codec.h"

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
    ork_json_member_double(w, "cosine", d->cosine);
    ork_json_member_double(w, "euclidean", d->euclidean);
    ork_json_member_double(w, "unit_euclidean", d->unit_euclidean);
    ork_json_member_double(w, "sqnr_db", d->sqnr);
    ork_json_member_double(w, "channel_sqnr_db", d->channel_sqnr);
    ork_json_member_double(w, "greatest", d->greatest);
    ork_json_member_int(w, "lost_channels", d->lost_channels);
    ork_json_member_int(w, "not_finite", d->not_finite);
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
    ork_json_member_double(w, "weight_low", (double)l->weight_low);
    ork_json_member_double(w, "weight_high", (double)l->weight_high);
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
    ork_json_member_text(w, "name", l->name);
    ork_json_member_text(w, "output", l->output);
    ork_json_member_text(w, "op", l->op);
    ork_json_member_text(w, "shape", ork_shape_text(&l->shape, shape, sizeof(shape)));
    ork_json_member_text(w, "type", ork_dtype_table[l->dtype].name);
    ork_json_member_text(w, "file", l->file);
    ork_json_member_int(w, "channels", l->channels);
    ork_json_member_int(w, "groups", l->groups);
    put_distance(w, "alone", &l->isolated);
    put_distance(w, "entire", &l->accumulated);
    ork_json_member_double(w, "damage", l->damage);
    ork_json_member_double(w, "saturated", l->saturated);
    ork_json_member_double(w, "weight_ratio", l->weight_ratio);
    ork_json_member_double(w, "output_ratio", l->output_ratio);
    if (l->weight_channels)
        put_weights_of(w, l);
    ork_json_member_double(w, "peak", l->peak);
    ork_json_member_bool(w, "bad", l->is_bad);
    ork_json_member_bool(w, "culprit", l->is_culprit);
    put_names(w, "advice", &l->advice);
    ork_json_member_double(w, "low", (double)l->low);
    ork_json_member_double(w, "high", (double)l->high);
    put_bins(w, "float_bins", l->bins[0]);
    put_bins(w, "quantized_bins", l->bins[1]);
    ork_json_end_object(w);
}

void ork_report_json(const ork_accuracy *a, ork_str *out)
{
    ork_json_writer writer = ork_json_writer_new(out, 0), *w = &writer;
    ork_json_begin_object(w);
    ork_json_member_int(w, "schema_version", 1);
    ork_json_member_text(w, "network", a->network);
    ork_json_member_text(w, "target", a->target);
    ork_json_member_int(w, "samples", (int64_t)a->samples);
    ork_json_member_double(w, "error", a->error);
    ork_json_member_text(w, "verdict", a->verdict);
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
    ork_json_member_int(w, "unmatched_layers", (int64_t)a->unmatched);
    ork_json_key(w, "layers");
    ork_json_begin_array(w);
    for (size_t i = 0; i < a->layers.count; i++)
        put_layer(w, &a->layers.items[i]);
    ork_json_end_array(w);
    ork_json_end_object(w);
    ork_json_finish(w);
}
