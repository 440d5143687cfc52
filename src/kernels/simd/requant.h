/* SPDX-License-Identifier: Apache-2.0 */
/* Template: requantization of LANES int32 accumulators at once, equal to ork_requant_one bit for
   bit. See lanes.h.

   Every rule is (acc * mantissa + rounding) >> shift with a 24-bit mantissa and a shift of 1 to 62.
   DFP is the mantissa 2^23. An accumulator whose result is out of every range anyway is clamped
   first, so that the result fits 32 bits; and 2^62 is added before the shift, so that a logical
   shift will do, and its 2^(62 - shift) taken away after it. */

/* Constants of LANES channels. 64-bit ones are in the order of the set's wide_slot(lane). */
typedef struct requant_lanes {
    int32_t mantissa[LANES], low[LANES], high[LANES];
    int32_t term[LANES]; /* output zero point less what is left of 2^62 */
    int64_t shift[LANES], offset[LANES];
} requant_lanes;

enum { SATURATED_BITS = 18, MAX_OUT_ZERO = 1 << 16 };

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
    for (int lane = 0; lane < LANES; lane++)
        requant_set(to, lane, r, ork_requant_multiplier(r, ork_min64(first + lane, count - 1)));
}
