/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise convolution of u8 and i8 whose kernels have three lines, without strides, by
   an instruction that adds four products of bytes to an int32. Lines, blocks and parts of weights
   are those of depthwise_dot8.h, which must be included before.

   Four lines that follow each other are stacked in scratch: their bytes of one place side by side.
   Three of the four are one column of a kernel, so a column is one product: weights (a, b, c, 0)
   give an output row and (0, a, b, c) the one below it. Two rows are computed together, and what is
   stacked serves all columns of the kernel.

   Packed: for each block of a period a dw8_block, whose taps are columns, then weights
   [column][vector][lane][4]. The set's file also defines
     stack(lines, at, quads)    bytes from `at` on of four lines, those of a place side by side, in
                                order */

enum { DW3_LINES = 4, DW3_KERNEL = 3, DW3_MOST_COLUMNS = 64 };

typedef struct dw3_layout {
    dw8_layout lines;
    size_t block_bytes, stack_at, scratch_bytes; /* scratch_bytes 0: too large */
} dw3_layout;

static dw3_layout dw3_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    dw3_layout l = {.lines = dw8_layout_of(conv)};
    dw8_layout *d = &l.lines;
    d->slots = DW3_LINES;
    d->row_at = ork_align64(DW3_LINES * sizeof(int64_t));
    d->lines_at = d->row_at + 2 * ork_align64((size_t)d->flat);
    l.block_bytes =
        ork_align64(sizeof(dw8_block)) + (size_t)(DW8_PARTS * s->kernel_w) * DW8_WEIGHTS;
    const size_t lines = ork_size_product(DW3_LINES, d->line_bytes, 1, 1);
    const size_t stack = ork_size_product(4, d->line_bytes, 1, 1);
    l.stack_at = d->lines_at + lines;
    l.scratch_bytes = lines && stack ? l.stack_at + stack : 0;
    return l;
}

bool ISA(ork_dot8_depthwise3_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return ISA(ork_dot8_depthwise_supports)(conv) && s->kernel_h == DW3_KERNEL &&
           s->kernel_w <= DW3_MOST_COLUMNS && s->stride_h == 1 && s->stride_w == 1 &&
           s->dilation_h == 1;
}

size_t ISA(ork_dot8_depthwise3_packed_bytes)(const ork_conv *conv)
{
    const dw3_layout l = dw3_layout_of(conv);
    return ork_size_product(l.block_bytes, l.lines.period, 1, 1);
}

size_t ISA(ork_dot8_depthwise3_scratch_bytes)(const ork_conv *conv)
{
    return dw3_layout_of(conv).scratch_bytes;
}

/* ---- packing ---- */

/* Adds a part of a column to a block when one of its weights is not 0. */
static void dw3_take_column(const ork_conv *conv, const dw8_layout *l, int64_t block,
                            int64_t column, int64_t part, dw8_block *packed, int8_t *weights)
{
    const int64_t width = conv->shape.kernel_w;
    bool any = false;
    int8_t *to = weights + packed->taken * DW8_WEIGHTS;
    for (int64_t i = 0; i < BLOCK_BYTES; i++) {
        const int64_t channel = (block * BLOCK_BYTES + i) % l->channels;
        for (int64_t y = 0; y < DW3_KERNEL; y++) {
            to[i * 4 + y] = dw8_weight(conv, channel, y * width + column, part);
            any = any || to[i * 4 + y];
        }
    }
    if (any)
        packed->taps[packed->taken++] = (int16_t)column;
}

void ISA(ork_dot8_depthwise3_pack)(const ork_conv *conv, void *packed)
{
    const dw3_layout l = dw3_layout_of(conv);
    const int64_t width = conv->shape.kernel_w;
    memset(packed, 0, l.block_bytes * (size_t)l.lines.period);
    for (int64_t b = 0; b < l.lines.period; b++) {
        dw8_block *block = (dw8_block *)(void *)((char *)packed + (size_t)b * l.block_bytes);
        int8_t *weights = (int8_t *)block + ork_align64(sizeof(dw8_block));
        for (int64_t i = 0; i < BLOCK_BYTES; i++)
            dw8_set_lane(conv, (b * BLOCK_BYTES + i) % l.lines.channels, block, (int)i);
        dw8_prove(conv, block);
        for (int64_t column = 0; column < DW8_PARTS * width; column++)
            dw3_take_column(conv, &l.lines, b, column % width, column / width, block, weights);
    }
}

bool ISA(ork_dot8_depthwise3_places)(const ork_conv *conv, const void *packed)
{
    const dw3_layout l = dw3_layout_of(conv);
    return dw8_blocks_are_safe(packed, l.lines.period, l.block_bytes, conv->shape.kernel_w);
}

/* ---- running ---- */

/* Stacks the four lines from the row's first on. */
static uint8_t *dw3_stack(const ork_conv *conv, const dw3_layout *l, const uint8_t *in, int64_t row,
                          void *scratch)
{
    const int64_t image = row / conv->shape.out_h, top = row % conv->shape.out_h;
    const int64_t bytes = l->lines.line_pixels * l->lines.channels;
    const uint8_t *lines[DW3_LINES];
    uint8_t *stacked = (uint8_t *)scratch + l->stack_at;
    for (int64_t i = 0; i < DW3_LINES; i++)
        lines[i] = dw8_line(conv, &l->lines, in, image, top + i, scratch);
    for (int64_t at = 0; at < bytes; at += BLOCK_BYTES) {
        ivec quads[BLOCK_VECTORS];
        stack(lines, at, quads);
        for (int v = 0; v < BLOCK_VECTORS; v++)
            ivec_store_bytes(stacked + (at + v * LANES) * 4, quads[v]);
    }
    return stacked;
}

static __attribute__((noinline)) void dw3_store_exact(const ork_requant *r, const dw8_block *block,
                                                      const ivec *sums, uint8_t *to, int64_t count)
{
    int32_t copy[BLOCK_BYTES] __attribute__((aligned(64)));
    for (int v = 0; v < BLOCK_VECTORS; v++)
        ivec_store(copy + v * LANES, sums[v]);
    store_row_exact(r, block->requant, copy, BLOCK_VECTORS, to, count);
}

ALWAYS_INLINE void dw3_store(const ork_requant *r, const dw8_block *block, const ivec *sums,
                             uint8_t *to, int64_t count, bool sure)
{
    ivec bytes;
    const bool good =
        requantize_rows(r, block->requant, sums, BLOCK_VECTORS, 1, true, sure, &bytes);
    store_bytes(bytes, BLOCK_VECTORS, 1, to, 0, count);
    if (!good)
        dw3_store_exact(r, block, sums, to, count);
}

/* All places of a row, or of two, that a block of the period stands for. `columns` and `sure` are
   known where it is inlined. */
ALWAYS_INLINE void dw3_block_run(const ork_conv *conv, const dw3_layout *l, const dw8_block *block,
                                 const uint8_t *stacked, int64_t first, uint8_t *const *to,
                                 int rows, int64_t columns, bool sure)
{
    const int8_t *weights = (const int8_t *)block + ork_align64(sizeof(*block));
    const int64_t step = conv->shape.dilation_w * l->lines.channels;
    for (int64_t at = first; at < l->lines.flat; at += l->lines.period * BLOCK_BYTES) {
        ivec sums[2][BLOCK_VECTORS];
        for (int v = 0; v < BLOCK_VECTORS; v++)
            sums[0][v] = sums[1][v] = ivec_load(block->bias + v * LANES);
        for (int64_t i = 0; i < columns; i++) {
            const uint8_t *from = stacked + (at + block->taps[i] * step) * 4;
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                const ivec x = ivec_load_bytes(from + v * LANES * 4);
                const uvec w = (uvec)ivec_load(
                    (const int32_t *)(const void *)(weights + i * DW8_WEIGHTS + v * LANES * 4));
                sums[0][v] = dot(sums[0][v], x, (ivec)w);
                sums[1][v] = dot(sums[1][v], x, (ivec)(w << 8));
            }
        }
        const int64_t count = ork_min64(BLOCK_BYTES, l->lines.flat - at);
        dw3_store(&conv->requant, block, sums[0], to[0] + at, count, sure);
        if (rows == 2)
            dw3_store(&conv->requant, block, sums[1], to[1] + at, count, sure);
    }
}

static void dw3_rows(const ork_conv *conv, const dw3_layout *l, const void *packed,
                     const uint8_t *stacked, uint8_t *const *to, int rows)
{
    for (int64_t b = 0; b < l->lines.period; b++) {
        const dw8_block *block =
            (const dw8_block *)(const void *)((const char *)packed + (size_t)b * l->block_bytes);
        if (block->requant->sure && block->taken == 3)
            dw3_block_run(conv, l, block, stacked, b * BLOCK_BYTES, to, rows, 3, true);
        else if (block->requant->sure)
            dw3_block_run(conv, l, block, stacked, b * BLOCK_BYTES, to, rows, block->taken, true);
        else
            dw3_block_run(conv, l, block, stacked, b * BLOCK_BYTES, to, rows, block->taken, false);
    }
}

void ISA(ork_dot8_depthwise3_run)(const ork_conv *conv, const void *packed, const void *in,
                                  void *out, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const dw3_layout l = dw3_layout_of(conv);
    const bool flat = s->out_stride == l.lines.channels && s->out_c == l.lines.channels;
    for (int64_t i = 0; i < DW3_LINES; i++)
        ((int64_t *)scratch)[i] = -1;
    for (int64_t row = begin, rows; row < end; row += rows) {
        uint8_t *to[2];
        rows = row + 1 < end && (row + 1) % s->out_h ? 2 : 1;
        for (int64_t i = 0; i < 2; i++) {
            to[i] = (uint8_t *)out + (row + i) * s->out_w * s->out_stride;
            if (!flat)
                to[i] = (uint8_t *)scratch + l.lines.row_at +
                        (size_t)i * ork_align64((size_t)l.lines.flat);
        }
        dw3_rows(conv, &l, packed, dw3_stack(conv, &l, in, row, scratch), to, (int)rows);
        for (int64_t i = 0; !flat && i < rows; i++)
            copy_pixels(false, (uint8_t *)out + (row + i) * s->out_w * s->out_stride, s->out_stride,
                        to[i], l.lines.channels, s->out_w, s->out_c);
    }
}
