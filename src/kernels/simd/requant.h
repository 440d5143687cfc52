/* SPDX-License-Identifier: Apache-2.0 */
/* Template: requantization of LANES int32 accumulators at once, equal to ork_requant_one bit for
   bit. See lanes.h.

   Every rule is (acc * mantissa + rounding) >> shift with a 24-bit mantissa and a shift of 1 to 62.
   DFP is the mantissa 2^23. An accumulator whose result is out of every range anyway is clamped
   first, so that the result fits 32 bits; and 2^62 is added before the shift, so that a logical
   shift will do, and its 2^(62 - shift) taken away after it.

   Most lanes need less: t = acc factor + start in float32, where start is the zero point and the
   rule's 0.5, is off by less than QUICK_MARGIN wherever it decides between two bytes (acc and the
   sum are rounded to 24 bits, both below 770 in magnitude: 770 2^-24). So floor(t + QUICK_MARGIN)
   is the result, unless t + QUICK_MARGIN lies less than twice that above a whole number; ties do,
   so that the rules agree where this holds. DFP, whose ties are frequent, rounds acc 2^-shift to
   even, which is exact when acc has 24 bits. Sets that have it define HAS_QUICK_REQUANTIZE; lanes
   it cannot tell, and channels whose factor and start are 0, are done as above.

   Where all channels of a panel have one multiplier, factor and start can mostly be chosen so that
   floor(t), as a signed byte, is the result for every accumulator: t grows with it, so that this is
   so when it is at the 255 accumulators at which the result changes and those before them. Such
   panels are marked as sure, and nobody looks how near to a tie they are (prove_requant in
   bytes.h). */

/* Constants of LANES channels. 64-bit ones are in the order of the set's wide_slot(lane). */
typedef struct requant_lanes {
    int32_t mantissa[LANES], low[LANES], high[LANES];
    int32_t term[LANES]; /* output zero point less what is left of 2^62 */
    int64_t shift[LANES], offset[LANES];
    float factor[LANES], start[LANES]; /* quick */
    int32_t sure; /* 1 or 0: this vector and all that stand with it in an array */
} requant_lanes;

enum { SATURATED_BITS = 18, MAX_OUT_ZERO = 1 << 16, QUICK_MOST_ZERO = 256 };
#define QUICK_MARGIN 0x1p-14f

/* Whether the output is all of a byte, which packing saturates to. */
static inline bool quick_is_signed(const ork_requant *r)
{
    return r->clamp_min < 0;
}

static bool quick_supported(const ork_requant *r)
{
    const int32_t low = quick_is_signed(r) ? INT8_MIN : 0;
    if (r->rule == ORK_RULE_DFP && r->out_zero != 0)
        return false;
    return r->clamp_min == low && r->clamp_max == low + UINT8_MAX &&
           r->out_zero >= -QUICK_MOST_ZERO && r->out_zero <= QUICK_MOST_ZERO;
}

static void quick_set(requant_lanes *to, int lane, const ork_requant *r, int64_t mantissa,
                      int exponent)
{
    const float factor = ldexpf((float)mantissa, exponent);
    to->start[lane] = (float)r->out_zero;
    if (r->rule != ORK_RULE_DFP)
        to->start[lane] += QUICK_MARGIN + (r->rule == ORK_RULE_FLOOR ? 0.0f : 0.5f);
    to->factor[lane] = factor;
    if (!quick_supported(r) || !(factor < 0.75f))
        to->factor[lane] = to->start[lane] = 0.0f; /* a whole number, so doubtful */
}

static bool requant_supported(const ork_requant *r)
{
    return r->out_zero >= -MAX_OUT_ZERO && r->out_zero <= MAX_OUT_ZERO &&
           r->clamp_min >= INT16_MIN && r->clamp_max <= UINT8_MAX + INT16_MAX;
}

static void requant_set(requant_lanes *to, int lane, const ork_requant *r, float multiplier)
{
    int64_t mantissa = (int64_t)1 << 23;
    int exponent = r->rule == ORK_RULE_DFP ? (int)ork_max64(-1000, -(int64_t)r->shift) - 23 : 0;
    if (r->rule != ORK_RULE_DFP)
        ork_requant_split(r->rule, multiplier, &mantissa, &exponent);
    quick_set(to, lane, r, mantissa, exponent);
    to->sure = false;
    if (exponent >= 0) { /* whatever is not 0 saturates */
        mantissa = mantissa ? (int64_t)1 << 23 : 0;
        exponent = -1;
    }
    /* below 2^-61 nothing is left of an accumulator but the direction of FLOOR */
    const int shift = (int)ork_min64(-(int64_t)exponent, r->rule == ORK_RULE_DFP ? 61 : 62);
    const int64_t half = (int64_t)1 << (shift - 1);
    int64_t limit = INT32_MAX;
    if (mantissa && shift < 63 - SATURATED_BITS)
        limit = ork_min64(limit, ((int64_t)1 << (shift + SATURATED_BITS)) / mantissa + 1);
    const bool whole = limit == INT32_MAX;
    const int wide = wide_slot(lane);
    to->mantissa[lane] = (int32_t)mantissa;
    to->high[lane] = (int32_t)limit;
    to->low[lane] = whole ? INT32_MIN : -(int32_t)limit;
    to->shift[wide] = shift;
    to->offset[wide] = (int64_t)1 << 62;
    if (r->rule != ORK_RULE_FLOOR)
        to->offset[wide] += r->rule == ORK_RULE_DFP ? half - 1 : half;
    to->term[lane] = (int32_t)((uint32_t)r->out_zero - (uint32_t)((uint64_t)1 << (62 - shift)));
}

/* Channels first .. first + LANES; those from `count` on get the last one's. */
static void requant_lanes_set(requant_lanes *to, const ork_requant *r, int64_t first, int64_t count)
{
    for (int lane = 0; lane < LANES; lane++) {
        const ork_requant one = ork_requant_of(r, ork_min64(first + lane, count - 1));
        requant_set(to, lane, &one, one.multiplier);
    }
}
