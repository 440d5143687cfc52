/* SPDX-License-Identifier: Apache-2.0 */
/* Fourier transforms and what stands around them. Sizes are constants, so a transform is a product
   with a matrix of sines and cosines. */
#include "onnx.h"

#include <math.h>
#include <string.h>

static const double two_pi = 6.28318530717958647692;

/* ---- windows --------------------------------------------------------------------------- */

static const double window_terms[][3] = {
    [ORK_ONNX_HANN] = {0.5, 0.5, 0},
    [ORK_ONNX_HAMMING] = {25.0 / 46.0, 21.0 / 46.0, 0},
    [ORK_ONNX_BLACKMAN] = {0.42, 0.5, 0.08},
};

/* param: an ork_onnx_signal_window */
ORK_ONNX_HANDLER(signal_window)
{
    double size;
    ork_dtype dtype;
    bool periodic = ork_onnx_int(call, "periodic", 1) != 0;
    if (!ork_onnx_input_number(onnx, call, 0, 0.0, &size))
        return false;
    if (!ork_onnx_dtype(ork_onnx_int(call, "output_datatype", ORK_ONNX_FLOAT), &dtype) ||
        !(size >= 0 && size <= INT32_MAX))
        return ork_build_bad_shape(onnx->build, "%g elements", size) != NULL;
    int64_t count = (int64_t)size;
    ork_shape shape = ork_shape_of(1, &count);
    void *data;
    ork_value *y = ork_build_constant(onnx->build, dtype, &shape, &data);
    const double *terms = window_terms[param];
    for (int64_t i = 0; y && i < count; i++) {
        double angle = two_pi * (double)i / (periodic ? size : size - 1);
        ork_element_set(dtype, data, i,
                        terms[0] - terms[1] * cos(angle) + terms[2] * cos(2 * angle));
    }
    return ork_onnx_result(call, y);
}

/* ---- Fourier transforms ---------------------------------------------------------------- */

/* Rows are outputs, real part before imaginary; columns inputs, likewise when they are complex. */
static ork_value *fourier_matrix(ork_onnx *onnx, int64_t length, int64_t outputs, int64_t inputs,
                                 int64_t parts, bool inverse)
{
    ork_shape shape = ork_shape_of(2, (int64_t[]){2 * outputs, inputs * parts});
    void *data;
    ork_value *matrix = ork_build_constant(onnx->build, ORK_F32, &shape, &data);
    double scale = inverse ? 1 / (double)length : 1, sign = inverse ? 1 : -1;
    for (int64_t k = 0; matrix && k < outputs; k++)
        for (int64_t i = 0; i < inputs; i++) {
            double angle = sign * two_pi * (double)(k * i % length) / (double)length;
            float *real = (float *)data + 2 * k * inputs * parts + i * parts;
            float *imaginary = real + inputs * parts;
            real[0] = (float)(scale * cos(angle));
            imaginary[0] = (float)(scale * sin(angle));
            if (parts == 2) {
                real[1] = -imaginary[0];
                imaginary[1] = real[0];
            }
        }
    return matrix;
}

/* Of [..., inputs, parts], over the last axes: [..., outputs, 2]. */
static ork_value *transform(ork_onnx *onnx, ork_value *x, int64_t length, bool one_sided,
                            bool inverse)
{
    if (!x)
        return NULL;
    ork_shape shape = x->type.shape;
    int last = shape.rank - 1;
    int64_t parts = shape.dim[last], given = shape.dim[last - 1];
    int64_t outputs = one_sided ? length / 2 + 1 : length;
    if (length < 1 || (parts != 1 && parts != 2))
        return ork_build_bad_shape(onnx->build, "a signal of %lld numbers", (long long)length);
    if (given > length)
        x = ork_build_slice(onnx->build, x, last - 1, 0, length, 1);
    int64_t inputs = given < length ? given : length; /* zeros behind them add nothing */
    ork_value *matrix = fourier_matrix(onnx, length, outputs, inputs, parts, inverse);
    shape.dim[last - 1] = inputs * parts;
    shape.rank = last;
    x = ork_build_add2(onnx->build, ORK_OP_LINEAR, ork_build_reshape(onnx->build, x, &shape),
                       matrix);
    shape.dim[last - 1] = outputs;
    shape.dim[last] = 2;
    shape.rank = last + 1;
    return ork_build_reshape(onnx->build, x, &shape);
}

static ork_value *exchanged(ork_onnx *onnx, ork_value *x, int a, int b)
{
    int perm[ORK_MAX_RANK];
    for (int i = 0; x && i < x->type.shape.rank; i++)
        perm[i] = i == a ? b : i == b ? a : i;
    return a == b ? x : ork_build_transpose(onnx->build, x, perm);
}

/* The axis is an attribute, from version 20 on an input. */
ORK_ONNX_HANDLER(dft)
{
    int axis;
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    bool inverse = ork_onnx_int(call, "inverse", 0) != 0;
    bool one_sided = ork_onnx_int(call, "onesided", 0) != 0;
    double length, wanted = (double)ork_onnx_int(call, "axis", 1);
    if (call->version >= 20 && !ork_onnx_input_number(onnx, call, 2, -2.0, &wanted))
        return false;
    if (shape->rank < 2 || !ork_onnx_axis(onnx, (int64_t)wanted, shape->rank, &axis) ||
        axis == shape->rank - 1)
        return ork_build_bad_shape(onnx->build, "a signal without an axis for its parts") != NULL;
    if (!ork_onnx_input_number(onnx, call, 1, (double)shape->dim[axis], &length))
        return false;
    if (!(length >= 1 && length <= INT32_MAX))
        return ork_build_bad_shape(onnx->build, "a length of %g", length) != NULL;
    int last = shape->rank - 2;
    x = exchanged(onnx, x, axis, last);
    x = transform(onnx, x, (int64_t)length, one_sided, inverse);
    return ork_onnx_result(call, x ? exchanged(onnx, x, axis, last) : NULL);
}

/* Parts of the signal, one beginning `step` after the other: [batch, frames, length, parts]. */
static ork_value *frames_of(ork_onnx *onnx, ork_value *x, int64_t step, int64_t length)
{
    int64_t frames = (x->type.shape.dim[1] - length) / step + 1;
    ork_shape shape = ork_shape_of(2, (int64_t[]){frames, length});
    void *data;
    ork_value *index = ork_build_constant(onnx->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; index && i < frames * length; i++)
        ((int64_t *)data)[i] = i / length * step + i % length;
    ork_attrs attrs = {.gather.axis = 1};
    ork_value *inputs[] = {x, index};
    return ork_build_add(onnx->build, ORK_OP_GATHER, &attrs, inputs, 2);
}

/* (signal, step between frames, window or none, length of a frame) */
ORK_ONNX_HANDLER(stft)
{
    double step, length;
    ork_value *x = call->in[0], *window = call->in[2];
    double whole = window ? (double)ork_shape_count(&window->type.shape) : 0;
    if (!ork_onnx_input_number(onnx, call, 1, 0.0, &step) ||
        !ork_onnx_input_number(onnx, call, 3, whole, &length))
        return false;
    const ork_shape *shape = &x->type.shape;
    if (shape->rank != 3 || step < 1 || length < 1 || length > (double)shape->dim[1])
        return ork_build_bad_shape(onnx->build, "frames of %g, every %g", length, step) != NULL;
    int64_t size = (int64_t)length;
    x = frames_of(onnx, x, (int64_t)step, size);
    if (window)
        x = ork_build_add2(onnx->build, ORK_OP_MUL, x,
                           ork_build_reshape_to(onnx->build, window, 2, (int64_t[]){size, 1}));
    return ork_onnx_result(call,
                           transform(onnx, x, size, ork_onnx_int(call, "onesided", 1) != 0, false));
}

/* ---- mel ------------------------------------------------------------------------------- */

static double to_mel(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

/* Triangles over the bins of a spectrum, equally far apart on the mel scale. */
static void fill_mel(ork_dtype dtype, void *data, int64_t bins, int64_t mels, int64_t length,
                     const double numbers[5])
{
    double low = to_mel(numbers[3]), high = to_mel(numbers[4]);
    for (int64_t i = 0; i < bins * mels; i++) {
        int64_t bin = i / mels, mel = i % mels, edge[3];
        for (int k = 0; k < 3; k++) {
            double at = low + (double)(mel + k) * (high - low) / (double)(mels + 2);
            double hertz = 700 * (pow(10, at / 2595) - 1);
            edge[k] = (int64_t)floor((double)(length + 1) * hertz / numbers[2]);
        }
        double rise = (double)(bin - edge[0]) / (double)(edge[1] - edge[0]);
        double fall = (double)(edge[2] - bin) / (double)(edge[2] - edge[1]);
        bool peaks = edge[0] == edge[1] && bin == edge[1];
        double value = peaks                                                   ? 1
                       : bin >= edge[0] && bin <= edge[1] && edge[1] > edge[0] ? rise
                       : bin > edge[1] && bin < edge[2]                        ? fall
                                                                               : 0;
        ork_element_set(dtype, data, i, value);
    }
}

/* (mel bins, length of the transform, sample rate, lowest, highest frequency), all constants. */
ORK_ONNX_HANDLER(mel_weights)
{
    double numbers[5];
    ork_dtype dtype;
    for (int i = 0; i < 5; i++)
        if (!ork_onnx_input_number(onnx, call, i, 0.0, &numbers[i]))
            return false;
    if (!(numbers[0] >= 1 && numbers[0] <= INT16_MAX && numbers[1] >= 1 &&
          numbers[1] <= INT32_MAX && numbers[2] > 0))
        return ork_build_bad_shape(onnx->build, "%g bins of %g", numbers[0], numbers[1]) != NULL;
    if (!ork_onnx_dtype(ork_onnx_int(call, "output_datatype", ORK_ONNX_FLOAT), &dtype))
        return ork_build_unsupported(onnx->build, "of that type") != NULL;
    int64_t mels = (int64_t)numbers[0], length = (int64_t)numbers[1], bins = length / 2 + 1;
    ork_shape shape = ork_shape_of(2, (int64_t[]){bins, mels});
    void *data;
    ork_value *y = ork_build_constant(onnx->build, dtype, &shape, &data);
    if (y)
        fill_mel(dtype, data, bins, mels, length, numbers);
    return ork_onnx_result(call, y);
}
