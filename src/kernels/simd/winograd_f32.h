/* SPDX-License-Identifier: Apache-2.0 */
/* Template: 3x3 convolution of f32 with stride 1 by Winograd's algorithm F(4x4, 3x3): 4x4 output
   pixels from 6x6 input pixels with 36 multiplications for each pair of channels instead of 144.
   See Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. The polynomials
   are interpolated at 0, 2/3, -2/3, 3/2, -3/2 and infinity: with such points the error stays about
   twice that of plain sums (2e-6 of the largest output), where the usual 0, 1, -1, 2, -2 have five
   times that.

   Tiles begin at multiples of four pixels, whatever the range, so that results do not depend on it.
   Packed: for each panel (tile_f32.h) of output channels its bias, then for each of the 36 places
   its weights [in_c][panel]. Scratch: transformed inputs [36][tile][in_c], products
   [36][tile][panel], a pixel of zeros. */
#include "tile_f32.h"

enum {
    WINO4_OUT = 4,
    WINO4_IN = 6,
    WINO4_PLACES = WINO4_IN * WINO4_IN,
    WINO4_SCRATCH = 163840, /* floats; most of the second-level cache */
    WINO4_MOST_TILES = 96
};

typedef struct wino4_layout {
    int64_t depth; /* in_c in whole vectors */
    panels panels;
    int64_t width;             /* the widest panel's floats */
    int64_t across, down;      /* tiles of a picture */
    int64_t tiles;             /* that are computed together */
    int64_t in_place, product; /* floats from place to place; not a power of two */
} wino4_layout;

static wino4_layout wino4_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    wino4_layout l = {.depth = round_up(s->in_c, LANES),
                      .panels = panels_of(s->out_c, F32_VECTORS)};
    l.width = (l.panels.vectors + l.panels.count - 1) / l.panels.count * LANES;
    l.across = (s->out_w + WINO4_OUT - 1) / WINO4_OUT;
    l.down = (s->out_h + WINO4_OUT - 1) / WINO4_OUT;
    const int64_t most = f32_rows(l.width / LANES);
    const int64_t fit = WINO4_SCRATCH / WINO4_PLACES / (l.depth + l.width) / most * most;
    l.tiles = ork_min64(l.across * l.down, ork_min64(WINO4_MOST_TILES, ork_max64(fit, 2 * most)));
    l.in_place = l.tiles * l.depth + 16;
    l.product = l.tiles * l.width + 16;
    return l;
}

/* Multiplications, those of tiles that reach out of the picture included; transforms and the
   weights' way through the caches make the 36 of a tile cost about 48. */
bool ISA(ork_f32_winograd_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t across = (s->out_w + WINO4_OUT - 1) / WINO4_OUT;
    const int64_t down = (s->out_h + WINO4_OUT - 1) / WINO4_OUT;
    return s->kernel_h == 3 && s->kernel_w == 3 && s->stride_h == 1 && s->stride_w == 1 &&
           s->dilation_h == 1 && s->dilation_w == 1 && s->groups == 1 && s->in_c >= 8 &&
           s->out_c >= 8 && across * down >= 9 && across * down * 48 < s->out_h * s->out_w * 9;
}

size_t ISA(ork_f32_winograd_packed_bytes)(const ork_conv *conv)
{
    const int64_t vectors = panels_of(conv->shape.out_c, F32_VECTORS).vectors;
    return ork_size_product(LANES * sizeof(float), WINO4_PLACES * conv->shape.in_c + 1, vectors, 1);
}

/* ---- the three transforms along one axis: of taps, of inputs, of sums ---- */

ALWAYS_INLINE void wino4_taps(const vec *w, int step, vec *to, int to_step)
{
    const vec inner = w[0] * (81.0f / 130) + w[2 * step] * (18.0f / 65);
    const vec outer = w[0] * (8.0f / 65) + w[2 * step] * (18.0f / 65);
    to[0] = w[0];
    to[to_step] = w[step] * (-27.0f / 65) - inner;
    to[2 * to_step] = w[step] * (27.0f / 65) - inner;
    to[3 * to_step] = outer + w[step] * (12.0f / 65);
    to[4 * to_step] = outer - w[step] * (12.0f / 65);
    to[5 * to_step] = w[2 * step];
}

ALWAYS_INLINE void wino4_inputs(const vec x[WINO4_IN], vec to[WINO4_IN])
{
    const vec squares = vec_of(-97.0f / 36);
    const vec even = vec_fma(x[4], x[2], vec_of(-9.0f / 4));
    const vec odd = vec_fma(x[3] * (2.0f / 3), x[1], vec_of(-3.0f / 2));
    const vec outer_even = vec_fma(x[4], x[2], vec_of(-4.0f / 9));
    const vec outer_odd = vec_fma(x[3] * (3.0f / 2), x[1], vec_of(-2.0f / 3));
    to[0] = vec_fma(x[0] + x[4], x[2], squares);
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = outer_even + outer_odd;
    to[4] = outer_even - outer_odd;
    to[5] = vec_fma(x[1] + x[5], x[3], squares);
}

ALWAYS_INLINE void wino4_sums(const vec m[WINO4_IN], vec to[WINO4_OUT])
{
    const vec even = m[1] + m[2], odd = m[1] - m[2];
    const vec outer_even = m[3] + m[4], outer_odd = m[3] - m[4];
    to[0] = m[0] + even + outer_even;
    to[1] = vec_fma(odd * (2.0f / 3), outer_odd, vec_of(3.0f / 2));
    to[2] = vec_fma(even * (4.0f / 9), outer_even, vec_of(9.0f / 4));
    to[3] = vec_fma(vec_fma(m[5], odd, vec_of(8.0f / 27)), outer_odd, vec_of(27.0f / 8));
}

/* ---- packing ---- */

/* The weights of LANES output channels from `first` on for one input channel, at all places. */
static void wino4_pack_vector(const ork_conv *conv, int64_t first, int64_t channel, float *to,
                              int64_t to_step)
{
    const ork_conv_shape *s = &conv->shape;
    float taps[9 * LANES] = {0};
    vec w[9], lines[3 * WINO4_IN], all[WINO4_PLACES];
    for (int64_t o = first; o < ork_min64(first + LANES, s->out_c); o++)
        for (int tap = 0; tap < 9; tap++)
            taps[tap * LANES + o - first] =
                ((const float *)conv->weights)[(o * s->in_c + channel) * 9 + tap];
    for (int tap = 0; tap < 9; tap++)
        w[tap] = vec_load(taps + tap * LANES);
    for (int y = 0; y < 3; y++)
        wino4_taps(w + 3 * y, 1, lines + WINO4_IN * y, 1);
    for (int x = 0; x < WINO4_IN; x++)
        wino4_taps(lines + x, WINO4_IN, all + x, WINO4_IN);
    for (int place = 0; place < WINO4_PLACES; place++)
        vec_store(to + place * to_step, all[place]);
}

void ISA(ork_f32_winograd_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const wino4_layout l = wino4_layout_of(conv);
    const float *bias = conv->bias;
    float *to = packed;
    for (int64_t panel = 0; panel < l.panels.count; panel++) {
        const int64_t first = panel_begin(&l.panels, panel) * LANES;
        const int64_t width = panel_vectors(&l.panels, panel) * LANES;
        for (int64_t o = first; o < first + width; o++)
            *to++ = bias && o < s->out_c ? bias[o] : 0.0f;
        for (int64_t channel = 0; channel < s->in_c; channel++)
            for (int64_t o = 0; o < width; o += LANES)
                wino4_pack_vector(conv, first + o, channel, to + channel * width + o,
                                  s->in_c * width);
        to += WINO4_PLACES * s->in_c * width;
    }
}

/* ---- running ---- */

size_t ISA(ork_f32_winograd_scratch_bytes)(const ork_conv *conv)
{
    const wino4_layout l = wino4_layout_of(conv);
    return ork_size_product(sizeof(float), WINO4_PLACES, l.in_place + l.product, 1) +
           ork_size_product(sizeof(float), l.depth, 1, 1);
}

/* Tile `at` of all pictures: the picture, and where its output begins. */
typedef struct wino4_tile {
    int64_t image, y, x;
} wino4_tile;

static wino4_tile wino4_tile_at(const wino4_layout *l, int64_t at)
{
    const int64_t line = at / l->across;
    return (wino4_tile){line / l->down, line % l->down * WINO4_OUT, at % l->across * WINO4_OUT};
}

/* The one after it. */
static inline void wino4_next(const wino4_layout *l, wino4_tile *tile)
{
    tile->x += WINO4_OUT;
    if (tile->x < l->across * WINO4_OUT)
        return;
    tile->x = 0;
    tile->y += WINO4_OUT;
    if (tile->y < l->down * WINO4_OUT)
        return;
    tile->y = 0;
    tile->image++;
}

/* Where the 36 pixels under a tile lie; those outside of the picture are zeros. */
static void wino4_pixels(const ork_conv *conv, const wino4_tile *tile, const float *in,
                         const float *zeros, const float *pixels[WINO4_PLACES])
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t top = tile->y - s->pad_top, left = tile->x - s->pad_left;
    const bool inside =
        top >= 0 && top + WINO4_IN <= s->in_h && left >= 0 && left + WINO4_IN <= s->in_w;
    const float *image = in + tile->image * s->in_h * s->in_w * s->in_stride;
    const float *first = inside ? image + (top * s->in_w + left) * s->in_stride : image;
    for (int y = 0; inside && y < WINO4_IN; y++, first += s->in_w * s->in_stride)
        for (int x = 0; x < WINO4_IN; x++)
            pixels[y * WINO4_IN + x] = first + x * s->in_stride;
    for (int i = 0; !inside && i < WINO4_PLACES; i++) {
        const int64_t y = top + i / WINO4_IN, x = left + i % WINO4_IN;
        pixels[i] = y >= 0 && y < s->in_h && x >= 0 && x < s->in_w
                        ? image + (y * s->in_w + x) * s->in_stride
                        : zeros;
    }
}

/* LANES channels of a tile; `count` of them are there. */
ALWAYS_INLINE void wino4_transform(const float *const pixels[WINO4_PLACES], int64_t channel,
                                   int64_t count, float *to, int64_t to_step)
{
    vec columns[WINO4_PLACES];
#pragma GCC unroll 6
    for (int x = 0; x < WINO4_IN; x++) {
        vec line[WINO4_IN], done[WINO4_IN];
#pragma GCC unroll 6
        for (int y = 0; y < WINO4_IN; y++) {
            const float *from = pixels[y * WINO4_IN + x] + channel;
            line[y] = count >= LANES ? vec_load(from) : vec_load_part(from, count);
        }
        wino4_inputs(line, done);
#pragma GCC unroll 6
        for (int y = 0; y < WINO4_IN; y++)
            columns[y * WINO4_IN + x] = done[y];
    }
#pragma GCC unroll 6
    for (int y = 0; y < WINO4_IN; y++) {
        vec done[WINO4_IN];
        wino4_inputs(columns + y * WINO4_IN, done);
#pragma GCC unroll 6
        for (int x = 0; x < WINO4_IN; x++)
            vec_store(to + (y * WINO4_IN + x) * to_step, done[x]);
    }
}

static void wino4_transform_tile(const ork_conv *conv, const wino4_layout *l,
                                 const float *const pixels[WINO4_PLACES], float *to)
{
    const int64_t channels = conv->shape.in_c;
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES)
        wino4_transform(pixels, c, LANES, to + c, l->in_place);
    if (c < channels)
        wino4_transform(pixels, c, channels - c, to + c, l->in_place);
}

/* The products of `tiles` tiles with one panel, at all places. */
static void wino4_multiply(const ork_conv *conv, const wino4_layout *l, const float *weights,
                           int64_t vectors, int64_t tiles, const float *in, float *products)
{
    static const float none[F32_VECTORS * LANES];
    static const ork_activation identity = {.op = ORK_UNARY_IDENTITY};
    const int64_t width = vectors * LANES;
    f32_product product = {.runs = {1, 1, conv->shape.in_c, 0, 0},
                           .bias = none,
                           .activation = &identity,
                           .channels = width};
    for (int place = 0; place < WINO4_PLACES; place++) {
        product.right = weights + place * conv->shape.in_c * width;
        const float *from = in + place * l->in_place;
        float *to = products + place * l->product;
        for (int64_t rest = tiles, taken; rest > 0; rest -= taken) {
            const float *left[F32_ROWS];
            float *out[F32_ROWS];
            taken = next_rows(f32_rows(vectors), rest);
            for (int64_t r = 0; r < taken; r++, from += l->depth, to += width) {
                left[r] = from;
                out[r] = to;
            }
            f32_tiles[vectors][taken](&product, left, out);
        }
    }
}

/* LANES channels of a tile's 16 pixels. */
ALWAYS_INLINE void wino4_finish(const float *products, int64_t step, const float *bias,
                                const ork_activation *activation,
                                float pixels[WINO4_OUT * WINO4_OUT * LANES])
{
    vec lines[WINO4_OUT * WINO4_IN];
#pragma GCC unroll 6
    for (int x = 0; x < WINO4_IN; x++) {
        vec column[WINO4_IN], done[WINO4_OUT];
#pragma GCC unroll 6
        for (int y = 0; y < WINO4_IN; y++)
            column[y] = vec_load(products + (y * WINO4_IN + x) * step);
        wino4_sums(column, done);
#pragma GCC unroll 4
        for (int y = 0; y < WINO4_OUT; y++)
            lines[y * WINO4_IN + x] = done[y];
    }
#pragma GCC unroll 4
    for (int y = 0; y < WINO4_OUT; y++) {
        vec done[WINO4_OUT];
        wino4_sums(lines + y * WINO4_IN, done);
#pragma GCC unroll 4
        for (int x = 0; x < WINO4_OUT; x++)
            vec_store(pixels + (y * WINO4_OUT + x) * LANES, done[x] + vec_load(bias));
    }
    activate_vectors(activation, pixels, WINO4_OUT * WINO4_OUT * LANES);
}

/* The output rows from `begin` to `end`, counted through all pictures, are wanted. */
static void wino4_store(const ork_conv *conv, const wino4_tile *tile, const float *pixels,
                        float *out, int64_t channels, int64_t begin, int64_t end)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t width = ork_min64(WINO4_OUT, s->out_w - tile->x);
    for (int64_t y = 0; y < ork_min64(WINO4_OUT, s->out_h - tile->y); y++) {
        const int64_t row = tile->image * s->out_h + tile->y + y;
        float *to = out + (row * s->out_w + tile->x) * s->out_stride;
        for (int64_t x = 0; row >= begin && row < end && x < width; x++, to += s->out_stride) {
            const vec value = vec_load(pixels + (y * WINO4_OUT + x) * LANES);
            if (channels >= LANES)
                vec_store(to, value);
            else
                vec_store_part(to, value, channels);
        }
    }
}

/* Tiles [first, first + tiles) from their inputs to their outputs. */
static void wino4_tiles(const ork_conv *conv, const wino4_layout *l, const float *packed,
                        int64_t first, int64_t tiles, const float *in, float *products, float *out,
                        int64_t begin, int64_t end)
{
    const int64_t channels = conv->shape.out_c;
    for (int64_t panel = 0; panel < l->panels.count; panel++) {
        const int64_t at = panel_begin(&l->panels, panel) * LANES;
        const int64_t vectors = panel_vectors(&l->panels, panel), width = vectors * LANES;
        const float *bias = packed + at * (WINO4_PLACES * conv->shape.in_c + 1);
        wino4_multiply(conv, l, bias + width, vectors, tiles, in, products);
        wino4_tile tile = wino4_tile_at(l, first);
        for (int64_t t = 0; t < tiles; t++, wino4_next(l, &tile)) {
            for (int64_t c = 0; c < width && at + c < channels; c += LANES) {
                float pixels[WINO4_OUT * WINO4_OUT * LANES] __attribute__((aligned(64)));
                wino4_finish(products + t * width + c, l->product, bias + c, &conv->activation,
                             pixels);
                wino4_store(conv, &tile, pixels, out + at + c, channels - at - c, begin, end);
            }
        }
    }
}

/* The tile line that an output row belongs to. */
static int64_t wino4_line(const ork_conv *conv, const wino4_layout *l, int64_t row)
{
    return row / conv->shape.out_h * l->down + row % conv->shape.out_h / WINO4_OUT;
}

void ISA(ork_f32_winograd_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                               int64_t begin, int64_t end, void *scratch)
{
    const wino4_layout l = wino4_layout_of(conv);
    float *transformed = scratch, *products = transformed + WINO4_PLACES * l.in_place;
    float *zeros = products + WINO4_PLACES * l.product;
    memset(zeros, 0, (size_t)l.depth * sizeof(float));
    const int64_t last = (wino4_line(conv, &l, end - 1) + 1) * l.across;
    int64_t tiles;
    for (int64_t first = wino4_line(conv, &l, begin) * l.across; first < last; first += tiles) {
        const int64_t parts = (last - first + l.tiles - 1) / l.tiles;
        tiles = (last - first + parts - 1) / parts;
        wino4_tile tile = wino4_tile_at(&l, first);
        for (int64_t t = 0; t < tiles; t++, wino4_next(&l, &tile)) {
            const float *pixels[WINO4_PLACES];
            wino4_pixels(conv, &tile, in, zeros, pixels);
            wino4_transform_tile(conv, &l, pixels, transformed + t * l.depth);
        }
        wino4_tiles(conv, &l, packed, first, tiles, transformed, products, out, begin, end);
    }
}
