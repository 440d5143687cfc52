/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense 3x3 convolution of u8 and i8 with a quarter of the multiplications, as exact as
   without: F(4x4, 3x3) of Lavin and Gray, "Fast algorithms for convolutional neural networks",
   2016.

   A tile of 4x4 outputs reads 6x6 inputs. Inputs d and weights g are brought to 36 places,
   V = B' d B and U = G g G'; at each place channels are summed as in a matrix product, M = sum U V;
   the outputs are A' M A. G's rows have whole numbers here, what is then too much is taken out by
   A's columns, whose rows have lost their powers of two:

     B'  4  0 -5  0  1  0     G  6  0  0     A'  1 -2 -2  1  1  0     times 24
         0 -4 -4  1  1  0        2  2  2         0 -1  1  1 -1  0           12
         0  4 -4 -1  1  0        2 -2  2         0 -1 -1  2  2  0           12
         0 -2 -1  2  1  0        1  2  4         0 -1  1  4 -4  2           12
         0  2 -1 -2  1  0        1 -2  4
         0  4  0 -5  0  1        0  0  6

   Inputs are the bytes as unsigned ones, so V is at most 68 * 255; weights less their zero point
   give U of at most 49 * 255: both fit int16. Everything behind them is exact modulo 2^32. What
   comes out is 9 * 2^k times the sum, k at most 6: 9 has an inverse modulo 2^32, and a sum below
   2^25 survives the shift. Whether sums can be larger is seen from the weights.

   Packed: for each panel of output channels a wino_panel, then weights [place][k/2][channel][2].
   See bytes.h; the set's file also defines
     load_words(from)       2 LANES bytes as int16
     WINO_LEAST_CHANNELS    from how many on it is faster than other kernels */
#include "bytes.h"

enum {
    WINO_OUT = 4,
    WINO_IN = 6,
    WINO_PLACES = WINO_IN * WINO_IN,
    WINO_CHUNK = 2 * LANES, /* channels that are transformed together */
    WINO_BYTES = 1 << 19,   /* of places in scratch: the second-level caches hold them */
    WINO_LEAST_TILES = 12,  /* for weights that are four times as large to be worth their way */
    WINO_MOST_CHANNELS = 1 << 19, /* of which 32 bits hold the sum of weights */
    WINO_INVERSE = 954437177      /* times 9 is 1 */
};

typedef int16_t hvec __attribute__((vector_size(LANES * 4), aligned(2), may_alias));

/* One panel's part of the packed bytes. */
typedef struct wino_panel {
    int32_t bias[PANEL];
    requant_lanes requant[PANEL_VECTORS];
} wino_panel;

typedef struct wino_layout {
    int64_t pairs, chunked, panels; /* chunked: channels, up to a multiple of WINO_CHUNK */
    int64_t columns, rows, tiles;   /* tiles of a line, lines of tiles in a strip; of both */
    int64_t line_bytes, lines;      /* of padded bytes */
    size_t panel_bytes, bytes;      /* packed; bytes 0: too large */
    size_t sums_at, lines_at, scratch_bytes; /* scratch_bytes 0: too large */
} wino_layout;

static wino_layout wino_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    wino_layout l = {.pairs = (s->in_c + 1) / 2, .chunked = round_up(s->in_c, WINO_CHUNK)};
    const int64_t tile_bytes = WINO_PLACES * (l.chunked * 2 + PANEL * 4);
    const int64_t most = ork_max64(WINO_LEAST_TILES, WINO_BYTES / tile_bytes);
    l.columns = (s->out_w + WINO_OUT - 1) / WINO_OUT;
    l.rows = ork_max64(1, ork_min64(most / l.columns, (s->out_h + WINO_OUT - 1) / WINO_OUT));
    l.tiles = l.rows * ork_min64(l.columns, most);
    l.panels = (s->out_c + PANEL - 1) / PANEL;
    l.panel_bytes =
        ork_align64(sizeof(wino_panel)) + ork_size_product(WINO_PLACES * PANEL * 4, l.pairs, 1, 1);
    l.bytes = ork_size_product(l.panel_bytes, l.panels, 1, 1);
    l.line_bytes = round_up((l.columns * WINO_OUT + 2) * s->in_c + WINO_CHUNK, 64);
    l.lines = l.rows * WINO_OUT + 2;
    l.sums_at = ork_align64(ork_size_product(WINO_PLACES * 2, l.tiles, l.chunked, 1));
    l.lines_at = l.sums_at + ork_size_product(WINO_PLACES * PANEL * 4, l.tiles, 1, 1);
    const size_t lines = ork_size_product(1, l.lines, l.line_bytes, 1);
    l.scratch_bytes = lines && l.sums_at ? l.lines_at + lines : 0;
    return l;
}

/* Weights as bytes, which are u8 ones when their highest bit is turned by `turn`; `zero` is what u8
   ones are more than the weights less their zero point. */
typedef struct wino_bytes {
    const uint8_t *at;
    uint8_t turn;
    int32_t zero;
} wino_bytes;

static inline wino_bytes wino_bytes_of(const ork_conv *conv, int64_t channel)
{
    const int32_t moved = byte_offset(conv->weight_dtype);
    return (wino_bytes){(const uint8_t *)conv->weights + channel * conv->shape.in_c * 9,
                        (uint8_t)moved, ork_requant_weight_zero(&conv->requant, channel) + moved};
}

/* The sum of a channel's weights less their zero point; `above` that of the positive ones. */
static int32_t wino_weight_sum(const ork_conv *conv, int64_t channel, int32_t *above)
{
    const wino_bytes bytes = wino_bytes_of(conv, channel);
    int32_t sum = 0, positive = 0;
    for (int64_t i = 0; i < conv->shape.in_c * 9; i++) {
        const int32_t weight = (bytes.at[i] ^ bytes.turn) - bytes.zero;
        sum += weight;
        positive += weight > 0 ? weight : 0;
    }
    *above = positive;
    return sum;
}

/* Whether the sums of a channel survive, whatever the input. */
static bool wino_sum_fits(const ork_conv *conv, int64_t channel)
{
    int32_t above;
    const int32_t sum = wino_weight_sum(conv, channel, &above);
    return UINT8_MAX * ork_max64(above, above - sum) < (int64_t)1 << 25;
}

/* Knows the weights only where they are constants. */
bool ISA(ork_wino_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    const int32_t zero = conv->requant.in_zero + byte_offset(conv->dtype);
    const int64_t tiles =
        (s->out_h + WINO_OUT - 1) / WINO_OUT * ((s->out_w + WINO_OUT - 1) / WINO_OUT);
    if (s->kernel_h != 3 || s->kernel_w != 3 || s->stride_h != 1 || s->stride_w != 1 ||
        s->dilation_h != 1 || s->dilation_w != 1 || s->groups != 1 ||
        (!conv->weights && !conv->is_packed) || s->in_c < WINO_LEAST_CHANNELS ||
        s->out_c < WINO_LEAST_CHANNELS || s->in_c > WINO_MOST_CHANNELS ||
        tiles < WINO_LEAST_TILES || !requant_supported(&conv->requant) || zero < 0 ||
        zero > UINT8_MAX)
        return false;
    bool fits = true;
    for (int64_t o = 0; conv->weights && o < s->out_c; o++)
        fits = fits && wino_sum_fits(conv, o);
    return fits;
}

size_t ISA(ork_wino_dense_packed_bytes)(const ork_conv *conv)
{
    return wino_layout_of(conv).bytes;
}

/* ---- packing ---- */

/* G g, or G g': `step` numbers from number to number. */
ALWAYS_INLINE void wino_weights(const hvec *from, int step, hvec *to, int to_step)
{
    const hvec a = from[0], b = from[step], c = from[2 * step];
    const hvec outer = a + c, far = a + (c << 2), twice = b + b;
    to[0] = (a << 2) + (a + a);
    to[to_step] = (outer + b) << 1;
    to[2 * to_step] = (outer - b) << 1;
    to[3 * to_step] = far + twice;
    to[4 * to_step] = far - twice;
    to[5 * to_step] = (c << 2) + (c + c);
}

/* The taps of input channels c and c + 1 for `count` output channels from `channel` on, as madd
   wants them; zeros where there is no channel. */
static void wino_gather(const ork_conv *conv, int64_t channel, int64_t count, int64_t c,
                        hvec taps[9])
{
    int16_t numbers[9][2 * LANES] __attribute__((aligned(64)));
    const bool both = c + 1 < conv->shape.in_c;
    if (count < LANES || !both)
        memset(numbers, 0, sizeof(numbers));
    for (int64_t lane = 0; lane < count; lane++) {
        const wino_bytes bytes = wino_bytes_of(conv, channel + lane);
        const uint8_t *from = bytes.at + c * 9;
        const int first = madd_slot((int)lane, 0), second = madd_slot((int)lane, 1);
        for (int tap = 0; tap < 9; tap++)
            numbers[tap][first] = (int16_t)((from[tap] ^ bytes.turn) - bytes.zero);
        for (int tap = 0; both && tap < 9; tap++)
            numbers[tap][second] = (int16_t)((from[9 + tap] ^ bytes.turn) - bytes.zero);
    }
    memcpy(taps, numbers, sizeof(numbers));
}

/* G g G' of two input channels and some output channels; places are `step` numbers apart. */
static void wino_pack_pair(const hvec taps[9], int16_t *to, int64_t step)
{
    hvec columns[3 * WINO_IN], row[WINO_IN];
    for (int x = 0; x < 3; x++)
        wino_weights(taps + x, 3, columns + x, 3);
    for (int y = 0; y < WINO_IN; y++) {
        wino_weights(columns + 3 * y, 1, row, 1);
        for (int x = 0; x < WINO_IN; x++, to += step)
            *(hvec *)(void *)to = row[x];
    }
}

/* Channels of a panel that are computed: whole vectors. */
static int wino_vectors(const ork_conv *conv, int64_t panel)
{
    return conv->shape.out_c - panel * PANEL > (PANEL_VECTORS - 1) * LANES ? PANEL_VECTORS : 1;
}

static void wino_pack_panel(const ork_conv *conv, const wino_layout *l, int64_t first,
                            wino_panel *panel)
{
    const int64_t end = ork_min64(conv->shape.out_c, first + PANEL);
    const int64_t width = wino_vectors(conv, first / PANEL) * LANES;
    const int32_t zero = conv->requant.in_zero + byte_offset(conv->dtype);
    int16_t *weights = (int16_t *)(void *)((char *)panel + ork_align64(sizeof(wino_panel)));
    for (int64_t pair = 0; pair < l->pairs; pair++)
        for (int64_t v = 0; v < width; v += LANES) {
            hvec taps[9];
            wino_gather(conv, first + v, ork_min64(LANES, end - first - v), 2 * pair, taps);
            wino_pack_pair(taps, weights + (pair * width + v) * 2, l->pairs * width * 2);
        }
    for (int64_t channel = first; channel < end; channel++) {
        int32_t above;
        const uint32_t sum = (uint32_t)wino_weight_sum(conv, channel, &above);
        const int32_t given = conv->bias ? ((const int32_t *)conv->bias)[channel] : 0;
        panel->bias[channel - first] = (int32_t)((uint32_t)given - sum * (uint32_t)zero);
    }
    requant_panel_set(panel->requant, PANEL_VECTORS, &conv->requant, first, end);
}

void ISA(ork_wino_dense_pack)(const ork_conv *conv, void *packed)
{
    const wino_layout l = wino_layout_of(conv);
    for (int64_t p = 0; p < l.panels; p++) {
        wino_panel *panel = (wino_panel *)(void *)((char *)packed + (size_t)p * l.panel_bytes);
        memset(panel, 0, sizeof(*panel)); /* the weights are all written */
        wino_pack_panel(conv, &l, p * PANEL, panel);
    }
}

/* ---- inputs ---- */

size_t ISA(ork_wino_dense_scratch_bytes)(const ork_conv *conv)
{
    return wino_layout_of(conv).scratch_bytes;
}

/* Line y of the picture with its padding, up to the end of the last tile. */
static void wino_fill_line(const ork_conv *conv, const wino_layout *l, const uint8_t *image,
                           int64_t y, uint8_t *to)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t all = l->columns * WINO_OUT + 2;
    const int padding = conv->requant.in_zero + byte_offset(conv->dtype);
    const bool inside = y >= 0 && y < s->in_h;
    const int64_t left = inside ? ork_min64(s->pad_left, all) : all;
    const int64_t real = ork_max64(0, ork_min64(all - left, s->in_w));
    memset(to, padding, (size_t)(left * s->in_c));
    to += left * s->in_c;
    copy_pixels(byte_offset(conv->dtype) != 0, to, s->in_c, image + y * s->in_w * s->in_stride,
                s->in_stride, real, s->in_c);
    memset(to + real * s->in_c, padding, (size_t)((all - left - real) * s->in_c));
}

ALWAYS_INLINE void wino_in(const hvec x[WINO_IN], hvec to[WINO_IN])
{
    const hvec a = x[4] - (x[2] << 2), b = x[3] - (x[1] << 2), c = x[4] - x[2];
    const hvec half = x[3] - x[1], d = half + half;
    to[0] = ((x[0] - x[2]) << 2) + c;
    to[1] = a + b;
    to[2] = a - b;
    to[3] = c + d;
    to[4] = c - d;
    to[5] = x[5] - x[3] - (half << 2);
}

/* B' d B of one tile, whose first byte is at x; places are `step` numbers apart. */
static void wino_transform(const ork_conv *conv, const wino_layout *l, const uint8_t *x,
                           int16_t *to, int64_t step)
{
    const int64_t channels = conv->shape.in_c;
    for (int64_t c = 0; c < l->chunked; c += WINO_CHUNK, x += WINO_CHUNK, to += WINO_CHUNK) {
        hvec part[WINO_IN][WINO_IN];
        for (int k = 0; k < WINO_IN; k++) {
            hvec column[WINO_IN], made[WINO_IN];
            for (int i = 0; i < WINO_IN; i++)
                column[i] = (hvec)load_words(x + i * l->line_bytes + k * channels);
            wino_in(column, made);
            for (int i = 0; i < WINO_IN; i++)
                part[i][k] = made[i];
        }
        for (int i = 0; i < WINO_IN; i++) {
            hvec made[WINO_IN];
            wino_in(part[i], made);
            for (int k = 0; k < WINO_IN; k++)
                *(hvec *)(void *)(to + (i * WINO_IN + k) * step) = made[k];
        }
    }
}

/* ---- products ---- */

/* `rows` tiles, at most `most`, at one place; `most` and `vectors` are known where it is inlined.
 */
ALWAYS_INLINE void wino_multiply(const wino_layout *l, const int16_t *x, int64_t rows,
                                 const int16_t *w, int32_t *to, int most, int vectors)
{
    ivec sum[ROWS][PANEL_VECTORS];
    const int16_t *row[ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < most; r++) {
        row[r] = x + ork_min64(r, rows - 1) * l->chunked;
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[r][v] = ivec_of(0);
    }
    for (int64_t i = 0; i < l->pairs; i++, w += vectors * LANES * 2) {
        ivec weights[PANEL_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            weights[v] = ivec_load((const int32_t *)(const void *)(w + v * LANES * 2));
#pragma GCC unroll 16
        for (int r = 0; r < most; r++) {
            const ivec pair = ivec_of(load_word(row[r] + i * 2));
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                sum[r][v] = madd(sum[r][v], pair, weights[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < most; r++) {
        for (int v = 0; v < vectors; v++)
            if (r < rows)
                ivec_store(to + r * PANEL + v * LANES, sum[r][v]);
    }
}

enum { WINO_MORE = ROWS - ROWS / 3, WINO_LESS = (ROWS + 2) / 3 };

/* All tiles of a strip at one place. */
ALWAYS_INLINE void wino_place(const wino_layout *l, const int16_t *x, int64_t tiles,
                              const int16_t *w, int32_t *to, int vectors)
{
    for (int64_t t = 0, rows; t < tiles; t += rows, x += rows * l->chunked, to += rows * PANEL) {
        rows = ork_min64(ROWS, tiles - t);
        if (rows > WINO_MORE)
            wino_multiply(l, x, rows, w, to, ROWS, vectors);
        else if (rows > WINO_LESS)
            wino_multiply(l, x, rows, w, to, WINO_MORE, vectors);
        else
            wino_multiply(l, x, rows, w, to, WINO_LESS, vectors);
    }
}

/* ---- outputs ---- */

ALWAYS_INLINE void wino_out(const uvec m[WINO_IN], uvec to[WINO_OUT])
{
    const uvec sum12 = m[1] + m[2], sum34 = m[3] + m[4];
    const uvec difference12 = m[1] - m[2], difference34 = m[3] - m[4];
    to[0] = m[0] + sum34 - (sum12 << 1);
    to[1] = difference34 - difference12;
    to[2] = (sum34 << 1) - sum12;
    to[3] = (difference34 << 2) - difference12 + (m[5] << 1);
}

/* A' M A of LANES channels of a tile: its accumulators, `vectors` apart. */
ALWAYS_INLINE void wino_finish(const int32_t *m, int64_t step, ivec bias, ivec *to, int vectors)
{
    uvec part[WINO_OUT][WINO_IN];
#pragma GCC unroll 8
    for (int k = 0; k < WINO_IN; k++) {
        uvec column[WINO_IN], made[WINO_OUT];
        for (int i = 0; i < WINO_IN; i++)
            column[i] = (uvec)ivec_load(m + (i * WINO_IN + k) * step);
        wino_out(column, made);
        for (int i = 0; i < WINO_OUT; i++)
            part[i][k] = made[i];
    }
#pragma GCC unroll 4
    for (int i = 0; i < WINO_OUT; i++) {
        uvec made[WINO_OUT];
        wino_out(part[i], made);
#pragma GCC unroll 4
        for (int k = 0; k < WINO_OUT; k++) {
            const ivec whole =
                (ivec)(made[k] * (uint32_t)WINO_INVERSE) >> (4 + (i == 0) + (k == 0));
            to[(i * WINO_OUT + k) * vectors] = (ivec)((uvec)whole + (uvec)bias);
        }
    }
}

/* One tile's `height` x `width` outputs of a panel. */
ALWAYS_INLINE void wino_store(const ork_conv *conv, const wino_panel *panel, const int32_t *m,
                              int64_t step, int64_t height, int64_t width, uint8_t *out,
                              int64_t channels, int vectors)
{
    const ork_conv_shape *s = &conv->shape;
    ivec sums[WINO_OUT * WINO_OUT * PANEL_VECTORS];
    for (int v = 0; v < vectors; v++)
        wino_finish(m + v * LANES, step, ivec_load(panel->bias + v * LANES), sums + v, vectors);
    enum { EACH = MOST_ROW_VECTORS };
    const int together = EACH / vectors;
    for (int64_t y = 0; y < height; y++) {
        uint8_t *to = out + y * s->out_w * s->out_stride;
        const ivec *from = sums + y * WINO_OUT * vectors;
        int64_t x = 0;
        for (; x + together <= width; x += together)
            store_rows(&conv->requant, panel->requant, from + x * vectors, vectors, together,
                       to + x * s->out_stride, s->out_stride, channels);
        for (; x < width; x++)
            store_rows(&conv->requant, panel->requant, from + x * vectors, vectors, 1,
                       to + x * s->out_stride, s->out_stride, channels);
    }
}

/* ---- the whole ---- */

/* Some tiles of a line of them, or whole lines: what is done at once. */
typedef struct wino_strip {
    const ork_conv *conv;
    const wino_layout *layout;
    int64_t first, columns, rows; /* first and number of columns of tiles, rows of them */
    int64_t height;               /* output rows: the last tiles may be cut */
    int16_t *inputs;              /* [place][tile][channel] */
    int32_t *sums;                /* [place][tile][PANEL] */
    uint8_t *out;
} wino_strip;

ALWAYS_INLINE void wino_panel_run(const wino_strip *t, const wino_panel *panel, int64_t first,
                                  int vectors)
{
    const wino_layout *l = t->layout;
    const ork_conv_shape *s = &t->conv->shape;
    const int64_t tiles = t->columns * t->rows, channels = ork_min64(PANEL, s->out_c - first);
    const int16_t *w =
        (const int16_t *)(const void *)((const char *)panel + ork_align64(sizeof(wino_panel)));
    for (int64_t i = 0; i < WINO_PLACES; i++)
        wino_place(l, t->inputs + i * l->tiles * l->chunked, tiles,
                   w + i * l->pairs * vectors * LANES * 2, t->sums + i * l->tiles * PANEL, vectors);
    for (int64_t i = 0; i < tiles; i++) {
        const int64_t y = i / t->columns * WINO_OUT, x = (t->first + i % t->columns) * WINO_OUT;
        wino_store(t->conv, panel, t->sums + i * PANEL, l->tiles * PANEL,
                   ork_min64(WINO_OUT, t->height - y), ork_min64(WINO_OUT, s->out_w - x),
                   t->out + (y * s->out_w + x) * s->out_stride + first, channels, vectors);
    }
}

static void wino_strip_run(const wino_strip *t, const void *packed, const uint8_t *lines)
{
    const wino_layout *l = t->layout;
    for (int64_t i = 0; i < t->columns * t->rows; i++)
        wino_transform(t->conv, l,
                       lines + i / t->columns * WINO_OUT * l->line_bytes +
                           (t->first + i % t->columns) * WINO_OUT * t->conv->shape.in_c,
                       t->inputs + i * l->chunked, l->tiles * l->chunked);
    for (int64_t p = 0; p < l->panels; p++) {
        const wino_panel *panel =
            (const wino_panel *)(const void *)((const char *)packed + (size_t)p * l->panel_bytes);
        if (wino_vectors(t->conv, p) == 1)
            wino_panel_run(t, panel, p * PANEL, 1);
        else
            wino_panel_run(t, panel, p * PANEL, PANEL_VECTORS);
    }
}

void ISA(ork_wino_dense_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                             int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const wino_layout l = wino_layout_of(conv);
    uint8_t *lines = (uint8_t *)scratch + l.lines_at;
    wino_strip t = {.conv = conv,
                    .layout = &l,
                    .inputs = scratch,
                    .sums = (int32_t *)(void *)((char *)scratch + l.sums_at)};
    for (int64_t row = begin; row < end; row += t.height) {
        const int64_t image = row / s->out_h, y = row % s->out_h;
        t.height = ork_min64(ork_min64(l.rows * WINO_OUT, end - row), s->out_h - y);
        t.rows = (t.height + WINO_OUT - 1) / WINO_OUT;
        t.out = (uint8_t *)out + row * s->out_w * s->out_stride;
        for (int64_t i = 0; i < t.rows * WINO_OUT + 2; i++)
            wino_fill_line(conv, &l, (const uint8_t *)in + image * s->in_h * s->in_w * s->in_stride,
                           y - s->pad_top + i, lines + i * l.line_bytes);
        for (t.first = 0; t.first < l.columns; t.first += t.columns) {
            t.columns = ork_min64(l.columns - t.first, l.tiles / l.rows);
            wino_strip_run(&t, packed, lines);
        }
    }
}
