/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense convolution of u8 and i8 by an instruction that adds the products of the four
   bytes of a word, or of its two int16, to an int32, exact modulo 2^32.

   As bytes, weights are signed ones, u8 ones less 128; the input's bytes are moved by
   dot_offset(dtype) into the signedness that the instruction wants. With x and w as moved, zx and
   zw the zero points moved likewise, a sum over k terms is sum (x - zx)(w - zw) = sum x w - zw sum
   x + (k zw - sum w) zx of which the last term is added to the bias, and the sum of x is found once
   for a window. As int16, inputs and weights less their zero points fit, and nothing is left to
   correct.

   A window is some segments of neighbouring elements: one for each line of the kernel, or one for
   each tap where channels are grouped or taps dilated. Where a picture can be read as it lies (1x1
   of bytes), it is; else its lines are copied to scratch with their padding around them, so that
   nothing below knows borders. Segments begin at fixed distances from a window's first byte, and
   windows of a line at fixed distances from each other, so nothing is gathered either.

   Packed: how far each word lies from a window's first byte, segment by segment; then for each
   group and panel of output channels, int32 biases, zw, constants of the requantization, and
   weights [segment][word][channel][4 bytes]. See bytes.h; the set's file also defines DOT_ELEMENT
   1: bytes, 2: int16, which madd(...) multiplies DOT_ROWS, DOT_VECTORS   pixels and vectors of
   channels in a tile at most DOT_EACH_TILE(tile)     tile(vectors, pixels) for all sizes that there
   are DOT_MOST_ROWS           the most pixels for 0, 1, ... vectors and for bytes DOT_SIGNED 1
   where the instruction takes the input as signed bytes dot(sum, x, w)          adds four products
   to each lane load_part(from, count)  1 to 4 LANES bytes, then zeros sum_lanes(parts)        lane
   i is the sum of the lanes of parts[i] */
#include "bytes.h"

enum {
    DOT_PANEL = DOT_VECTORS * LANES,
    VECTOR_BYTES = 4 * LANES,
    MOST_SEGMENTS = 1024,
    DIRECT_BYTES = 1 << 16, /* of windows read in place, before the next panel reads them again */
    LINES_BYTES = 1 << 17,  /* of lines in scratch, likewise; the first-level caches end before */
    MOST_DIRECT_PIXELS = 240,
    OVERREAD = 4, /* a segment's last quad may reach beyond it */
};

/* One panel's part of the packed bytes. */
typedef struct dot8_panel {
    int32_t bias[DOT_PANEL], zero[DOT_PANEL];
    requant_lanes requant[DOT_VECTORS];
} dot8_panel;

typedef struct dot8_layout {
    int64_t group_in, group_out, panels; /* of one group */
    int64_t segments, length, quads;     /* length: bytes of a segment, and quads of four */
    bool direct;                         /* windows are read in place */
    bool by_line;                        /* a segment is a line of the kernel */
    bool has_zero;                       /* zw is not 0 throughout */
    bool zeros_differ;                   /* between channels */
    /* Lines in scratch: bytes of a pixel and of a line, output rows that are done together. */
    int64_t pixel_bytes, line_pixels, line_bytes, rows;
    int64_t pixels;                       /* of a strip */
    size_t panels_at, panel_bytes, bytes; /* bytes 0: too large */
} dot8_layout;

#if DOT_ELEMENT == 1
static int32_t dot_offset(ork_dtype dtype)
{
    if (DOT_SIGNED)
        return dtype == ORK_U8 ? -128 : 0;
    return dtype == ORK_I8 ? 128 : 0;
}
#else
ALWAYS_INLINE ivec dot(ivec sum, ivec x, ivec w)
{
    return madd(sum, x, w);
}
#endif

/* Lines between the first of a row's window and the one behind the last of the next rows'. */
static int64_t dot8_lines(const ork_conv_shape *s, int64_t rows)
{
    return (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
}

static void dot8_set_lines(const ork_conv_shape *s, dot8_layout *l)
{
    l->line_pixels = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    l->line_bytes = round_up(l->line_pixels * l->pixel_bytes + OVERREAD, 64);
    const int64_t lines = ork_max64(LINES_BYTES / l->line_bytes, 1);
    l->rows = (lines - dot8_lines(s, 1)) / s->stride_h + 1;
    l->rows = ork_max64(1, ork_min64(l->rows, s->out_h));
    l->pixels = l->rows * round_up(s->out_w, LANES);
}

static dot8_layout dot8_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    dot8_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.by_line = s->groups == 1 && s->dilation_w == 1;
#if DOT_ELEMENT == 1
    l.direct = is_pointwise(s) && l.group_in % 4 == 0 && dot_offset(conv->dtype) == 0;
    l.has_zero = conv->weight_dtype == ORK_U8 || conv->requant.weight_zeros ||
                 conv->requant.weight_zero != 0;
    l.zeros_differ = conv->requant.weight_zeros != NULL;
#endif
    l.segments = l.by_line ? s->kernel_h : s->kernel_h * s->kernel_w;
    l.length = l.group_in * (l.by_line ? s->kernel_w : 1) * DOT_ELEMENT;
    l.quads = (l.length + 3) / 4;
    l.panels = (l.group_out + DOT_PANEL - 1) / DOT_PANEL;
    l.pixel_bytes = l.direct ? s->in_stride : s->in_c * DOT_ELEMENT;
    if (l.direct)
        l.pixels = ork_max64(LANES, ork_min64(DIRECT_BYTES / l.length, MOST_DIRECT_PIXELS));
    else
        dot8_set_lines(s, &l);
    l.panels_at = ork_align64(ork_size_product(sizeof(int32_t), l.segments, l.quads, 1));
    const size_t weights = ork_size_product(DOT_PANEL * 4, l.segments, l.quads, 1);
    l.panel_bytes = ork_align64(sizeof(dot8_panel)) + weights;
    const size_t all = weights ? ork_size_product(l.panel_bytes, l.panels, s->groups, 1) : 0;
    l.bytes = all ? l.panels_at + all : 0;
    return l;
}

static bool dot8_zero_supported(const ork_conv *conv)
{
#if DOT_ELEMENT == 1
    const int32_t zero = conv->requant.in_zero + dot_offset(conv->dtype);
    const int32_t least = DOT_SIGNED ? INT8_MIN : 0;
    return zero >= least && zero <= least + UINT8_MAX;
#else
    return bytes_supported(conv);
#endif
}

/* Words lie less than 2^31 bytes from a window's first one. */
static bool dot8_words_fit(const ork_conv_shape *s)
{
    const double line = ((double)s->out_w * (double)s->stride_w +
                         (double)s->kernel_w * (double)s->dilation_w + 64) *
                        (double)ork_max64(s->in_c, s->in_stride) * DOT_ELEMENT;
    return line * (double)s->kernel_h * (double)s->dilation_h < 1e9;
}

bool ISA(ork_dot8_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return requant_supported(&conv->requant) && dot8_zero_supported(conv) &&
           (s->out_c / s->groups * 4 >= LANES || s->groups == 1) &&
           s->kernel_h * s->kernel_w <= MOST_SEGMENTS && dot8_words_fit(s);
}

size_t ISA(ork_dot8_dense_packed_bytes)(const ork_conv *conv)
{
    return dot8_layout_of(conv).bytes;
}

/* ---- packing ---- */

static int64_t dot8_width(int64_t channels)
{
    return round_up(ork_min64(channels, DOT_PANEL), LANES);
}

static int32_t dot8_given_bias(const ork_conv *conv, int64_t channel)
{
    return conv->bias ? ((const int32_t *)conv->bias)[channel] : 0;
}

#if DOT_ELEMENT == 1
/* zw */
static int32_t dot8_weight_zero(const ork_conv *conv, int64_t channel)
{
    return ork_requant_weight_zero(&conv->requant, channel) -
           (conv->weight_dtype == ORK_U8 ? 128 : 0);
}

/* Up to four weights of a channel, `taps` bytes apart. */
ALWAYS_INLINE uint32_t dot8_word(const uint8_t *from, int64_t taps, int64_t count)
{
    uint8_t four[4] = {0};
    if (count == 4 && taps == 1)
        return (uint32_t)load_word(from);
    for (int64_t i = 0; i < count && i < 4; i++)
        four[i] = from[i * taps];
    return (uint32_t)load_word(four);
}

/* The bytes of a segment, which are `taps` apart for each of `columns` taps, to words `step` bytes
   apart, with `turn` turned. */
static void dot8_pack_segment(const uint8_t *from, int64_t taps, int64_t columns, int64_t channels,
                              uint8_t turn, int64_t step, int8_t *to)
{
    const uint32_t turns = turn * UINT32_C(0x01010101);
    if (columns == 1 || channels % 4 == 0) { /* no word has bytes of two taps */
        for (int64_t column = 0; column < columns; column++, from++)
            for (int64_t i = 0; i < channels; i += 4, to += step) {
                const int64_t count = ork_min64(4, channels - i);
                const uint32_t word = dot8_word(from + i * taps, taps, count) ^ turns;
                memcpy(to, &word, (size_t)count);
            }
        return;
    }
    for (int64_t i = 0; i < columns * channels; i++)
        to[i / 4 * step + i % 4] = (int8_t)(from[i % channels * taps + i / channels] ^ turn);
}

/* The weights of one output channel to its lane of a panel of `width`; its zw and new bias. */
static void dot8_pack_channel(const ork_conv *conv, const dot8_layout *l, int64_t channel,
                              int64_t lane, int64_t width, dot8_panel *panel, int8_t *to)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t taps = s->kernel_h * s->kernel_w, k = l->group_in * taps;
    const int64_t columns = l->length / l->group_in;
    const uint8_t *from = (const uint8_t *)conv->weights + channel * k;
    const uint8_t turn = conv->weight_dtype == ORK_U8 ? 128 : 0;
    const int32_t in_zero = conv->requant.in_zero + dot_offset(conv->dtype);
    int32_t sum = 0;
    for (int64_t segment = 0; segment < l->segments; segment++)
        dot8_pack_segment(from + segment * columns, taps, columns, l->group_in, turn, width * 4,
                          to + (segment * l->quads * width + lane) * 4);
    for (int64_t i = 0; i < k; i++)
        sum = (int32_t)((uint32_t)sum + (uint32_t)(int8_t)(from[i] ^ turn));
    panel->zero[lane] = dot8_weight_zero(conv, channel);
    const uint32_t rest = (uint32_t)k * (uint32_t)panel->zero[lane] - (uint32_t)sum;
    panel->bias[lane] =
        (int32_t)((uint32_t)dot8_given_bias(conv, channel) + rest * (uint32_t)in_zero);
}
#else
static void dot8_pack_channel(const ork_conv *conv, const dot8_layout *l, int64_t channel,
                              int64_t lane, int64_t width, dot8_panel *panel, int8_t *to)
{
    const int64_t length = l->length / DOT_ELEMENT;
    for (int64_t i = 0; i < l->segments * length; i++) {
        const int64_t pair = i / length * l->quads + i % length / 2;
        int16_t *vector =
            (int16_t *)(void *)(to + (pair * width + lane / LANES * LANES) * 2 * DOT_ELEMENT);
        vector[madd_slot((int)(lane % LANES), (int)(i % length & 1))] =
            centred_weight(conv, channel, i);
    }
    panel->bias[lane] = dot8_given_bias(conv, channel);
}
#endif

static void dot8_pack_panel(const ork_conv *conv, const dot8_layout *l, int64_t group,
                            int64_t first, void *packed)
{
    const int64_t channels = ork_min64(l->group_out - first, DOT_PANEL);
    const int64_t base = group * l->group_out + first;
    dot8_panel *panel = packed;
    int8_t *weights = (int8_t *)packed + ork_align64(sizeof(dot8_panel));
    for (int64_t o = 0; o < channels; o++)
        dot8_pack_channel(conv, l, base + o, o, dot8_width(channels), panel, weights);
    requant_panel_set(panel->requant, DOT_VECTORS, &conv->requant, base, base + channels);
}

/* How far a segment lies from a window's first byte. */
static int64_t dot8_segment_at(const ork_conv_shape *s, const dot8_layout *l, int64_t segment)
{
    const int64_t columns = l->segments / s->kernel_h;
    return segment / columns * s->dilation_h * l->line_bytes +
           segment % columns * s->dilation_w * l->pixel_bytes;
}

void ISA(ork_dot8_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const dot8_layout l = dot8_layout_of(conv);
    int32_t *words = packed;
    char *panels = (char *)packed + l.panels_at;
    memset(packed, 0, l.bytes);
    for (int64_t i = 0; i < l.segments * l.quads; i++)
        words[i] = (int32_t)(dot8_segment_at(s, &l, i / l.quads) + i % l.quads * 4);
    for (int64_t i = 0; i < s->groups * l.panels; i++)
        dot8_pack_panel(conv, &l, i / l.panels, i % l.panels * DOT_PANEL,
                        panels + (size_t)i * l.panel_bytes);
}

bool ISA(ork_dot8_dense_places)(const ork_conv *conv, const void *packed)
{
    const dot8_layout l = dot8_layout_of(conv);
    const int32_t *words = packed;
    bool same = true;
    for (int64_t i = 0; i < l.segments * l.quads; i++)
        same = same && words[i] == (int32_t)(dot8_segment_at(&conv->shape, &l, i / l.quads) +
                                             i % l.quads * 4);
    return same;
}

/* ---- one tile ---- */

/* What the tiles of a strip share. */
typedef struct dot8_strip {
    const ork_conv *conv;
    const dot8_layout *layout;
    const int32_t *words;
    int64_t step; /* bytes from window to window */
    const dot8_panel *panel;
    const int8_t *weights;
    int64_t channels; /* of the panel */
} dot8_strip;

/* `rows` windows from x on by `vectors` vectors of channels; both are known where it is inlined.
   `sums` are those of the windows, times zw where that is the same for all channels; NULL: zw is 0.
   */
ALWAYS_INLINE void dot8_tile(const dot8_strip *t, int rows, int vectors, const uint8_t *x,
                             const int32_t *sums, uint8_t *out)
{
    ivec sum[DOT_ROWS][DOT_VECTORS];
    const int8_t *b = t->weights;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        uvec total = sums ? uvec_of((uint32_t)sums[r]) : uvec_of(0);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const uvec bias = (uvec)ivec_load(t->panel->bias + v * LANES);
            sum[r][v] = (ivec)(bias - total);
            if (t->layout->zeros_differ)
                sum[r][v] = (ivec)(bias - (uvec)ivec_load(t->panel->zero + v * LANES) * total);
        }
    }
    const uint8_t *row[DOT_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        row[r] = x + r * t->step;
    const int32_t *end = t->words + t->layout->segments * t->layout->quads;
    for (const int32_t *word = t->words; word < end; word++, b += vectors * VECTOR_BYTES) {
        const int64_t at = *word;
        ivec w[DOT_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            w[v] = ivec_load((const int32_t *)(const void *)(b + v * VECTOR_BYTES));
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const ivec quad = ivec_of(load_word(row[r] + at));
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[r][v] = dot(sum[r][v], quad, w[v]);
        }
    }
    const int64_t out_step = t->conv->shape.out_stride;
    const int together = MOST_ROW_VECTORS / vectors;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r += together) {
        ivec part[MOST_ROW_VECTORS];
        const int count = rows - r < together ? rows - r : together;
#pragma GCC unroll 4
        for (int i = 0; i < count * vectors; i++)
            part[i] = sum[r + i / vectors][i % vectors];
        store_rows(&t->conv->requant, t->panel->requant, part, vectors, count, out + r * out_step,
                   out_step, t->channels);
    }
}

typedef void dot8_tile_fn(const dot8_strip *t, const uint8_t *x, const int32_t *sums, uint8_t *out);

/* A function for each size of a tile, so that what is left over at the end of a line costs no more
   than it has pixels. */
#define DEFINE_TILE(vectors, rows)                                                                 \
    static void dot8_tile_##vectors##x##rows(const dot8_strip *t, const uint8_t *x,                \
                                             const int32_t *sums, uint8_t *out)                    \
    {                                                                                              \
        dot8_tile(t, rows, vectors, x, sums, out);                                                 \
    }
DOT_EACH_TILE(DEFINE_TILE)

static dot8_tile_fn *const dot8_tiles[DOT_VECTORS + 1][DOT_ROWS + 1] = {
#define TILE_ENTRY(vectors, rows) [vectors][rows] = dot8_tile_##vectors##x##rows,
    DOT_EACH_TILE(TILE_ENTRY)
#undef TILE_ENTRY
};

/* `pixels` windows from x on. */
static void dot8_line(const dot8_strip *t, int64_t pixels, const uint8_t *x, const int32_t *sums,
                      uint8_t *out)
{
    static const int64_t most[] = DOT_MOST_ROWS;
    const int64_t vectors = dot8_width(t->channels) / LANES;
    int64_t tiles = (pixels + most[vectors] - 1) / most[vectors];
    for (int64_t p = 0, rows; p < pixels; p += rows, tiles--) {
        rows = (pixels - p + tiles - 1) / tiles; /* about equal ones */
        dot8_tiles[vectors][rows](t, x + p * t->step, sums ? sums + p : NULL,
                                  out + p * t->conv->shape.out_stride);
    }
}

#if DOT_ELEMENT == 1
/* ---- sums of windows ---- */

/* `segments` are a constant where they are one. */
ALWAYS_INLINE ivec dot8_window_parts(const uint8_t *x, const int32_t *words, int64_t segments,
                                     int64_t length)
{
    const ivec ones = ivec_of(0x01010101);
    const int64_t whole = (length - 1) / VECTOR_BYTES * VECTOR_BYTES;
    ivec parts = ivec_of(0);
    for (int64_t segment = 0; segment < segments; segment++) {
        const uint8_t *from = x + (segments == 1 ? 0 : words[segment * ((length + 3) / 4)]);
        for (int64_t i = 0; i < whole; i += VECTOR_BYTES)
            parts = dot(parts, ivec_load_bytes(from + i), ones);
        parts = dot(parts, load_part(from + whole, length - whole), ones);
    }
    return parts;
}

/* Of the bytes as the instruction takes them, ready for dot8_tile; to[] has room up to a multiple
   of LANES. */
ALWAYS_INLINE void dot8_sum_windows(const dot8_strip *t, int64_t segments, int64_t pixels,
                                    const uint8_t *x, int32_t *to)
{
    const uint32_t factor = t->layout->zeros_differ ? 1 : (uint32_t)dot8_weight_zero(t->conv, 0);
    const int64_t length = t->layout->length, step = t->step;
    for (int64_t p = 0; p < pixels; p += LANES) {
        ivec parts[LANES];
        for (int i = 0; i < LANES; i++, x += p + i < pixels ? step : 0)
            parts[i] = dot8_window_parts(x, t->words, segments, length);
        ivec_store(to + p, (ivec)((uvec)sum_lanes(parts) * factor));
    }
}

static void dot8_window_sums(const dot8_strip *t, int64_t pixels, const uint8_t *x, int32_t *to)
{
    if (t->layout->segments == 1)
        dot8_sum_windows(t, 1, pixels, x, to);
    else
        dot8_sum_windows(t, t->layout->segments, pixels, x, to);
}

/* The same for `rows` lines of windows, whose lines overlap: each is summed once. `lines` has room
   for the sums of all of them. */
static void dot8_line_sums(const dot8_strip *t, int64_t rows, int64_t pixels, const uint8_t *x,
                           int32_t *lines, int32_t *to)
{
    const ork_conv_shape *s = &t->conv->shape;
    const int64_t padded = round_up(pixels, LANES);
    for (int64_t i = 0; i < dot8_lines(s, rows); i++)
        dot8_sum_windows(t, 1, pixels, x + i * t->layout->line_bytes, lines + i * padded);
    for (int64_t row = 0; row < rows; row++, to += padded)
        for (int64_t p = 0; p < padded; p += LANES) {
            const int32_t *from = lines + row * s->stride_h * padded + p;
            uvec sum = uvec_of(0);
            for (int64_t ky = 0; ky < s->kernel_h; ky++, from += s->dilation_h * padded)
                sum += (uvec)ivec_load(from);
            ivec_store(to + p, (ivec)sum);
        }
}
#endif

/* ---- lines in scratch ---- */

#if DOT_ELEMENT == 1
static int dot8_padding(const ork_conv *conv)
{
    return (conv->requant.in_zero + dot_offset(conv->dtype)) & 0xff;
}

static void dot8_copy_pixels(const ork_conv *conv, uint8_t *to, const uint8_t *from, int64_t count)
{
    copy_pixels(dot_offset(conv->dtype) != 0, to, conv->shape.in_c, from, conv->shape.in_stride,
                count, conv->shape.in_c);
}
#else
static int dot8_padding(const ork_conv *conv)
{
    (void)conv;
    return 0;
}

static void dot8_copy_pixels(const ork_conv *conv, uint8_t *to, const uint8_t *from, int64_t count)
{
    const int64_t channels = conv->shape.in_c, step = conv->shape.in_stride;
    if (step == channels) {
        widen(conv, to, from, count * channels);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        widen(conv, to + i * channels * DOT_ELEMENT, from + i * step, channels);
}
#endif

/* Line y of the picture with its padding; all of it where there is no such line. */
static void dot8_fill_line(const ork_conv *conv, const dot8_layout *l, const uint8_t *image,
                           int64_t y, uint8_t *to)
{
    const ork_conv_shape *s = &conv->shape;
    const bool inside = y >= 0 && y < s->in_h;
    const int64_t left = inside ? ork_min64(s->pad_left, l->line_pixels) : l->line_pixels;
    const int64_t real = ork_max64(0, ork_min64(l->line_pixels - left, s->in_w));
    const uint8_t *from = image + y * s->in_w * s->in_stride;
    const int padding = dot8_padding(conv);
    memset(to, padding, (size_t)(left * l->pixel_bytes));
    to += left * l->pixel_bytes;
    dot8_copy_pixels(conv, to, from, real);
    memset(to + real * l->pixel_bytes, padding,
           (size_t)((l->line_pixels - left - real) * l->pixel_bytes));
}

/* ---- the whole ---- */

/* Sums of lines of windows: none where they would not be shared. */
static size_t dot8_line_sum_bytes(const ork_conv *conv, const dot8_layout *l)
{
    const ork_conv_shape *s = &conv->shape;
    if (l->direct || !l->has_zero || !l->by_line || s->kernel_h == 1)
        return 0;
    return ork_align64(
        ork_size_product(sizeof(int32_t), dot8_lines(s, l->rows), round_up(s->out_w, LANES), 1));
}

/* Sums of windows and of their lines, then lines. */
size_t ISA(ork_dot8_dense_scratch_bytes)(const ork_conv *conv)
{
    const dot8_layout l = dot8_layout_of(conv);
    const size_t sums = ork_size_product(sizeof(int32_t), round_up(l.pixels, LANES), 1, 1);
    const size_t lines = ork_size_product(1, l.line_bytes, dot8_lines(&conv->shape, l.rows), 1);
    if (!sums || (!l.direct && !lines))
        return 0;
    return ork_align64(sums) + dot8_line_sum_bytes(conv, &l) + (l.direct ? 0 : lines);
}

/* All output channels of a group for `rows` lines of `pixels` windows, line_step bytes apart. */
static void dot8_group(const ork_conv *conv, const dot8_layout *l, const void *packed,
                       int64_t group, int64_t rows, int64_t pixels, const uint8_t *x,
                       int64_t line_step, int32_t *sums, uint8_t *out)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t padded = round_up(pixels, LANES);
    dot8_strip t = {
        .conv = conv, .layout = l, .words = packed, .step = s->stride_w * l->pixel_bytes};
#if DOT_ELEMENT == 1
    if (dot8_line_sum_bytes(conv, l))
        dot8_line_sums(&t, rows, pixels, x, sums + round_up(l->pixels, LANES), sums);
    else
        for (int64_t row = 0; l->has_zero && row < rows; row++)
            dot8_window_sums(&t, pixels, x + row * line_step, sums + row * padded);
#endif
    for (int64_t panel = 0; panel < l->panels; panel++) {
        const char *at = (const char *)packed + l->panels_at +
                         (size_t)(group * l->panels + panel) * l->panel_bytes;
        t.panel = (const dot8_panel *)(const void *)at;
        t.weights = (const int8_t *)at + ork_align64(sizeof(dot8_panel));
        t.channels = ork_min64(l->group_out - panel * DOT_PANEL, DOT_PANEL);
        for (int64_t row = 0; row < rows; row++)
            dot8_line(&t, pixels, x + row * line_step, l->has_zero ? sums + row * padded : NULL,
                      out + row * s->out_w * s->out_stride + panel * DOT_PANEL);
    }
}

/* Windows are read in place: all rows are one line. */
static void dot8_run_direct(const ork_conv *conv, const dot8_layout *l, const void *packed,
                            const uint8_t *in, uint8_t *out, int64_t begin, int64_t end,
                            int32_t *sums)
{
    const ork_conv_shape *s = &conv->shape;
    for (int64_t at = begin * s->out_w; at < end * s->out_w; at += l->pixels) {
        const int64_t pixels = ork_min64(l->pixels, end * s->out_w - at);
        for (int64_t group = 0; group < s->groups; group++)
            dot8_group(conv, l, packed, group, 1, pixels,
                       in + at * s->in_stride + group * l->group_in, 0, sums,
                       out + at * s->out_stride + group * l->group_out);
    }
}

static void dot8_run_lines(const ork_conv *conv, const dot8_layout *l, const void *packed,
                           const uint8_t *in, uint8_t *out, int64_t begin, int64_t end,
                           int32_t *sums, uint8_t *lines)
{
    const ork_conv_shape *s = &conv->shape;
    for (int64_t row = begin, rows; row < end; row += rows) {
        const int64_t image = row / s->out_h, y = row % s->out_h;
        rows = ork_min64(ork_min64(l->rows, end - row), s->out_h - y);
        for (int64_t i = 0; i < dot8_lines(s, rows); i++)
            dot8_fill_line(conv, l, in + image * s->in_h * s->in_w * s->in_stride,
                           y * s->stride_h - s->pad_top + i, lines + i * l->line_bytes);
        for (int64_t group = 0; group < s->groups; group++)
            dot8_group(conv, l, packed, group, rows, s->out_w,
                       lines + group * l->group_in * DOT_ELEMENT, s->stride_h * l->line_bytes, sums,
                       out + row * s->out_w * s->out_stride + group * l->group_out);
    }
}

void ISA(ork_dot8_dense_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                             int64_t begin, int64_t end, void *scratch)
{
    const dot8_layout l = dot8_layout_of(conv);
    const size_t sums = ork_align64((size_t)round_up(l.pixels, LANES) * sizeof(int32_t)) +
                        dot8_line_sum_bytes(conv, &l);
    if (l.direct)
        dot8_run_direct(conv, &l, packed, in, out, begin, end, scratch);
    else
        dot8_run_lines(conv, &l, packed, in, out, begin, end, scratch, (uint8_t *)scratch + sums);
}
