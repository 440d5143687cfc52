/* SPDX-License-Identifier: Apache-2.0 */
/* Template: activations on vectors of floats. See lanes.h. */

/* exp of |x| <= 88, relative error below 1e-6: x = n ln 2 + r, then the Taylor polynomial of r up
   to the 6th power (|r| <= 0.35, so what is left out is below 2e-7). */
ALWAYS_INLINE vec vec_exp(vec x)
{
    const float shifter = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    vec t = x * 1.44269504f + shifter;
    vec n = t - shifter;
    vec r = x - n * 0.693145752f;
    r = r - n * 1.42860677e-6f;
    vec p = r * 0.00138888889f + 0.00833333333f;
    p = p * r + 0.0416666667f;
    p = p * r + 0.166666667f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ivec power = ((ivec)t - 0x4b400000 + 127) << 23;
    return p * (vec)power;
}

/* exp(-x) = 2^n 2^r with small r, for which the polynomials are the best of their degree: relative
   error 1e-7 of -1/2 to 1/2, 4e-7 of -1/32 to 1/32, where sixteenths of n come from a table. */
ALWAYS_INLINE vec vec_sigmoid_inside(vec x)
{
#if defined(HAS_SIXTEENTHS)
    const float shifter = 786432.0f; /* 1.5 * 2^19: adding it rounds to a sixteenth */
    const int fraction = 19;
#else
    const float shifter = 12582912.0f; /* as above */
    const int fraction = 23;
#endif
    const vec t = vec_fma(vec_of(shifter), x, vec_of(-1.44269504f));
    const vec r = vec_fma(shifter - t, x, vec_of(-1.44269504f));
    ivec power = (ivec)t << fraction; /* the shifter's own bits are shifted out */
#if defined(HAS_SIXTEENTHS)
    vec p = vec_fma(vec_of(0.69318773f), r, vec_of(0.24022684f));
    power += vec_sixteenths((ivec)t);
#else
    vec p = vec_fma(vec_of(0.00967151301f), r, vec_of(0.00132647263f));
    p = vec_fma(vec_of(0.0555073375f), r, p);
    p = vec_fma(vec_of(0.240222421f), r, p);
    p = vec_fma(vec_of(0.693146978f), r, p);
    power += 0x3f800000;
#endif
    p = vec_fma(vec_of(1.0f), r, p);
    return vec_reciprocal(vec_fma(vec_of(1.0f), p, (vec)power));
}

ALWAYS_INLINE vec vec_sigmoid(vec x)
{
    return vec_sigmoid_inside(vec_min(vec_of(87.0f), vec_max(vec_of(-87.0f), x)));
}

/* exp of anything; what would be denormal becomes 0. */
ALWAYS_INLINE vec vec_exp_whole(vec x)
{
    vec inside = vec_exp(vec_min(vec_of(88.0f), vec_max(vec_of(-87.0f), x)));
    vec above = vec_exp(vec_min(vec_of(88.0f), x - 2.0f)) * 7.3890561f;
    vec value = vec_select(x > 88.0f, above, inside);
    value = vec_select(x > 88.722839f, vec_of(INFINITY), value);
    return vec_select(x < -87.0f, vec_of(0.0f), value);
}

ALWAYS_INLINE vec vec_clip(vec x, float low, float high)
{
    return vec_min(vec_of(high), vec_max(vec_of(low), x));
}

ALWAYS_INLINE vec vec_silu(vec x)
{
    const vec bounded = vec_max(vec_of(-87.0f), x);
    return bounded * vec_sigmoid_inside(vec_min(vec_of(87.0f), bounded));
}

ALWAYS_INLINE vec vec_leaky(vec x, float slope)
{
    return vec_select(x > 0.0f, x, x * slope);
}

#define FOR_EACH_VEC(expression)                                                                   \
    for (int64_t i = 0; i < count; i += LANES) {                                                   \
        vec x = vec_load(data + i);                                                                \
        vec_store(data + i, expression);                                                           \
    }                                                                                              \
    return

/* In place; count is a multiple of LANES. */
static void activate_vectors(const ork_activation *f, float *data, int64_t count)
{
    switch (f->op) {
    case ORK_UNARY_IDENTITY:
        return;
    case ORK_UNARY_RELU:
        FOR_EACH_VEC(vec_max(vec_of(0.0f), x));
    case ORK_UNARY_CLIP:
        FOR_EACH_VEC(vec_clip(x, f->alpha, f->beta));
    case ORK_UNARY_LEAKY_RELU:
        FOR_EACH_VEC(vec_leaky(x, f->alpha));
    case ORK_UNARY_EXP:
        FOR_EACH_VEC(vec_exp_whole(x));
    case ORK_UNARY_SIGMOID:
        FOR_EACH_VEC(vec_sigmoid(x));
    case ORK_UNARY_SILU:
        FOR_EACH_VEC(vec_silu(x));
    case ORK_UNARY_HARD_SWISH:
        FOR_EACH_VEC(x * vec_clip(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f));
    case ORK_UNARY_HARD_SIGMOID:
        FOR_EACH_VEC(vec_clip(x * f->alpha + f->beta, 0.0f, 1.0f));
    default:
        for (int64_t i = 0; i < count; i++)
            data[i] = ork_activate(f, data[i]);
    }
}

/* in may be out. */
static void activate_row(const ork_activation *f, const float *in, float *out, int64_t count)
{
    const int64_t whole = count / LANES * LANES;
    if (in != out)
        memcpy(out, in, (size_t)count * sizeof(float));
    activate_vectors(f, out, whole);
    if (whole == count)
        return;
    float rest[LANES] = {0};
    memcpy(rest, out + whole, (size_t)(count - whole) * sizeof(float));
    activate_vectors(f, rest, LANES);
    memcpy(out + whole, rest, (size_t)(count - whole) * sizeof(float));
}

void ISA(ork_unary)(const ork_unary *u, const float *in, float *out, int64_t begin, int64_t end)
{
    if (u->in_stride == u->length && u->out_stride == u->length) {
        activate_row(&u->function, in + begin * u->length, out + begin * u->length,
                     (end - begin) * u->length);
        return;
    }
    for (int64_t row = begin; row < end; row++)
        activate_row(&u->function, in + row * u->in_stride, out + row * u->out_stride, u->length);
}
