/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense convolution of u8 and i8 as a matrix product, exact modulo 2^32. Inputs and
   weights less their zero points fit 16 bits, so that padding is plain 0 and nothing is left to
   correct; pairs of products are added at once. Packed: int16 weights
   [group][panel][k/2][PANEL][2], then int32 biases [group][panel][PANEL], then the constants of the
   requantization. See lanes.h; the set's file also defines ivec madd(ivec, ivec) and ivec
   requantize(...). */

typedef struct i8_layout {
    int64_t pairs, group_in, group_out, panels, strip; /* panels of one group; strip in pixels */
    size_t bias_at, requant_at, bytes;                 /* bytes 0: too large */
} i8_layout;

static i8_layout i8_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    i8_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.pairs = (s->kernel_h * s->kernel_w * l.group_in + 1) / 2;
    l.panels = (l.group_out + PANEL - 1) / PANEL;
    l.strip = ork_max64(1, ork_min64(16, 16384 / ork_max64(1, l.pairs * ROWS))) * ROWS;
    size_t weights = ork_size_product(PANEL * 4, l.pairs, l.panels, s->groups);
    size_t rest =
        ork_size_product(PANEL * 4 + PANEL_VECTORS * sizeof(requant_lanes), l.panels, s->groups, 1);
    l.bias_at = weights;
    l.requant_at = weights + ork_size_product(PANEL * 4, l.panels, s->groups, 1);
    l.bytes = weights && rest ? weights + rest : 0;
    return l;
}

static bool bytes_supported(const ork_conv *conv)
{
    const ork_requant *r = &conv->requant;
    return r->in_zero >= -255 && r->in_zero <= 255 && requant_supported(r);
}

bool ISA(ork_i8_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return bytes_supported(conv) && (s->out_c / s->groups * 4 >= LANES || s->groups == 1);
}

size_t ISA(ork_i8_dense_packed_bytes)(const ork_conv *conv)
{
    return i8_layout_of(conv).bytes;
}

/* Weight of tap-and-channel k of output channel `channel`, less its zero point. */
static int16_t i8_weight(const ork_conv *conv, int64_t channel, int64_t k)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t taps = s->kernel_h * s->kernel_w, group_in = s->in_c / s->groups;
    if (k >= taps * group_in)
        return 0;
    int64_t at = (channel * group_in + k % group_in) * taps + k / group_in;
    return (int16_t)(ork_load_int(conv->weight_dtype, conv->weights, at) -
                     ork_requant_weight_zero(&conv->requant, channel));
}

void ISA(ork_i8_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const i8_layout l = i8_layout_of(conv);
    int16_t *to = packed;
    int32_t *bias = (int32_t *)(void *)((char *)packed + l.bias_at);
    requant_lanes *requant = (requant_lanes *)(void *)((char *)packed + l.requant_at);
    for (int64_t panel = 0; panel < s->groups * l.panels; panel++) {
        const int64_t group = panel / l.panels, first = panel % l.panels * PANEL;
        const int64_t base = group * l.group_out;
        for (int64_t i = 0; i < l.pairs * PANEL; i++) {
            const int64_t o = first + i % PANEL, k = i / PANEL * 2, lane = i % LANES;
            int16_t *vector = to + (i - lane) * 2;
            for (int odd = 0; odd < 2; odd++)
                vector[madd_slot((int)lane, odd)] =
                    o < l.group_out ? i8_weight(conv, base + o, k + odd) : (int16_t)0;
        }
        to += l.pairs * PANEL * 2;
        for (int64_t o = first; o < first + PANEL; o++)
            *bias++ = conv->bias && o < l.group_out ? ((const int32_t *)conv->bias)[base + o] : 0;
        for (int v = 0; v < PANEL_VECTORS; v++)
            requant_lanes_set(requant++, &conv->requant, base + first + v * LANES,
                              base + l.group_out);
    }
}

size_t ISA(ork_i8_dense_scratch_bytes)(const ork_conv *conv)
{
    i8_layout l = i8_layout_of(conv);
    return ork_size_product(4, l.strip, l.pairs, 1);
}

ALWAYS_INLINE void widen(int16_t *restrict to, const uint8_t *restrict from, int64_t count,
                         bool is_signed, int16_t zero)
{
    if (is_signed)
        for (int64_t i = 0; i < count; i++)
            to[i] = (int16_t)((int8_t)from[i] - zero);
    else
        for (int64_t i = 0; i < count; i++)
            to[i] = (int16_t)(from[i] - zero);
}

/* One window less the zero point, zeros where it reads padding. */
static void gather_i8(const ork_conv *conv, const uint8_t *in, const window *w, int64_t channels,
                      int16_t *to)
{
    const ork_conv_shape *s = &conv->shape;
    const bool is_signed = conv->dtype == ORK_I8;
    const int16_t zero = (int16_t)conv->requant.in_zero;
    const bool whole = s->dilation_w == 1 && s->in_stride == channels && w->x >= 0 &&
                       w->x + s->kernel_w <= s->in_w;
    for (int64_t ky = 0; ky < s->kernel_h; ky++, to += s->kernel_w * channels) {
        int64_t y = w->y + ky * s->dilation_h;
        const int64_t line = (w->image * s->in_h + y) * s->in_w;
        if (y < 0 || y >= s->in_h) {
            memset(to, 0, (size_t)(s->kernel_w * channels) * sizeof(*to));
            continue;
        }
        if (whole) {
            widen(to, in + (line + w->x) * s->in_stride, s->kernel_w * channels, is_signed, zero);
            continue;
        }
        for (int64_t kx = 0; kx < s->kernel_w; kx++) {
            int64_t x = w->x + kx * s->dilation_w;
            if (x < 0 || x >= s->in_w)
                memset(to + kx * channels, 0, (size_t)channels * sizeof(*to));
            else
                widen(to + kx * channels, in + (line + x) * s->in_stride, channels, is_signed,
                      zero);
        }
    }
}

/* A pair of int16, whatever the alignment. */
ALWAYS_INLINE int32_t load_pair(const int16_t *from)
{
    int32_t pair;
    memcpy(&pair, from, sizeof(pair));
    return pair;
}

static void tile_i8(int64_t pairs, const int16_t *restrict a, int64_t rows,
                    const int16_t *restrict b, const int32_t *bias, int32_t *restrict tile)
{
    ivec sum[ROWS][PANEL_VECTORS];
    const int16_t *row[ROWS];
    for (int r = 0; r < ROWS; r++)
        row[r] = a + ork_min64(r, rows - 1) * pairs * 2;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            sum[r][v] = ivec_load(bias + v * LANES);
    }
    for (int64_t i = 0; i < pairs; i++, b += PANEL * 2) {
        ivec w[PANEL_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            w[v] = ivec_load((const int32_t *)(const void *)(b + v * LANES * 2));
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            ivec x = ivec_of(load_pair(row[r] + i * 2));
#pragma GCC unroll 16
            for (int v = 0; v < PANEL_VECTORS; v++)
                sum[r][v] = madd(sum[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            ivec_store(tile + r * PANEL + v * LANES, sum[r][v]);
    }
}

static void look_up(const uint8_t *table, uint8_t *bytes, int64_t count)
{
    for (int64_t i = 0; table && i < count; i++)
        bytes[i] = table[bytes[i]];
}

/* 2 LANES accumulators at a time to bytes; constants repeat after `vectors` (even) of LANES. */
static void requantize_bytes(const ork_requant *r, const requant_lanes *constants, int vectors,
                             const int32_t *from, uint8_t *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += 2 * LANES) {
        const int v = (int)(i / LANES % vectors);
        ivec low = requantize(r, &constants[v], ivec_load(from + i));
        ivec high = requantize(r, &constants[v + 1], ivec_load(from + i + LANES));
        narrow(low, high, to + i);
    }
    look_up(r->table, to, count);
}

static void store_tile_i8(const ork_conv *conv, const requant_lanes *requant, const int32_t *tile,
                          int64_t rows, uint8_t *out, int64_t channels)
{
    uint8_t bytes[ROWS * PANEL];
    requantize_bytes(&conv->requant, requant, PANEL_VECTORS, tile, bytes, rows * PANEL);
    for (int64_t r = 0; r < rows; r++, out += conv->shape.out_stride) {
        if (channels == PANEL)
            memcpy(out, bytes + r * PANEL, PANEL);
        else
            memcpy(out, bytes + r * PANEL, (size_t)channels);
    }
}

/* All output channels of one group for `pixels` windows. */
static void strip_i8(const ork_conv *conv, const i8_layout *l, const void *packed, int64_t group,
                     const int16_t *a, int64_t pixels, uint8_t *out)
{
    for (int64_t panel = 0; panel < l->panels; panel++) {
        const int64_t at = group * l->panels + panel;
        const int16_t *b = (const int16_t *)packed + at * l->pairs * PANEL * 2;
        const int32_t *bias =
            (const int32_t *)(const void *)((const char *)packed + l->bias_at) + at * PANEL;
        const requant_lanes *requant =
            (const requant_lanes *)(const void *)((const char *)packed + l->requant_at) +
            at * PANEL_VECTORS;
        int64_t channels = ork_min64(PANEL, l->group_out - panel * PANEL);
        for (int64_t p = 0; p < pixels; p += ROWS) {
            int32_t tile[ROWS * PANEL] __attribute__((aligned(64)));
            int64_t rows = ork_min64(ROWS, pixels - p);
            tile_i8(l->pairs, a + p * l->pairs * 2, rows, b, bias, tile);
            store_tile_i8(conv, requant, tile, rows,
                          out + p * conv->shape.out_stride + panel * PANEL, channels);
        }
    }
}

void ISA(ork_i8_dense_run)(const ork_conv *conv, const void *packed, const void *in_data,
                           void *out_data, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const i8_layout l = i8_layout_of(conv);
    const int64_t k = s->kernel_h * s->kernel_w * l.group_in, last = end * s->out_w;
    const uint8_t *in = in_data;
    int16_t *a = scratch;
    for (int64_t at = begin * s->out_w; at < last; at += l.strip) {
        int64_t pixels = ork_min64(l.strip, last - at);
        for (int64_t group = 0; group < s->groups; group++) {
            window w = window_of(s, at);
            for (int64_t p = 0; p < pixels; p++, window_next(s, &w)) {
                gather_i8(conv, in + group * l.group_in, &w, l.group_in, a + p * l.pairs * 2);
                if (k & 1)
                    a[p * l.pairs * 2 + k] = 0;
            }
            strip_i8(conv, &l, packed, group, a, pixels,
                     (uint8_t *)out_data + at * s->out_stride + group * l.group_out);
        }
    }
}
