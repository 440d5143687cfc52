/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, shapes, quantization parameters and tensors. */
#ifndef ORK_TENSOR_H
#define ORK_TENSOR_H

#include "../base/base.h"
#include <openrknn/types.h>

enum { ORK_MAX_RANK = 8 };

typedef struct ork_dtype_info {
    const char *name; /* "u8" */
    size_t size;      /* bytes of an element */
    bool is_float, is_signed;
    int64_t min, max; /* of the integer types */
} ork_dtype_info;
extern const ork_dtype_info ork_dtype_table[ORK_DTYPE_COUNT];

/* False when no type has this name. */
bool ork_dtype_from_name(const char *name, ork_dtype *dtype);

/* A shape of rank 0 is a scalar. */
typedef struct ork_shape {
    int rank;
    int64_t dim[ORK_MAX_RANK];
} ork_shape;

ork_shape ork_shape_of(int rank, const int64_t *dims);
bool ork_shape_equal(const ork_shape *a, const ork_shape *b);
/* Number of elements. Shapes inside a verified graph never overflow. */
int64_t ork_shape_count(const ork_shape *shape);
/* False when a dimension is negative or beyond 31 bits, or the number of bytes does not fit. */
bool ork_shape_bytes(const ork_shape *shape, ork_dtype dtype, size_t *bytes);
/* "1x3x416x416", "scalar"; at most size-1 characters. */
char *ork_shape_text(const ork_shape *shape, char *text, size_t size);
enum { ORK_SHAPE_TEXT = 160 };
/* Product of dims [begin, end). */
int64_t ork_shape_span(const ork_shape *shape, int begin, int end);

/* How integers stand for real numbers.
   affine:       real = scale * (q - zero_point)
   dfp:          real = q * 2^-fraction_length  (dynamic fixed point)
   per channel:  real = scales[c] * (q - zero_points[c]), c the index along `axis` */
typedef enum ork_scheme {
    ORK_SCHEME_NONE,
    ORK_SCHEME_AFFINE,
    ORK_SCHEME_DFP,
    ORK_SCHEME_PER_CHANNEL,
} ork_scheme;

typedef struct ork_quant {
    ork_scheme scheme;
    float scale;
    int32_t zero_point;
    int32_t fraction_length;
    int axis;
    const float *scales; /* owned by the graph, shape.dim[axis] of them */
    const int32_t *zero_points;
} ork_quant;

ork_quant ork_quant_affine(float scale, int32_t zero_point);
ork_quant ork_quant_dfp(int32_t fraction_length);
bool ork_quant_equal(const ork_quant *a, const ork_quant *b, int64_t channels);
/* The affine quantization of channel c, of PER_CHANNEL; of the others itself. */
ork_quant ork_quant_of_channel(const ork_quant *quant, int64_t c);
/* Real value of one step, for affine and dfp. */
float ork_quant_step(const ork_quant *quant);

typedef struct ork_type {
    ork_dtype dtype;
    ork_shape shape;
    ork_quant quant;
} ork_type;

ork_type ork_type_of(ork_dtype dtype, int rank, const int64_t *dims);

/* Elements in row-major order without gaps. Does not own its data. */
typedef struct ork_tensor {
    ork_type type;
    void *data;
} ork_tensor;

size_t ork_tensor_bytes(const ork_tensor *tensor);

/* One element as a number; halves and booleans are converted, quantization is not applied. */
double ork_element_get(ork_dtype dtype, const void *data, int64_t index);
/* Stores with C conversion for floats and saturation for integers. */
void ork_element_set(ork_dtype dtype, void *data, int64_t index, double value);
/* Floats are cut toward zero and saturated; 0 for what is not a number. */
int64_t ork_element_get_int(ork_dtype dtype, const void *data, int64_t index);

/* Reads a .npy file's bytes (versions 1 to 3, C or Fortran order, little or big endian, any of our
   types; u16 becomes i32, u32 and u64 become i64 when the values fit). Data comes from the arena,
   in C order; it needs at most twice the bytes' size. Fails with ORK_ERR_NPY. */
bool ork_npy_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_tensor *tensor);
/* bf16, which NumPy lacks, goes out as f32. */
bool ork_npy_write(ork_diag *diag, const char *path, const ork_tensor *tensor);

#endif
