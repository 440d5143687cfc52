/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of some samples as bytes, so that several machines can share the work. What is kept
   are extremes, counts and fixed-point sums: parts merge to the same bytes in any order and number.

   All numbers are little-endian:
     "ORKSTATS"  u32 version  u32 kind  64 bytes: SHA-256 of the network as text
     u64 samples  u64 step  u32 varied fits  u32 values with statistics, all values
     bits of the samples that were looked at, in bytes
     for each value: u32 id, channels, bins, samples; for each channel: f32 min, max and, with
     distributions, i64 sum, squares and the counts of the bins, u32 each */
#include "internal.h"

#include <math.h>
#include <string.h>

enum {
    VERSION = 2, /* 1 had bins of equal width */
    MARK = 8,
    MOST_SAMPLES_LISTED = 1 << 24,
    MOST_BINS = 1 << 16,
    MOST_VALUES = 1 << 17
};
static const char mark[] = "ORKSTATS";

/* The bits of so many samples; not more than MOST_SAMPLES_LISTED. */
static size_t bytes_of_bits(uint64_t samples)
{
    return (size_t)((samples + 7) / 8);
}

/* ---- failures ---- */

static bool refuse(ork_diag *diag, const char *what, const char *fix)
{
    ork_fail(diag, ORK_ERR_RANGE, "%s", what);
    return ork_fix(diag, "%s", fix);
}

static bool damaged(ork_diag *diag)
{
    return refuse(diag, "this is no complete file of statistics",
                  "make it again with ork calibrate, or copy it again");
}

/* ---- which network ---- */

void ork_statistics_print(const ork_graph *graph, char text[ORK_SHA256_TEXT])
{
    ork_str all = {0};
    char one[ORK_SHA256_TEXT];
    ork_graph_print(graph, &(ork_text_options){0}, &all);
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind != ORK_VALUE_CONSTANT || !value->uses.count)
            continue;
        const ork_tensor tensor = {.type = value->type};
        ork_sha256((ork_bytes){value->data, ork_tensor_bytes(&tensor)}, one);
        ork_str_printf(&all, "%s\n", one);
    }
    ork_sha256((ork_bytes){(const uint8_t *)all.text, all.length}, text);
    ork_str_free(&all);
}

/* ---- writing ---- */

static void put(ork_str *out, uint64_t number, int bytes)
{
    char text[8];
    for (int i = 0; i < bytes; i++)
        text[i] = (char)(number >> (8 * i) & 0xff);
    ork_str_append(out, text, (size_t)bytes);
}

static void put_float(ork_str *out, float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof(bits));
    put(out, bits, 4);
}

static void put_part(ork_str *out, const ork_part *part, int bin_count)
{
    put_float(out, part->min);
    put_float(out, part->max);
    if (!part->bins)
        return;
    put(out, (uint64_t)part->sum, 8);
    put(out, (uint64_t)part->squares, 8);
    for (int i = 0; i < bin_count; i++)
        put(out, part->bins[i], 4);
}

void ork_statistics_write(const ork_statistics_part *p, ork_str *out)
{
    uint32_t values = 0;
    for (size_t i = 0; i < p->value_count; i++)
        values += p->values[i].parts != NULL;
    ork_str_append(out, mark, MARK);
    put(out, VERSION, 4);
    put(out, p->distributions, 4);
    ork_str_append(out, p->network, ORK_SHA256_TEXT - 1);
    put(out, p->samples, 8);
    put(out, p->step, 8);
    put(out, p->varied, 4);
    put(out, values, 4);
    put(out, p->value_count, 4);
    ork_str_append(out, (const char *)p->seen, bytes_of_bits(p->samples));
    for (size_t i = 0; i < p->value_count; i++) {
        const ork_statistics *s = &p->values[i];
        if (!s->parts)
            continue;
        put(out, i, 4);
        put(out, (uint64_t)s->channels, 4);
        put(out, (uint64_t)s->bin_count, 4);
        put(out, s->samples, 4);
        for (int64_t c = 0; c < s->channels; c++)
            put_part(out, &s->parts[c], s->bin_count);
    }
}

/* ---- reading ---- */

static float read_float(ork_reader *r)
{
    const uint32_t bits = ork_read_u32(r);
    float number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static void read_part(ork_reader *r, ork_arena *arena, ork_part *part, int bin_count,
                      bool distributions)
{
    part->min = read_float(r);
    part->max = read_float(r);
    if (!distributions)
        return;
    part->sum = (int64_t)ork_read_u64(r);
    part->squares = (int64_t)ork_read_u64(r);
    if (r->size - r->offset < (size_t)bin_count * 4)
        r->failed = true;
    if (r->failed)
        return;
    part->bins = ORK_NEW_ARRAY(arena, uint32_t, (size_t)bin_count);
    for (int i = 0; i < bin_count; i++)
        part->bins[i] = ork_read_u32(r);
}

/* Ids ascend, so that equal statistics are equal bytes. */
static bool read_value(ork_reader *r, ork_arena *arena, ork_statistics_part *p, int64_t *last)
{
    const uint32_t id = ork_read_u32(r), channels = ork_read_u32(r), bins = ork_read_u32(r);
    const uint32_t samples = ork_read_u32(r);
    if (r->failed || (int64_t)id <= *last || id >= p->value_count || channels == 0 || bins == 0 ||
        bins > MOST_BINS || channels > (r->size - r->offset) / 8)
        return false;
    ork_statistics *s = &p->values[id];
    *s = (ork_statistics){.channels = channels,
                          .bin_count = (int)bins,
                          .samples = samples,
                          .parts = ORK_NEW_ARRAY(arena, ork_part, channels)};
    for (uint32_t c = 0; c < channels && !r->failed; c++)
        read_part(r, arena, &s->parts[c], s->bin_count, p->distributions);
    *last = id;
    return !r->failed;
}

bool ork_statistics_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_statistics_part *p)
{
    ork_reader r = ork_reader_new(bytes);
    const uint8_t *start = ork_read_bytes(&r, MARK);
    if (!start || memcmp(start, mark, MARK) != 0 || ork_read_u32(&r) != VERSION)
        return damaged(diag);
    const uint32_t kind = ork_read_u32(&r);
    const uint8_t *network = ork_read_bytes(&r, ORK_SHA256_TEXT - 1);
    *p = (ork_statistics_part){.distributions = kind == 1};
    p->samples = ork_read_u64(&r);
    p->step = ork_read_u64(&r);
    const uint32_t varied = ork_read_u32(&r);
    p->varied = varied == 1;
    const uint32_t values = ork_read_u32(&r), count = ork_read_u32(&r);
    if (r.failed || kind > 1 || varied > 1 || p->samples > MOST_SAMPLES_LISTED || p->step == 0 ||
        p->step > MOST_SAMPLES_LISTED || count > MOST_VALUES)
        return damaged(diag);
    memcpy(p->network, network, ORK_SHA256_TEXT - 1);
    const uint8_t *seen = ork_read_bytes(&r, bytes_of_bits(p->samples));
    if (!seen || values > (bytes.size - r.offset) / 24)
        return damaged(diag);
    p->seen = ORK_NEW_ARRAY(arena, uint8_t, bytes_of_bits(p->samples) + 1);
    memcpy(p->seen, seen, bytes_of_bits(p->samples));
    p->value_count = count;
    if (values > count)
        return damaged(diag);
    p->values = ORK_NEW_ARRAY(arena, ork_statistics, p->value_count);
    int64_t last = -1;
    for (uint32_t i = 0; i < values; i++)
        if (!read_value(&r, arena, p, &last))
            return damaged(diag);
    return r.offset == r.size || damaged(diag);
}

/* ---- merging ---- */

static bool same_extremes(const ork_part *a, const ork_part *b)
{
    return memcmp(&a->min, &b->min, sizeof(float)) == 0 &&
           memcmp(&a->max, &b->max, sizeof(float)) == 0;
}

/* False when the parts cannot be of one network's one value. */
static bool add_value(ork_statistics *to, const ork_statistics *from, bool distributions)
{
    if (to->channels != from->channels || to->bin_count != from->bin_count)
        return false;
    to->samples += from->samples;
    for (int64_t c = 0; c < to->channels; c++) {
        ork_part *a = &to->parts[c];
        const ork_part *b = &from->parts[c];
        if (!distributions) {
            a->min = fminf(a->min, b->min);
            a->max = fmaxf(a->max, b->max);
            continue;
        }
        if (!same_extremes(a, b))
            return false;
        a->sum = (int64_t)((uint64_t)a->sum + (uint64_t)b->sum);
        a->squares = (int64_t)((uint64_t)a->squares + (uint64_t)b->squares);
        for (int i = 0; i < to->bin_count; i++)
            a->bins[i] += b->bins[i];
    }
    return true;
}

static bool add_seen(ork_diag *diag, ork_statistics_part *to, const ork_statistics_part *from)
{
    for (size_t i = 0; i < bytes_of_bits(to->samples); i++) {
        if (to->seen[i] & from->seen[i])
            return refuse(diag, "two of the parts have looked at the same sample",
                          "give each part once, of shards 1/N to N/N of the same list");
        to->seen[i] |= from->seen[i];
    }
    return true;
}

bool ork_statistics_add(ork_diag *diag, ork_statistics_part *to, const ork_statistics_part *from)
{
    if (strcmp(to->network, from->network) != 0 || to->samples != from->samples ||
        to->step != from->step || to->varied != from->varied ||
        to->distributions != from->distributions || to->value_count != from->value_count)
        return refuse(diag, "the parts are of different networks, lists or kinds",
                      "measure all shards with the same network, list and options");
    if (!add_seen(diag, to, from))
        return false;
    for (size_t i = 0; i < from->value_count; i++) {
        if (!from->values[i].parts)
            continue;
        if (!to->values[i].parts)
            to->values[i] = from->values[i];
        else if (!add_value(&to->values[i], &from->values[i], to->distributions))
            return refuse(diag, "the parts do not lie between the same extremes",
                          "give all shards the same merged extremes");
    }
    return true;
}

/* Whether all samples that count were looked at. */
bool ork_statistics_complete(const ork_statistics_part *p)
{
    const uint64_t step = p->distributions ? p->step : 1;
    for (uint64_t i = 0; i < p->samples; i += step)
        if (!(p->seen[i / 8] >> (i % 8) & 1))
            return false;
    return p->samples > 0;
}

bool ork_statistics_merge(ork_diag *diag, const ork_bytes *parts, size_t count, ork_str *merged)
{
    ork_arena *arena = ork_arena_new();
    ork_statistics_part all, part;
    bool good = count > 0 && ork_statistics_read(diag, arena, parts[0], &all);
    for (size_t i = 1; good && i < count; i++)
        good = ork_statistics_read(diag, arena, parts[i], &part) &&
               ork_statistics_add(diag, &all, &part);
    if (good)
        ork_statistics_write(&all, merged);
    ork_arena_free(arena);
    return good;
}
