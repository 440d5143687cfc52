/* SPDX-License-Identifier: Apache-2.0 */
/* Template: what the convolutions of u8 and i8 have in common. See lanes.h and requant.h; the set's
   file also defines
     narrow(a, b, to)             stores 2 LANES numbers as bytes
   and with HAS_QUICK_REQUANTIZE
     requantize_rows(...)         4 vectors of accumulators to 4 LANES bytes; false when some lane
   needs more care store_bytes(...)             stores them look_up_vector(table, x)     4 LANES
   bytes through a table of 256 */
#ifndef ORK_KERNELS_BYTES_H
#define ORK_KERNELS_BYTES_H

#include "strip.h"

static inline bool bytes_supported(const ork_conv *conv)
{
    const ork_requant *r = &conv->requant;
    return r->in_zero >= -255 && r->in_zero <= 255 && requant_supported(r);
}

/* Weight of tap-and-channel k of output channel `channel` as it is; 0 from the end on. */
static inline int32_t raw_weight(const ork_conv *conv, int64_t channel, int64_t k)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t taps = s->kernel_h * s->kernel_w, group_in = s->in_c / s->groups;
    int64_t at = (channel * group_in + k % group_in) * taps + k / group_in;
    return k < taps * group_in ? ork_load_int(conv->weight_dtype, conv->weights, at) : 0;
}

/* The same less its zero point. */
static inline int16_t centred_weight(const ork_conv *conv, int64_t channel, int64_t k)
{
    const ork_conv_shape *s = &conv->shape;
    if (k >= s->kernel_h * s->kernel_w * (s->in_c / s->groups))
        return 0;
    return (int16_t)(raw_weight(conv, channel, k) -
                     ork_requant_weight_zero(&conv->requant, channel));
}

/* Input bytes less the zero point; a gather_copy. */
ALWAYS_INLINE void widen(const ork_conv *conv, void *restrict to_data,
                         const void *restrict from_data, int64_t count)
{
    int16_t *restrict to = to_data;
    const uint8_t *restrict from = from_data;
    const int16_t zero = (int16_t)conv->requant.in_zero;
    if (conv->dtype == ORK_I8)
        for (int64_t i = 0; i < count; i++)
            to[i] = (int16_t)((int8_t)from[i] - zero);
    else
        for (int64_t i = 0; i < count; i++)
            to[i] = (int16_t)(from[i] - zero);
}

/* What makes a type's bytes unsigned ones. */
static inline int32_t byte_offset(ork_dtype dtype)
{
    return dtype == ORK_I8 ? 128 : 0;
}

/* For a few bytes faster than memcpy, which does not know that they are few: the last move overlaps
   the one before. */
ALWAYS_INLINE void copy_short(uint8_t *restrict to, const uint8_t *restrict from, int64_t count)
{
    if (count >= 16) {
        for (int64_t i = 0; i + 16 < count; i += 16)
            memcpy(to + i, from + i, 16);
        memcpy(to + count - 16, from + count - 16, 16);
    } else if (count >= 8) {
        memcpy(to, from, 8);
        memcpy(to + count - 8, from + count - 8, 8);
    } else {
        for (int64_t i = 0; i < count; i++)
            to[i] = from[i];
    }
}

/* Copies bytes, with their highest bit turned when `moved`: signed ones become unsigned or the
   other way. */
static inline void copy_moved(bool moved, uint8_t *restrict to, const uint8_t *restrict from,
                              int64_t count)
{
    if (!moved && count < 256)
        copy_short(to, from, count);
    else if (!moved)
        memcpy(to, from, (size_t)count);
    for (int64_t i = 0; moved && i < count; i++)
        to[i] = from[i] ^ 0x80;
}

/* Pixels of so many bytes, a constant. */
#define COPY_SIZES(size)                                                                           \
    size(1) size(2) size(3) size(4) size(5) size(6) size(7) size(8) size(9) size(10) size(11)      \
        size(12) size(13) size(14) size(15) size(16) size(24) size(32) size(48) size(64)
#define DEFINE_COPY(bytes)                                                                         \
    static void copy_pixels_##bytes(uint8_t *restrict to, int64_t to_step,                         \
                                    const uint8_t *restrict from, int64_t from_step,               \
                                    int64_t count)                                                 \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++, to += to_step, from += from_step)                      \
            memcpy(to, from, bytes);                                                               \
    }
COPY_SIZES(DEFINE_COPY)
#undef DEFINE_COPY

/* `count` pixels of `channels` bytes, some bytes apart; usual numbers of channels are constants. */
static inline void copy_pixels(bool moved, uint8_t *to, int64_t to_step, const uint8_t *from,
                               int64_t from_step, int64_t count, int64_t channels)
{
    typedef void copy_fn(uint8_t *restrict, int64_t, const uint8_t *restrict, int64_t, int64_t);
    static copy_fn *const sizes[] = {
#define COPY_ENTRY(bytes) [bytes] = copy_pixels_##bytes,
        COPY_SIZES(COPY_ENTRY)
#undef COPY_ENTRY
    };
    if (to_step == channels && from_step == channels) {
        copy_moved(moved, to, from, count * channels);
        return;
    }
    if (!moved && channels < (int64_t)ORK_COUNT(sizes) && sizes[channels]) {
        sizes[channels](to, to_step, from, from_step, count);
        return;
    }
    for (int64_t i = 0; i < count; i++, to += to_step, from += from_step) {
        if (moved)
            copy_moved(true, to, from, channels);
        else
            copy_short(to, from, channels);
    }
}

/* Four bytes, whatever the alignment. */
ALWAYS_INLINE int32_t load_word(const void *from)
{
    int32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* to[i] = table[from[i]]; from may be to. */
static inline void look_up(const uint8_t *table, const uint8_t *from, uint8_t *to, int64_t count)
{
    enum { BYTES = LANES * 4 };
    ivec rest;
    int64_t i = 0;
    for (; i + BYTES <= count; i += BYTES)
        ivec_store_bytes(to + i, look_up_vector(table, ivec_load_bytes(from + i)));
    if (i == count)
        return;
    memset(&rest, 0, sizeof(rest));
    memcpy(&rest, from + i, (size_t)(count - i));
    rest = look_up_vector(table, rest);
    memcpy(to + i, &rest, (size_t)(count - i));
}

/* 2 LANES accumulators at a time to bytes; constants repeat after `vectors` (even) of LANES. */
static inline void requantize_bytes(const ork_requant *r, const requant_lanes *constants,
                                    int vectors, const int32_t *from, uint8_t *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += 2 * LANES) {
        const int v = (int)(i / LANES % vectors);
        ivec low = requantize(r, &constants[v], ivec_load(from + i));
        ivec high = requantize(r, &constants[v + 1], ivec_load(from + i + LANES));
        narrow(low, high, to + i);
    }
    if (r->table)
        look_up(r->table, to, to, count);
}

#if defined(HAS_QUICK_REQUANTIZE)
enum { STEP_PAIRS = 512 };

/* Whether the vector code gives what it should for all of them. */
static bool requant_agrees(const ork_requant *r, const requant_lanes *k,
                           const int32_t *accumulators, const uint8_t *want)
{
    ork_requant plain = *r;
    plain.table = NULL;
    for (int i = 0; i < STEP_PAIRS; i += 4 * LANES) {
        ivec sums[4], bytes;
        for (int v = 0; v < 4; v++)
            sums[v] = ivec_load(accumulators + i + v * LANES);
        requantize_rows(&plain, k, sums, 1, 4, true, true, &bytes);
        if (memcmp(&bytes, want + i, sizeof(bytes)) != 0)
            return false;
    }
    return true;
}

/* The accumulators before each change of the result and at it, and what becomes of them. */
static void list_steps(const ork_requant *r, const int64_t first[255], int32_t *accumulators,
                       uint8_t *want)
{
    for (int i = 0; i < STEP_PAIRS; i++) {
        const int step = i / 2 < 255 ? i / 2 : 254;
        const int64_t at = first[step] - 1 + i % 2;
        const int32_t inside = (int32_t)ork_max64(INT32_MIN, ork_min64(INT32_MAX, at));
        const bool reached = inside >= first[step];
        accumulators[i] = inside;
        want[i] = (uint8_t)(r->clamp_min + step + reached);
        for (int more = step + 1; reached && more < 255 && first[more] <= inside; more++)
            want[i]++; /* several changes at one */
        for (int less = step - 1; !reached && less >= 0 && first[less] > inside; less--)
            want[i]--;
    }
}

/* Starts with which factor * acc + start, of -128 to 127, crosses the whole numbers where the
   result changes. */
static void start_bounds(const int64_t first[255], double factor, double *low, double *high)
{
    *low = -1e9;
    *high = 1e9;
    for (int i = 0; i < 255; i++) {
        const double at = INT8_MIN + 1 + i - factor * (double)first[i];
        if (first[i] > INT32_MIN && first[i] <= INT32_MAX) {
            *low = fmax(*low, at);
            *high = fmin(*high, at + factor);
        }
    }
}

/* Marks the vectors of a panel, whose channels all have `multiplier`, as sure if it can. */
static void prove_requant(requant_lanes *to, int vectors, const ork_requant *r, float multiplier)
{
    static const float parts[] = {0.5f, 0.3f, 0.7f, 0.1f, 0.9f};
    int64_t first[255];
    int32_t accumulators[STEP_PAIRS];
    uint8_t want[STEP_PAIRS];
    const float factor = to->factor[0];
    if (!(factor > 0.0f))
        return;
    ork_requant_steps(r, multiplier, first);
    list_steps(r, first, accumulators, want);
    for (int i = 0; i < 3 * (int)ORK_COUNT(parts) && !to->sure; i++) {
        requant_lanes tried = {0};
        const float near = i < 5 ? factor : nextafterf(factor, i < 10 ? 1.0f : 0.0f);
        double low, high;
        start_bounds(first, (double)near, &low, &high);
        for (int lane = 0; lane < LANES; lane++) {
            tried.factor[lane] = near;
            tried.start[lane] = (float)(low + (high - low) * (double)parts[i % 5]);
        }
        if (!requant_agrees(r, &tried, accumulators, want))
            continue;
        for (int v = 0; v < vectors; v++) {
            memcpy(to[v].factor, tried.factor, sizeof(tried.factor));
            memcpy(to[v].start, tried.start, sizeof(tried.start));
            to[v].sure = true;
        }
    }
}
#endif

/* Constants of channels first .. end - 1, which stand in a panel of `vectors` vectors. */
static inline void requant_panel_set(requant_lanes *to, int vectors, const ork_requant *r,
                                     int64_t first, int64_t end)
{
    for (int v = 0; v < vectors; v++)
        requant_lanes_set(&to[v], r, first + v * LANES, end);
#if defined(HAS_QUICK_REQUANTIZE)
    bool one = true;
    const ork_requant least = ork_requant_of(r, first);
    for (int64_t channel = first + 1; channel < end; channel++) {
        const ork_requant other = ork_requant_of(r, channel);
        one = one && other.multiplier == least.multiplier && other.out_zero == least.out_zero;
    }
    if (one)
        prove_requant(to, vectors, &least, least.multiplier);
#endif
}

enum { MOST_ROW_VECTORS = 4 };

/* One pixel of store_rows; `sums` have one vector more when their number is odd. */
static __attribute__((noinline)) void store_row_exact(const ork_requant *r,
                                                      const requant_lanes *constants,
                                                      const int32_t *sums, int vectors, uint8_t *to,
                                                      int64_t channels)
{
    uint8_t bytes[MOST_ROW_VECTORS * LANES];
    const int pairs = (vectors + 1) / 2;
    for (int i = 0; i < pairs; i++) {
        const requant_lanes *second = &constants[2 * i + 1 < vectors ? 2 * i + 1 : 2 * i];
        narrow(requantize(r, &constants[2 * i], ivec_load(sums + 2 * i * LANES)),
               requantize(r, second, ivec_load(sums + (2 * i + 1) * LANES)), bytes + 2 * i * LANES);
    }
    if (r->table)
        look_up(r->table, bytes, bytes, channels);
    memcpy(to, bytes, (size_t)channels);
}

/* The accumulators of `rows` pixels, `vectors` each and MOST_ROW_VECTORS in all at most, to bytes,
   of which each pixel stores `channels`; pixels are `step` bytes apart. Numbers of vectors and rows
   are known where it is inlined. */
ALWAYS_INLINE void store_rows(const ork_requant *r, const requant_lanes *constants,
                              const ivec *sums, int vectors, int rows, uint8_t *to, int64_t step,
                              int64_t channels)
{
#if defined(HAS_QUICK_REQUANTIZE)
    ivec bytes;
    if (constants->sure) {
        requantize_rows(r, constants, sums, vectors, rows, true, true, &bytes);
        store_bytes(bytes, vectors, rows, to, step, channels);
        return;
    }
    const bool good = requantize_rows(r, constants, sums, vectors, rows, true, false, &bytes);
    store_bytes(bytes, vectors, rows, to, step, channels);
    if (good)
        return;
#endif
    for (int row = 0; row < rows; row++) {
        int32_t copy[MOST_ROW_VECTORS * LANES] __attribute__((aligned(64)));
        for (int v = 0; v < MOST_ROW_VECTORS; v++)
            ivec_store(copy + v * LANES, v < vectors ? sums[row * vectors + v] : ivec_of(0));
        store_row_exact(r, constants, copy, vectors, to + row * step, channels);
    }
}

#endif
