/* SPDX-License-Identifier: Apache-2.0 */
/* The order of things in vectors of x86, whatever their length; needs LANES. */

/* Where 64-bit constants of a lane lie: even lanes, then odd ones. */
static inline int wide_slot(int lane)
{
    return (lane & 1) * LANES / 2 + lane / 2;
}

/* Pairs of weights: two taps of a channel side by side. */
static inline int madd_slot(int lane, int odd)
{
    return 2 * lane + odd;
}

/* Unpacking works inside each 128 bits of a register: low takes channels 0-3, 8-11 and so on. */
static inline int dw_lane(int channel)
{
    return (channel & 4 ? LANES : 0) + channel / 8 * 4 + (channel & 3);
}

static inline int dw_slot(int channel, int odd)
{
    return 2 * dw_lane(channel) + odd;
}
