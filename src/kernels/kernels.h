/* SPDX-License-Identifier: Apache-2.0 */
/* The numeric floor: raw pointers and parameter structs, no graph.

   The C reference (ref/) is the meaning of every operator; docs/numerics.md says the same in
   words. Other instruction sets overlay it: integer results are identical bits everywhere, f32
   results may differ in the order of sums.

   Image tensors are NHWC with a pixel stride: element (n, y, x, c) is at
   data[((n*h + y)*w + x)*stride + c], stride >= channels, counted in elements, so that a concat's
   inputs can be written in place and channel slices read in place. Nothing outside the channels of
   a pixel is ever written.

   Every run function works on a range [begin, end) of its own unit (output rows, pixels, ...), is
   deterministic in each unit whatever the range, allocates nothing and cannot fail: threads share
   an operator by splitting the range. Arguments are taken as verified: sizes positive, products
   within int64, buffers large enough. */
#ifndef ORK_KERNELS_H
#define ORK_KERNELS_H

#include "../base/base.h"
#include "../tensor/tensor.h"

/* ---- processor ------------------------------------------------------------------------- */

typedef enum ork_isa {
    ORK_ISA_C,
    ORK_ISA_AVX2,    /* AVX2 and FMA */
    ORK_ISA_AVX512,  /* AVX-512 F, BW, VL, DQ */
    ORK_ISA_VNNI,    /* AVX-512 VNNI too */
    ORK_ISA_VBMI,    /* AVX-512 VBMI besides */
    ORK_ISA_NEON,    /* armhf with NEON and VFPv4, or aarch64 */
    ORK_ISA_DOTPROD, /* aarch64 with SDOT and UDOT */
    ORK_ISA_COUNT
} ork_isa;
extern const char *const ork_isa_names[ORK_ISA_COUNT]; /* "c", "avx2", ... */

/* Bit (1 << ork_isa) of everything that may be used: what the processor has, found once, less what
   the environment variable ORK_CPU takes away. ORK_CPU names the best set to use ("c", "avx2",
   ...); sets that it builds on stay. */
uint32_t ork_cpu_features(void);
/* For tests: use only these from now on (and only what the processor has); UINT32_MAX undoes it.
   Not while kernels run in other threads. */
void ork_cpu_limit(uint32_t features);
/* Multiplications with a sum in a second that one processor can do at most for a type, as the
   convolutions of the best set do them; measured anew, in some hundredths of a second. */
double ork_peak_rate(ork_dtype dtype);

/* ---- requantization -------------------------------------------------------------------- */

/* How an accumulator becomes an output; names of docs/numerics.md. */
typedef enum ork_rule {
    ORK_RULE_LION,         /* multiplier cut to 16 significant bits, half up */
    ORK_RULE_LION_CHANNEL, /* LION with per-channel weights: all 24 bits, half up */
    ORK_RULE_PUMA,         /* all 24 bits, half away from zero */
    ORK_RULE_FLOOR,        /* fully connected u8: multiplier rounded to 16 bits, floor */
    ORK_RULE_DFP,          /* shift, half to even */
} ork_rule;

/* Rule of an affine-u8 convolution, pooling or add. */
static inline ork_rule ork_rule_of(ork_family family, bool per_channel)
{
    return family == ORK_FAMILY_PUMA ? ORK_RULE_PUMA
                                     : (per_channel ? ORK_RULE_LION_CHANNEL : ORK_RULE_LION);
}

typedef struct ork_requant {
    ork_rule rule;
    float multiplier;         /* f32(f32(s_in * s_w) / s_out): ork_multiplier; unused for DFP */
    const float *multipliers; /* one per output channel, or NULL */
    int32_t shift;            /* DFP: real factor 2^-shift; may be negative */
    int32_t in_zero, weight_zero;
    const int32_t *weight_zeros; /* one per output channel, or NULL */
    int32_t out_zero, clamp_min, clamp_max;
    const int32_t
        *out_zeros;       /* one per output channel, or NULL; convolutions of 8-bit types only */
    const uint8_t *table; /* 256 entries indexed by the output's byte, or NULL; 8-bit types only */
} ork_requant;

/* In float32, in the order of the chips. */
float ork_multiplier(float in_scale, float weight_scale, float out_scale);

/* One accumulator through all of it except the table: the definition. `multiplier` is not read
   from `requant`, so that the caller can give the channel's. */
int32_t ork_requant_one(const ork_requant *requant, float multiplier, int64_t accumulator);

/* ---- functions of one number ----------------------------------------------------------- */

typedef enum ork_unary_op {
#define ORK_UNARY(symbol, name, function, rule, parameters) ORK_UNARY_##symbol,
#include "unary.def"
#undef ORK_UNARY
    ORK_UNARY_COUNT
} ork_unary_op;

typedef enum ork_unary_rule {
    ORK_UNARY_RULE_EXACT,      /* the chips have no such function: binary64, half to even */
    ORK_UNARY_RULE_TP,         /* tensor processor's copy; relu is max(d, 0) before it */
    ORK_UNARY_RULE_TP_LEAKY,   /* leaky relu on the tensor processor */
    ORK_UNARY_RULE_LUT16,      /* interpolated, 16 nodes per octave */
    ORK_UNARY_RULE_LUT16_CLIP, /* LUT16 for relu6 [0,6] and relu1 [-1,1], EXACT for other bounds */
    ORK_UNARY_RULE_LUT32,      /* interpolated, 32 nodes per octave */
} ork_unary_rule;

typedef struct ork_unary_info {
    const char *name, *parameters;
    double (*evaluate)(double x, double alpha, double beta);
    ork_unary_rule rule;
} ork_unary_info;
extern const ork_unary_info ork_unary_table[ORK_UNARY_COUNT];
bool ork_unary_from_name(const char *name, ork_unary_op *op);

/* A function with its parameters; {0} is the identity. */
typedef struct ork_activation {
    ork_unary_op op;
    float alpha, beta;
} ork_activation;

/* f32 -> f32. Rows of `length` elements, `in_stride` and `out_stride` elements apart. In place is
   allowed (in == out and equal strides). Unit: rows. */
typedef struct ork_unary {
    ork_activation function;
    int64_t rows, length, in_stride, out_stride;
} ork_unary;
void ork_unary_run(const ork_unary *unary, const float *in, float *out, int64_t begin, int64_t end);

/* Builds the table of a quantised function: u8 and i8 256 entries (i8 indexed by its byte), i16
   65536 entries indexed by (uint16_t)q. `in` and `out` are affine (u8) or dfp (i8, i16). Leaky
   relu, copy (IDENTITY) and requantization between equal types are such functions too. */
void ork_unary_make_table8(const ork_activation *function, ork_dtype dtype, const ork_quant *in,
                           const ork_quant *out, uint8_t table[256]);
void ork_unary_make_table16(const ork_activation *function, const ork_quant *in,
                            const ork_quant *out, int16_t *table);
/* The composition second(first(q)), into first. */
void ork_table8_then(uint8_t first[256], const uint8_t second[256]);

/* Applies a table. Layout as ork_unary; elements are u8/i8 for table8, i16 for table16. */
typedef struct ork_table_map {
    int64_t rows, length, in_stride, out_stride;
} ork_table_map;
void ork_table8_run(const ork_table_map *map, const uint8_t table[256], const uint8_t *in,
                    uint8_t *out, int64_t begin, int64_t end);
void ork_table16_run(const ork_table_map *map, const int16_t *table, const int16_t *in,
                     int16_t *out, int64_t begin, int64_t end);

/* ---- conversion between types ---------------------------------------------------------- */

/* Any of f32, u8, i8, i16 to any; a quant of scheme NONE is scale 1, zero point 0. u8 -> u8,
   i8 -> i8 and i16 -> i16 follow the tensor processor's copy. Unit: rows. */
typedef struct ork_convert {
    ork_dtype in_dtype, out_dtype;
    ork_quant in_quant, out_quant;
    int64_t rows, length, in_stride, out_stride;
} ork_convert;
void ork_convert_run(const ork_convert *convert, const void *in, void *out, int64_t begin,
                     int64_t end);
/* One number, as ork_convert does from f32. */
int32_t ork_quantize_one(float value, ork_dtype dtype, const ork_quant *quant);
float ork_dequantize_one(int32_t q, const ork_quant *quant);

/* ---- convolution ----------------------------------------------------------------------- */

/* out = (in + pad - dilation (kernel - 1) - 1) / stride + 1; the padding at the bottom and right
   follows from the sizes. For TRANSPOSED: in pixel (y, x) adds to out pixel
   (y stride + ky dilation - pad_top, x stride + kx dilation - pad_left). */
typedef struct ork_conv_shape {
    int64_t batch, in_h, in_w, in_c, out_h, out_w, out_c;
    int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int64_t groups;
    int64_t in_stride, out_stride; /* pixel strides in elements */
} ork_conv_shape;

/* A fully connected layer of `rows` vectors is a 1x1 convolution of `rows` output rows; give it
   ORK_RULE_FLOOR for u8. */
ork_conv_shape ork_conv_shape_fully_connected(int64_t rows, int64_t in_features,
                                              int64_t out_features);

typedef enum ork_conv_kind {
    ORK_CONV_DENSE,      /* any groups; also fully connected */
    ORK_CONV_DEPTHWISE,  /* groups == in_c == out_c */
    ORK_CONV_TRANSPOSED, /* any groups */
    ORK_CONV_KIND_COUNT
} ork_conv_kind;
/* DEPTHWISE when the shape is one, else DENSE. */
ork_conv_kind ork_conv_kind_of(const ork_conv_shape *shape);

/* All that is known when the plan is made. */
typedef struct ork_conv {
    ork_conv_kind kind;
    ork_dtype dtype;        /* of in and out: f32, u8, i8, i16 */
    ork_dtype weight_dtype; /* f32 with f32; u8 or i8 with u8 and i8; i16 with i16 */
    ork_conv_shape shape;
    ork_requant requant;       /* integer types; its pointers must live as long as it runs */
    ork_activation activation; /* f32 */
    bool is_packed; /* weights were packed before: supports takes it on trust what they are */
    /* Read by pack only. Weights are [out_c][in_c/groups][kernel_h][kernel_w] without gaps,
       TRANSPOSED [in_c][out_c/groups][kernel_h][kernel_w] (the kernel as PyTorch writes it, not
       turned round). Bias: out_c of f32, i32 (8-bit types) or i64 (i16), or NULL. */
    const void *weights, *bias;
} ork_conv;

/* One implementation. */
typedef struct ork_conv_kernel {
    const char *name; /* "u8_dense_6x16_avx2" */
    ork_conv_kind kind;
    ork_dtype dtype;
    ork_isa isa;
    bool (*supports)(const ork_conv *conv);       /* may look at weights where they are given */
    size_t (*packed_bytes)(const ork_conv *conv); /* 0 when it does not fit a size_t */
    void (*pack)(const ork_conv *conv, void *packed);
    size_t (*scratch_bytes)(const ork_conv *conv); /* for each worker */
    /* Unit: output rows, of batch*out_h. packed and scratch are aligned to 64 bytes. */
    void (*run)(const ork_conv *conv, const void *packed, const void *in, void *out, int64_t begin,
                int64_t end, void *scratch);
} ork_conv_kernel;

/* The best row for this processor; never NULL: the reference takes everything. */
const ork_conv_kernel *ork_conv_select(const ork_conv *conv);
/* Output rows that the kernel computes together: dividing them between threads would do some work
   twice. */
int64_t ork_conv_rows_together(const ork_conv_kernel *kernel);
/* The row of that name, when this processor has its instruction set; else NULL. */
const ork_conv_kernel *ork_conv_kernel_named(const char *name);
/* Changes whenever pack writes its bytes in another way. */
uint32_t ork_conv_packing_version(const ork_conv_kernel *kernel);
/* Whether packed bytes of unknown origin lead run only to where it may read: numbers may be any,
   but places must be those that pack writes. */
bool ork_conv_packing_is_safe(const ork_conv_kernel *kernel, const ork_conv *conv,
                              const void *packed);
size_t ork_conv_kernel_count(void);
const ork_conv_kernel *ork_conv_kernel_at(size_t index); /* for tests and benches */

/* ---- pooling --------------------------------------------------------------------------- */

/* Pixels as in ork_conv_shape. Max ignores padding. Average divides f32 by the number of real
   inputs, or with count_include_pad by the number of inputs inside the padded picture (as PyTorch:
   what ceil_mode adds beyond pad_bottom and pad_right never counts), or by divisor when that is not
   0. Quantised averages always divide by kernel_h*kernel_w (or divisor): the chips do. */
typedef struct ork_pooling {
    bool is_max;
    ork_dtype dtype;
    int64_t batch, in_h, in_w, channels, out_h, out_w;
    int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w; /* dilation: max only */
    int64_t pad_top, pad_left, pad_bottom, pad_right;
    int64_t in_stride, out_stride;
    bool count_include_pad;
    int64_t divisor;
    ork_requant requant;  /* average of integers: from ork_average_requant */
    const uint8_t *table; /* max of 8-bit types: applied to the result (other scale), or NULL */
    ork_quant in_quant, out_quant; /* max of i16: shifted when fraction lengths differ */
} ork_pooling;
/* The requantization of an integer average; clamps to the type's range. */
ork_requant ork_average_requant(ork_family family, ork_dtype dtype, const ork_quant *in,
                                const ork_quant *out, int64_t divisor);
/* Unit: output rows, of batch*out_h. */
void ork_pooling_run(const ork_pooling *pooling, const void *in, void *out, int64_t begin,
                     int64_t end);

/* Average over windows [floor(o in / out), ceil((o + 1) in / out)), which differ in size. Integers
   are taken as real numbers, averaged in binary64 and rounded half to even. Unit: output rows, of
   batch*out_h. */
typedef struct ork_adaptive_pooling {
    ork_dtype dtype; /* f32, u8, i8, i16 */
    int64_t batch, in_h, in_w, channels, out_h, out_w, in_stride, out_stride;
    ork_quant in_quant, out_quant;
} ork_adaptive_pooling;
void ork_adaptive_pooling_run(const ork_adaptive_pooling *pooling, const void *in, void *out,
                              int64_t begin, int64_t end);

/* ---- loops over several dimensions ----------------------------------------------------- */

enum { ORK_LOOP_OPERANDS = 4 };
/* Strides in elements, one set per operand: 0 is the output, the others the inputs; a broadcast
   dimension has stride 0. Unit of operators on a loop: ork_loop_rows, all dimensions but the last.
 */
typedef struct ork_loop {
    int rank; /* 1 .. ORK_MAX_RANK */
    int64_t dim[ORK_MAX_RANK];
    int64_t stride[ORK_LOOP_OPERANDS][ORK_MAX_RANK];
} ork_loop;
/* Drops dimensions of 1 and merges neighbours that are one run for every operand. */
void ork_loop_simplify(ork_loop *loop);
int64_t ork_loop_rows(const ork_loop *loop);

/* Moves elements of 1, 2, 4 or 8 bytes: permute, slice, expand, concat, split. */
void ork_copy_run(const ork_loop *loop, size_t element_size, const void *in, void *out,
                  int64_t begin, int64_t end);

/* out = condition ? a : b; elements of 1, 2, 4 or 8 bytes. Operands of the loop: out, condition, a,
   b. */
typedef struct ork_select {
    ork_loop loop;
    size_t element_size;
    ork_dtype condition; /* any type; true is not 0 */
} ork_select;
void ork_select_run(const ork_select *select, const void *condition, const void *a, const void *b,
                    void *out, int64_t begin, int64_t end);

/* Entries of an axis of [outer][size][inner], plain, as a list of `count` whole numbers tells: out
   is [outer][count][inner]. Indices below 0 count from the end; others outside of the axis are
   moved to its nearest end. Unit: outer*count. */
typedef struct ork_gather {
    int64_t size, inner, count;
    size_t element_size;
    ork_dtype index; /* any type without quantization */
} ork_gather;
void ork_gather_run(const ork_gather *gather, const void *in, const void *index, void *out,
                    int64_t begin, int64_t end);

typedef enum ork_scatter_mode {
    ORK_SCATTER_SET,
    ORK_SCATTER_ADD,
    ORK_SCATTER_MUL,
    ORK_SCATTER_MAX,
    ORK_SCATTER_MIN,
} ork_scatter_mode;
/* out is in with `count` updates at the places of `index`, all plain and of one type without
   quantization. Places below 0 count from the end; others outside are left out. */
typedef struct ork_scatter {
    int64_t size, count;
    ork_dtype dtype, index;
    ork_scatter_mode mode;
} ork_scatter;
void ork_scatter_run(const ork_scatter *scatter, const void *in, const void *index,
                     const void *updates, void *out);

typedef enum ork_padding_mode {
    ORK_PADDING_CONSTANT,
    ORK_PADDING_REFLECT,   /* about the first and last element, which are not repeated */
    ORK_PADDING_REPLICATE, /* of the first and last element */
} ork_padding_mode;
/* Place in an axis of `size` elements behind place `index`, which may lie outside; -1 where the
   constant goes. REFLECT reaches at most size - 1 elements out. */
int64_t ork_padding_source(ork_padding_mode mode, int64_t index, int64_t size);

/* `value` holds one element. Negative `before` or a smaller output crops. Strides in elements.
   Unit: rows of the output (all dimensions but the last). */
typedef struct ork_padding {
    int rank; /* at least 1 */
    size_t element_size;
    ork_padding_mode mode;
    int64_t in_dim[ORK_MAX_RANK], out_dim[ORK_MAX_RANK], before[ORK_MAX_RANK];
    int64_t in_stride[ORK_MAX_RANK], out_stride[ORK_MAX_RANK];
    uint8_t value[8];
} ork_padding;
void ork_padding_run(const ork_padding *padding, const void *in, void *out, int64_t begin,
                     int64_t end);

typedef enum ork_binary_op {
#define ORK_BINARY(symbol, name, function) ORK_BINARY_##symbol,
#include "binary.def"
#undef ORK_BINARY
    ORK_BINARY_COUNT
} ork_binary_op;
typedef struct ork_binary_info {
    const char *name;
    double (*evaluate)(double a, double b);
} ork_binary_info;
extern const ork_binary_info ork_binary_table[ORK_BINARY_COUNT];

/* f32 followed by `activation`, or u8, i8, i16. Quantised add and sub follow the chips (an integer
   convolution), everything else is binary64 rounded half to even. Fill with ork_binary_make. */
typedef struct ork_binary {
    ork_binary_op op;
    ork_dtype dtype;
    ork_loop loop;
    ork_activation activation; /* f32 only */
    ork_quant a_quant, b_quant, out_quant;
    int32_t a_weight, b_weight, bias; /* add and sub of u8 */
    int32_t clamp_min, clamp_max;     /* integers; may be narrowed for a fused relu */
    ork_requant requant;              /* add and sub of u8 */
    const uint8_t *table;             /* 8-bit types: 256 entries for the result, or NULL */
} ork_binary;
/* Everything but loop and activation. Quants are ignored for f32. */
ork_binary ork_binary_make(ork_family family, ork_binary_op op, ork_dtype dtype, const ork_quant *a,
                           const ork_quant *b, const ork_quant *out);
void ork_binary_run(const ork_binary *binary, const void *a, const void *b, void *out,
                    int64_t begin, int64_t end);

/* A function of two whole numbers in 64 bits, wrapping; what divides by 0 gives 0. *known is false
   for functions that need real numbers. */
int64_t ork_binary_whole(ork_binary_op op, int64_t a, int64_t b, bool *known);

/* Functions of numbers of any types without quantization: comparisons, logic, whole numbers,
   casts. Computed in 64-bit integers where the inputs are whole numbers and the function has such
   a form, and stored wrapped around; else in binary64, stored as ork_element_set does: cut toward
   zero, saturated. Inputs may be unaligned. For f32 alone ork_unary and ork_binary are faster. */
typedef struct ork_elements {
    ork_loop loop;
    ork_dtype out_dtype, a_dtype, b_dtype;
    ork_activation function; /* of one number: where b is NULL */
    ork_binary_op op;        /* of two */
} ork_elements;
void ork_elements_run(const ork_elements *elements, const void *a, const void *b, void *out,
                      int64_t begin, int64_t end);

/* ---- resize ---------------------------------------------------------------------------- */

typedef enum ork_resize_coordinates {
    ORK_RESIZE_ASYMMETRIC,         /* x scale; PyTorch nearest */
    ORK_RESIZE_HALF_PIXEL,         /* (x + 0.5) scale - 0.5 */
    ORK_RESIZE_PYTORCH_HALF_PIXEL, /* the same, 0 when the output has one pixel */
    ORK_RESIZE_ALIGN_CORNERS,      /* x (in - 1) / (out - 1) */
    ORK_RESIZE_TF_HALF_PIXEL,      /* (x + 0.5) scale; TensorFlow nearest with half pixels */
} ork_resize_coordinates;
typedef enum ork_resize_rounding {
    ORK_RESIZE_FLOOR,
    ORK_RESIZE_CEIL,
    ORK_RESIZE_ROUND_PREFER_FLOOR,
    ORK_RESIZE_ROUND_PREFER_CEIL,
} ork_resize_rounding;

typedef struct ork_resize {
    bool is_linear;
    ork_dtype dtype; /* f32, u8, i8, i16; nearest moves integers, linear rounds half to even */
    ork_resize_coordinates coordinates;
    ork_resize_rounding rounding; /* nearest */
    int64_t batch, in_h, in_w, channels, out_h, out_w, in_stride, out_stride;
    float step_h, step_w;          /* input pixels per output pixel; 0 takes in/out */
    ork_quant in_quant, out_quant; /* linear of integers; nearest needs them equal */
} ork_resize;
/* Unit: output rows, of batch*out_h. */
void ork_resize_run(const ork_resize *resize, const void *in, void *out, int64_t begin,
                    int64_t end);

/* ---- along an axis --------------------------------------------------------------------- */

/* Tensors of [outer][length][inner] without gaps. Unit: outer*inner. */
typedef struct ork_axis {
    int64_t outer, length, inner;
} ork_axis;

/* f32 -> f32. */
void ork_softmax_run(const ork_axis *axis, bool is_log, const float *in, float *out, int64_t begin,
                     int64_t end);
/* The same on u8, i8, i16: dequantized, f32, requantized half to even. scratch: `length` floats. */
typedef struct ork_softmax_int {
    ork_axis axis;
    bool is_log;
    ork_dtype dtype;
    ork_quant in_quant, out_quant;
} ork_softmax_int;
void ork_softmax_int_run(const ork_softmax_int *softmax, const void *in, void *out, int64_t begin,
                         int64_t end, float *scratch);
/* Where along an axis its greatest elements are, or the least, in their order; equals in order of
   place, but when there is only one to find the last may be wanted. NaN counts as greatest. Any
   type without quantization; out is i64 [outer][count][inner]. scratch: 2 `length` numbers. */
typedef struct ork_order {
    ork_axis axis;
    ork_dtype dtype;
    int64_t count;
    bool least, last;
} ork_order;
void ork_order_run(const ork_order *order, const void *in, int64_t *out, int64_t begin, int64_t end,
                   int64_t *scratch);
/* Sums, or products, of the elements up to each along an axis; without the element itself when
   exclusive, from the end when reverse. Any type without quantization: integers wrap, floats are
   summed in binary64. */
typedef struct ork_running {
    ork_axis axis;
    ork_dtype dtype;
    bool exclusive, reverse, is_product;
} ork_running;
void ork_running_run(const ork_running *running, const void *in, void *out, int64_t begin,
                     int64_t end);

/* out[o][c][i] = (in[o][c][i] - mean[c]) / sqrt(variance[c] + epsilon) scale[c] + bias[c], f32
   without gaps, rounded once. Unit: outer*channels. */
typedef struct ork_batch_norm {
    int64_t channels, inner;
    double epsilon;
    const float *scale, *bias, *mean, *variance;
} ork_batch_norm;
void ork_batch_norm_run(const ork_batch_norm *norm, const float *in, float *out, int64_t begin,
                        int64_t end);

/* Rows of `length` normalized to mean 0, variance 1, then factor and offset (may be NULL). */
typedef struct ork_layer_norm {
    int64_t rows, length;
    float epsilon;
    const float *factor, *offset;
} ork_layer_norm;
void ork_layer_norm_run(const ork_layer_norm *norm, const float *in, float *out, int64_t begin,
                        int64_t end);

typedef enum ork_reduce_op {
    ORK_REDUCE_SUM,
    ORK_REDUCE_MEAN,
    ORK_REDUCE_MAX,
    ORK_REDUCE_MIN,
    ORK_REDUCE_PROD,
    ORK_REDUCE_L2
} ork_reduce_op;
/* Kept dimensions become the output, without gaps; `inner` are summed over. Strides of the input in
   elements. Any type without quantization, or quantized u8, i8, i16 (half to even), in binary64.
   Unit: output elements. */
typedef struct ork_reduce {
    ork_reduce_op op;
    ork_dtype dtype;
    int kept_rank, inner_rank; /* each may be 0 */
    int64_t kept_dim[ORK_MAX_RANK], kept_stride[ORK_MAX_RANK];
    int64_t inner_dim[ORK_MAX_RANK], inner_stride[ORK_MAX_RANK];
    ork_quant in_quant, out_quant;
} ork_reduce;
void ork_reduce_run(const ork_reduce *reduce, const void *in, void *out, int64_t begin,
                    int64_t end);

/* out[b] (m x n, without gaps) = a[b] (m x k) b[b] (k x n), f32; strides in elements, so that
   either side may be transposed or broadcast. Unit: rows, of batch*m. */
typedef struct ork_matmul {
    int batch_rank; /* may be 0 */
    int64_t batch_dim[ORK_MAX_RANK], a_batch_stride[ORK_MAX_RANK], b_batch_stride[ORK_MAX_RANK];
    int64_t m, n, k, a_row_stride, a_column_stride, b_row_stride, b_column_stride;
    const float *bias; /* n, or NULL */
} ork_matmul;
void ork_matmul_run(const ork_matmul *matmul, const float *a, const float *b, float *out,
                    int64_t begin, int64_t end);

#endif
