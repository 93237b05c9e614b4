#ifndef CDK_H
#define CDK_H

// Decode-and-multiply and the other inner loops of inference, one body for several instruction sets.
//
// No function allocates, does input or output, starts threads or keeps state. Pointers need no alignment beyond that of
// their C type, and `const uint8_t *` none at all. Counts are elements unless a name says bytes; matrices are
// row-major.

#include <stddef.h>
#include <stdint.h>

typedef enum cdk_isa { CDK_SCALAR, CDK_AVX2, CDK_AVX512, CDK_NEON } cdk_isa;

typedef enum cdk_type { CDK_F32, CDK_F16, CDK_BF16 } cdk_type;

// A weight matrix of shape (output_count, input_count), dense or grouped (docs/format.md §4).
typedef struct cdk_matrix {
  const uint8_t *codes;        // dense: the elements; grouped: blocks of 64 codes
  const uint8_t *scales;       // grouped: (output_count, input_count / group_element_count) of `type`
  const uint8_t *zeros;        // one byte per group, or NULL when symmetric
  size_t output_count;
  size_t input_count;
  size_t group_element_count;  // divides input_count; 0 when dense
  int bits;                    // 2...8; 0 when dense
  cdk_type type;               // of the elements when dense, else of the scales
} cdk_matrix;

// The kernels of one instruction set.
typedef struct cdk_kernels {
  // y = x·Wᵀ for rows begin..<end of W: x is (token_count, input_count), y is (token_count, output_count).
  // A result depends on neither begin nor end.
  void (*linear)(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t token_count, float *y);
  // Row `row` of W, input_count elements.
  void (*decode_row)(const cdk_matrix *w, size_t row, float *out);

  // Bulk conversion, rounding to nearest, ties to even.
  void (*to_float)(cdk_type type, const uint8_t *elements, size_t count, float *out);
  void (*from_float)(cdk_type type, const float *values, size_t count, uint8_t *out);
  // Index of the first NaN or infinity, or count.
  size_t (*first_non_finite)(const float *x, size_t count);

  float (*dot)(const float *a, const float *b, size_t count);
  void (*add_scaled)(float factor, const float *x, float *y, size_t count);  // y += factor·x
  void (*scale)(float factor, float *x, size_t count);
  void (*add)(const float *x, float *y, size_t count);       // y += x
  void (*multiply)(const float *x, float *y, size_t count);  // y *= x
  void (*relu)(float *x, size_t count);
  void (*silu)(float *x, size_t count);
  void (*gelu_erf)(float *x, size_t count);
  void (*gelu_tanh)(float *x, size_t count);
  void (*silu_multiply)(const float *gate, float *up, size_t count);  // up *= silu(gate)
  // Needs one finite element; -infinity becomes 0.
  void (*softmax)(float *x, size_t count);
  // y = x / sqrt(mean(x²) + epsilon) · weight; y may be x.
  void (*rms_norm)(const float *x, const float *weight, float epsilon, float *y, size_t count);
  // log Σ exp(x), the sum in double.
  double (*log_sum_exp)(const float *x, size_t count);
  // One head of one query: out = softmax(scale · K·q) · V over position_count positions whose keys and values lie
  // `stride` floats apart. `scores` has position_count elements and ends up holding the attention weights.
  void (*attend)(const float *query, const float *keys, const float *values, size_t stride, size_t position_count,
                 size_t head_width, float scale, float *scores, float *out);
} cdk_kernels;

// The kernels of `isa`, or NULL where they were not built in or this processor cannot run them.
const cdk_kernels *cdk_kernels_for(cdk_isa isa);

#endif
