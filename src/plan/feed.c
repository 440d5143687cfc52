/* SPDX-License-Identifier: Apache-2.0 */
/* What the user gives becomes the network's input: channel order, then (x - mean) / std in
   float32, then quantization. 8-bit feeds go through a table per channel. */
#include "runner.h"

#include <string.h>

/* Besides what pictures and arrays come as, an input of whole numbers takes its own type. */
static bool is_feed_type(ork_dtype dtype, const ork_value *value)
{
    return dtype == value->type.dtype || dtype == ORK_U8 || dtype == ORK_I8 || dtype == ORK_I16 ||
           dtype == ORK_F16 || dtype == ORK_F32 || dtype == ORK_F64;
}

/* The shape of the input as the feed should have it. */
static ork_shape expected_shape(const ork_value *value, bool is_nhwc)
{
    ork_shape shape = value->type.shape;
    if (shape.rank == 4 && is_nhwc)
        shape =
            ork_shape_of(4, (int64_t[]){shape.dim[0], shape.dim[2], shape.dim[3], shape.dim[1]});
    return shape;
}

bool ork_runner_check_feed(const ork_runner *r, ork_diag *diag, size_t input, const ork_feed *feed)
{
    return ork_feed_check(r->plan->graph, diag, input, feed);
}

bool ork_feed_check(const ork_graph *graph, ork_diag *diag, size_t input, const ork_feed *feed)
{
    const ork_value *value = graph->inputs.items[input].value;
    ork_shape wanted = expected_shape(value, feed->is_nhwc);
    if (!is_feed_type(feed->dtype, value)) {
        ork_fail(diag, ORK_ERR_INPUT_TYPE, "input '%s' cannot be given as %s", value->name,
                 ork_dtype_table[feed->dtype].name);
        return ork_fix(diag, "give uint8, int8, int16, float16 or float32");
    }
    if (ork_shape_equal(&wanted, &feed->shape))
        return true;
    char want[ORK_SHAPE_TEXT], got[ORK_SHAPE_TEXT];
    ork_fail(diag, ORK_ERR_INPUT_SHAPE, "input '%s' has shape %s, but %s is needed", value->name,
             ork_shape_text(&feed->shape, got, sizeof(got)),
             ork_shape_text(&wanted, want, sizeof(want)));
    ork_shape other = expected_shape(value, !feed->is_nhwc);
    if (wanted.rank == 4 && ork_shape_equal(&other, &feed->shape)) {
        ork_why(diag, "the array looks like %s, but is taken as %s",
                feed->is_nhwc ? "NCHW" : "NHWC", feed->is_nhwc ? "NHWC" : "NCHW");
        return ork_fix(diag, "pass data_format='%s'", feed->is_nhwc ? "nchw" : "nhwc");
    }
    if (feed->shape.rank != wanted.rank)
        return ork_why(diag, "it needs %d dimensions and got %d", wanted.rank, feed->shape.rank);
    return ork_fix(diag, "resize or letterbox the picture to the network's size");
}

typedef struct feeding {
    const ork_feed *feed;
    const ork_type *type;
    const ork_preprocess *preprocess; /* NULL: nothing */
    bool raw;                         /* elements are taken as they are */
    int64_t in[4], out[4];            /* strides of N, C, H, W */
    void *target;
} feeding;

static int source_channel(const feeding *f, int64_t c)
{
    return f->preprocess && c < f->preprocess->count ? f->preprocess->reorder[c] : (int)c;
}

static void store(const feeding *f, void *target, int64_t at, int64_t channel, double value)
{
    float x = (float)value;
    if (f->preprocess && channel < f->preprocess->count)
        x = (x - f->preprocess->mean[channel]) / f->preprocess->std[channel];
    if (f->type->dtype == ORK_F32)
        ((float *)target)[at] = x;
    else if (f->raw || f->type->quant.scheme == ORK_SCHEME_NONE)
        ork_element_set(f->type->dtype, target, at, value);
    else
        ork_element_set(f->type->dtype, target, at,
                        (double)ork_quantize_one(x, f->type->dtype, &f->type->quant));
}

static void set_strides(int64_t strides[4], const ork_shape *nchw, bool is_nhwc, int64_t pixel)
{
    const int64_t *d = nchw->dim;
    if (is_nhwc) {
        strides[1] = 1;
        strides[3] = pixel;
        strides[2] = pixel * d[3];
        strides[0] = strides[2] * d[2];
    } else {
        strides[3] = 1;
        strides[2] = d[3];
        strides[1] = d[3] * d[2];
        strides[0] = strides[1] * d[1];
    }
}

static double feed_value(const ork_feed *feed, int64_t at)
{
    return ork_element_get(feed->dtype, feed->data, at);
}

/* All pixels of one channel, one element at a time. */
static void store_channel(const feeding *f, int64_t n, int64_t c)
{
    const int64_t *d = f->type->shape.dim;
    int64_t from = n * f->in[0] + source_channel(f, c) * f->in[1];
    int64_t to = n * f->out[0] + c * f->out[1];
    for (int64_t y = 0; y < d[2]; y++)
        for (int64_t x = 0; x < d[3]; x++)
            store(f, f->target, to + y * f->out[2] + x * f->out[3], c,
                  feed_value(f->feed, from + y * f->in[2] + x * f->in[3]));
}

/* The same through a table of 256 elements. */
#define DEFINE_MAP(element)                                                                        \
    static void map_##element(const feeding *f, const void *table, int64_t n, int64_t c)           \
    {                                                                                              \
        const int64_t *d = f->type->shape.dim;                                                     \
        const uint8_t *in =                                                                        \
            (const uint8_t *)f->feed->data + n * f->in[0] + source_channel(f, c) * f->in[1];       \
        element *out = (element *)f->target + n * f->out[0] + c * f->out[1];                       \
        for (int64_t y = 0; y < d[2]; y++)                                                         \
            for (int64_t x = 0; x < d[3]; x++)                                                     \
                out[y * f->out[2] + x * f->out[3]] =                                               \
                    ((const element *)table)[in[y * f->in[2] + x * f->in[3]]];                     \
    }
DEFINE_MAP(uint8_t)
DEFINE_MAP(uint16_t)
DEFINE_MAP(uint32_t)

/* What each byte of the feed becomes in a channel: 256 elements of the input's type. */
static void make_table(const feeding *f, void *table, int64_t c)
{
    for (int i = 0; i < 256; i++)
        store(f, table, i, c, f->feed->dtype == ORK_U8 ? (double)i : (double)(int8_t)i);
}

static void map_channel(const feeding *f, void *table, int64_t n, int64_t c)
{
    make_table(f, table, c);
    size_t size = ork_dtype_table[f->type->dtype].size;
    if (size == 1)
        map_uint8_t(f, table, n, c);
    else if (size == 2)
        map_uint16_t(f, table, n, c);
    else
        map_uint32_t(f, table, n, c);
}

enum { MOST_TABLES = 4 };

/* Pictures of bytes become bytes with their channels together, as they are: through the tables in
   one go, or through one where all channels have the same. */
static bool feed_bytes(const feeding *f)
{
    uint8_t tables[MOST_TABLES][256];
    const int64_t *d = f->type->shape.dim, channels = d[1], count = d[0] * d[2] * d[3];
    if (channels > MOST_TABLES || f->in[1] != 1 || f->out[1] != 1 || f->out[3] != channels ||
        ork_dtype_table[f->type->dtype].size != 1 || ork_dtype_table[f->feed->dtype].size != 1)
        return false;
    bool same = true;
    for (int64_t c = 0; c < channels; c++) {
        make_table(f, tables[c], c);
        same = same && source_channel(f, c) == c && memcmp(tables[c], tables[0], 256) == 0;
    }
    const ork_table_map map = {1, count * channels, count * channels, count * channels};
    if (same) {
        ork_table8_run(&map, tables[0], f->feed->data, f->target, 0, 1);
        return true;
    }
    const uint8_t *in = f->feed->data;
    uint8_t *out = f->target;
    int source[MOST_TABLES];
    for (int64_t c = 0; c < channels; c++)
        source[c] = source_channel(f, c);
    for (int64_t i = 0; i < count; i++, in += channels, out += channels)
        for (int64_t c = 0; c < channels; c++)
            out[c] = tables[c][in[source[c]]];
    return true;
}

static void feed_pixels(const feeding *f)
{
    uint32_t table[256];
    if (feed_bytes(f))
        return;
    bool small = ork_dtype_table[f->feed->dtype].size == 1 &&
                 ork_dtype_table[f->type->dtype].size <= sizeof(*table);
    for (int64_t n = 0; n < f->type->shape.dim[0]; n++) {
        for (int64_t c = 0; c < f->type->shape.dim[1]; c++) {
            if (small)
                map_channel(f, table, n, c);
            else
                store_channel(f, n, c);
        }
    }
}

static void feed_plain(const feeding *f)
{
    int64_t count = ork_shape_count(&f->type->shape);
    for (int64_t i = 0; i < count; i++)
        store(f, f->target, i, 0, feed_value(f->feed, i));
}

void ork_runner_set_input(ork_runner *r, size_t input, const ork_feed *feed)
{
    const double start = runner_clock(r);
    const ork_graph_input *in = &r->plan->graph->inputs.items[input];
    const slot *s = r->plan->inputs[input];
    const ork_type *type = &in->value->type;
    bool has_preprocess = !feed->pass_through && in->preprocess.count > 0;
    feeding f = {.feed = feed,
                 .type = type,
                 .target = runner_pointer(r, s, 0),
                 .preprocess = has_preprocess ? &in->preprocess : NULL,
                 .raw = feed->pass_through && feed->dtype == type->dtype};
    if (type->shape.rank == 4) {
        set_strides(f.in, &type->shape, feed->is_nhwc, type->shape.dim[1]);
        set_strides(f.out, &type->shape, s->layout == LAYOUT_PIXELS, s->pixel_stride);
        feed_pixels(&f);
    } else {
        feed_plain(&f);
    }
    r->seconds[0] = (input ? r->seconds[0] : 0) + runner_clock(r) - start;
    if (r->observe)
        runner_observe_value(r, s);
}
