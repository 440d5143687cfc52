/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise convolution of i16 (dfp), 2 LANES channels at a time, two taps in one
   product; weights have a high and a low part, and sums become one, as in dense_i16.h. Packed: a
   flag, then for each block of channels its biases as int64 and as double, then weights
   [pair][high, low][channel][2]; lanes as dw_lane and dw_slot have them. Scratch: a pixel of zeros.
 */
#include "dense_i16.h"

enum { DW_I16_BLOCK = 2 * LANES, DW_I16_TAPS = 2 * I16_PAIRS };

static int64_t dw_i16_pairs(const ork_conv *conv)
{
    return (conv->shape.kernel_h * conv->shape.kernel_w + 1) / 2;
}

static int64_t dw_i16_blocks(const ork_conv *conv)
{
    return (conv->shape.out_c + DW_I16_BLOCK - 1) / DW_I16_BLOCK;
}

static size_t dw_i16_block_bytes(const ork_conv *conv)
{
    return (size_t)(DW_I16_BLOCK * (I16_BIAS_BYTES + dw_i16_pairs(conv) * 8));
}

bool ISA(ork_i16_depthwise_supports)(const ork_conv *conv)
{
    const ork_requant *r = &conv->requant;
    return conv->shape.kernel_h <= DW_I16_TAPS && conv->shape.kernel_w <= DW_I16_TAPS &&
           conv->shape.kernel_h * conv->shape.kernel_w <= DW_I16_TAPS && r->in_zero == 0 &&
           r->rule == ORK_RULE_DFP && r->weight_zero == 0 && !r->weight_zeros;
}

size_t ISA(ork_i16_depthwise_packed_bytes)(const ork_conv *conv)
{
    const size_t blocks = ork_size_product(dw_i16_block_bytes(conv), dw_i16_blocks(conv), 1, 1);
    return blocks ? blocks + I16_FLAG_BYTES : 0;
}

void ISA(ork_i16_depthwise_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t taps = s->kernel_h * s->kernel_w;
    char *block = (char *)packed + I16_FLAG_BYTES;
    memset(block, 0, dw_i16_block_bytes(conv) * (size_t)dw_i16_blocks(conv));
    bool small = true;
    for (int64_t first = 0; first < s->out_c; first += DW_I16_BLOCK) {
        int64_t *bias = (int64_t *)(void *)block;
        double *real = (double *)(void *)(bias + DW_I16_BLOCK);
        int16_t *weights = (int16_t *)(void *)(real + DW_I16_BLOCK);
        for (int64_t c = 0; c < ork_min64(DW_I16_BLOCK, s->out_c - first); c++) {
            const int lane = dw_lane((int)c);
            bias[lane] = conv->bias ? ((const int64_t *)conv->bias)[first + c] : 0;
            real[lane] = (double)bias[lane];
            small = small && bias[lane] > -I16_LARGE && bias[lane] < I16_LARGE;
            for (int64_t tap = 0; tap < taps; tap++) {
                int16_t *pair = weights + tap / 2 * 4 * DW_I16_BLOCK;
                i16_split((int16_t)raw_weight(conv, first + c, tap),
                          pair + dw_slot((int)c, tap & 1),
                          pair + 2 * DW_I16_BLOCK + dw_slot((int)c, tap & 1));
            }
        }
        block += dw_i16_block_bytes(conv);
    }
    *(int32_t *)packed = small && i16_scales(&conv->requant);
}

size_t ISA(ork_i16_depthwise_scratch_bytes)(const ork_conv *conv)
{
    return ork_size_product(sizeof(int16_t) * DW_I16_BLOCK, dw_i16_blocks(conv), 1, 1);
}

/* A row of outputs. */
typedef struct dw_i16_row {
    i16_product product;
    int64_t pairs;
    const int16_t *end;               /* of the input */
    const int16_t *last;              /* of the taps inside of the picture */
    const int16_t *taps[DW_I16_TAPS]; /* of the pixel; one more when their number is odd */
} dw_i16_row;

/* Where the taps of a pixel lie; those outside of the picture are zeros. */
static void dw_i16_taps(const ork_conv_shape *s, const int16_t *image, const int16_t *zeros,
                        int64_t y, int64_t x, dw_i16_row *row)
{
    const int64_t line = s->dilation_h * s->in_w * s->in_stride,
                  step = s->dilation_w * s->in_stride;
    const bool whole = y >= 0 && y + (s->kernel_h - 1) * s->dilation_h < s->in_h && x >= 0 &&
                       x + (s->kernel_w - 1) * s->dilation_w < s->in_w;
    const int16_t **tap = row->taps,
                  *first = whole ? image + (y * s->in_w + x) * s->in_stride : image;
    row->last = first;
    for (int64_t ky = 0; ky < s->kernel_h; ky++, y += s->dilation_h) {
        for (int64_t kx = 0; kx < s->kernel_w; kx++) {
            const int64_t in_x = x + kx * s->dilation_w;
            if (whole)
                *tap++ = first + ky * line + kx * step;
            else if (y >= 0 && y < s->in_h && in_x >= 0 && in_x < s->in_w)
                *tap++ = image + (y * s->in_w + in_x) * s->in_stride;
            else
                *tap++ = zeros;
            row->last = tap[-1] == zeros ? row->last : tap[-1];
        }
    }
    if (s->kernel_h * s->kernel_w % 2 != 0)
        *tap = zeros;
}

ALWAYS_INLINE void dw_i16_sums(const int64_t pairs, const int16_t *const *taps, int64_t channel,
                               const int16_t *weights, i16_sums *sums)
{
    ivec high[2] = {ivec_of(0), ivec_of(0)}, low[2] = {ivec_of(0), ivec_of(0)};
    for (int64_t i = 0; i < pairs; i++, weights += 4 * DW_I16_BLOCK) {
        const int16_t *a = taps[2 * i] + channel, *b = taps[2 * i + 1] + channel;
        dw_pair(high, a, b, weights);
        dw_pair(low, a, b, weights + 2 * DW_I16_BLOCK);
    }
    for (int v = 0; v < 2; v++) {
        ivec_store(sums->high + v * LANES, high[v]);
        ivec_store(sums->low + v * LANES, low[v]);
    }
}

/* The last channels, fewer than a block has, where the input ends. */
static void dw_i16_sums_part(const dw_i16_row *row, int64_t channel, int64_t count,
                             const int16_t *weights, i16_sums *sums)
{
    int16_t copies[2][DW_I16_BLOCK] = {{0}};
    const int16_t *const pair[2] = {copies[0], copies[1]};
    i16_sums one;
    memset(sums->high, 0, DW_I16_BLOCK * sizeof(*sums->high));
    memset(sums->low, 0, DW_I16_BLOCK * sizeof(*sums->low));
    for (int64_t i = 0; i < row->pairs; i++, weights += 4 * DW_I16_BLOCK) {
        for (int k = 0; k < 2; k++) {
            const int16_t *from = row->taps[2 * i + k] + channel;
            memcpy(copies[k], from, (size_t)count * sizeof(*from));
        }
        dw_i16_sums(1, pair, 0, weights, &one);
        for (int lane = 0; lane < DW_I16_BLOCK; lane++) {
            sums->high[lane] += one.high[lane];
            sums->low[lane] += one.low[lane];
        }
    }
}

static void dw_i16_store(const i16_product *p, const i16_sums *sums, int16_t *out, int64_t count)
{
    int16_t done[DW_I16_BLOCK], ordered[DW_I16_BLOCK];
    if (p->small) {
        for (int i = 0; i < DW_I16_BLOCK; i++)
            done[i] = i16_round(p, sums->high[i], sums->low[i], p->real_bias[i]);
    } else {
        int64_t totals[DW_I16_BLOCK];
        memcpy(totals, p->bias, sizeof(totals));
        i16_add(sums, totals, DW_I16_BLOCK);
        requantize_i16(p->requant, 0, totals, done, DW_I16_BLOCK);
    }
    for (int c = 0; c < DW_I16_BLOCK; c += 4) /* lanes of four channels are neighbours */
        memcpy(ordered + c, done + dw_lane(c), 4 * sizeof(*out));
    if (count >= DW_I16_BLOCK)
        memcpy(out, ordered, sizeof(ordered));
    else
        memcpy(out, ordered, (size_t)count * sizeof(*out));
}

static void dw_i16_pixel(const ork_conv *conv, const char *block, dw_i16_row *row, int16_t *out)
{
    i16_product *p = &row->product;
    const size_t block_bytes = dw_i16_block_bytes(conv);
    for (int64_t c = 0; c < conv->shape.out_c; c += DW_I16_BLOCK, block += block_bytes) {
        const int64_t count = conv->shape.out_c - c;
        i16_sums sums;
        p->bias = (const int64_t *)(const void *)block;
        p->real_bias = (const double *)(const void *)(p->bias + DW_I16_BLOCK);
        p->weights = (const int16_t *)(const void *)(p->real_bias + DW_I16_BLOCK);
        if (count < DW_I16_BLOCK && row->end - row->last < c + DW_I16_BLOCK)
            dw_i16_sums_part(row, c, count, p->weights, &sums);
        else if (row->pairs == 5)
            dw_i16_sums(5, row->taps, c, p->weights, &sums);
        else
            dw_i16_sums(row->pairs, row->taps, c, p->weights, &sums);
        dw_i16_store(p, &sums, out + c, count);
    }
}

void ISA(ork_i16_depthwise_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                                int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    dw_i16_row row = {.product = i16_product_of(conv, *(const int32_t *)packed),
                      .pairs = dw_i16_pairs(conv)};
    row.end = (const int16_t *)in + (s->batch * s->in_h * s->in_w - 1) * s->in_stride + s->in_c;
    memset(scratch, 0, ISA(ork_i16_depthwise_scratch_bytes)(conv));
    for (int64_t i = begin; i < end; i++) {
        const int16_t *image =
            (const int16_t *)in + i / s->out_h * s->in_h * s->in_w * s->in_stride;
        const int64_t y = i % s->out_h * s->stride_h - s->pad_top;
        int16_t *to = (int16_t *)out + i * s->out_w * s->out_stride;
        for (int64_t x = 0; x < s->out_w; x++, to += s->out_stride) {
            dw_i16_taps(s, image, scratch, y, x * s->stride_w - s->pad_left, &row);
            dw_i16_pixel(conv, (const char *)packed + I16_FLAG_BYTES, &row, to);
        }
    }
}
