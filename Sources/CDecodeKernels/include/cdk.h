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

// Which elements of a sparse matrix are kept (docs/format.md §4.5), read a unit at a time: as many whole groups as have
// at most 16 elements.
typedef struct cdk_places {
  const uint8_t *numbers;  // rows of row_byte_count bytes
  size_t row_byte_count;
  const uint16_t *masks;   // for each number of a unit, which of its elements are kept: 2^unit_bit_count
  size_t unit_bit_count;   // at most 14
  size_t unit_element_count;
  size_t unit_kept_count;
  size_t input_count;      // of the matrix with its zeros
} cdk_places;

// A weight matrix of shape (output_count, input_count), dense or grouped (docs/format.md §4). Where there are places it
// is the matrix of the kept elements, and the whole one has as many inputs as the places say.
typedef struct cdk_matrix {
  const uint8_t *codes;        // dense: the elements; grouped: blocks of 64 codes
  const uint8_t *scales;       // grouped: (output_count, input_count / group_element_count) of `type`
  const uint8_t *zeros;        // one byte per group, or NULL when symmetric
  size_t output_count;
  size_t input_count;
  size_t group_element_count;  // divides input_count; 0 when dense
  int bits;                    // 2...8; 0 when dense
  cdk_type type;               // of the elements when dense, else of the scales
  const cdk_places *places;    // NULL unless sparse
} cdk_matrix;

// A trellis-coded matrix of shape (output_count, input_count) (docs/format.md §4.3).
typedef struct cdk_trellis {
  const uint8_t *codes;   // tiles of 128 rows, of each a stream per column
  const uint8_t *scales;  // float16, one per row; they lie after the codes, in the same object
  size_t output_count;
  size_t input_count;
  int bits;               // 1...4
} cdk_trellis;

// A ternary matrix of shape (output_count, input_count) (docs/format.md §4.4). Any bytes are a value.
typedef struct cdk_ternary {
  const uint8_t *begins;     // where the stream of each bundle of 32 rows begins, 32 bits each
  const uint8_t *levels;     // float16
  size_t levels_per_row;     // 0 when one level is that of all rows, 1, or 2: the values of -1 and of +1
  const uint8_t *streams;
  size_t stream_byte_count;
  const uint64_t *strings;   // for each code word which symbols of its string are not zero, the first one in bit 0
  const uint8_t *lengths;    // and how many symbols there are, 1...56
  int code_bits;             // 8...16
  size_t output_count;
  size_t input_count;
} cdk_ternary;

// The kernels of one instruction set.
typedef struct cdk_kernels {
  // y = x·Wᵀ for rows begin..<end of W: x is (token_count, input_count), y is (token_count, output_count).
  // A result depends on neither begin nor end.
  void (*linear)(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t token_count, float *y);
  // The same for a block-diagonal W of width · width elements: `w` has the shape (width, block), row r being its row of
  // the block it lies in. Blocks begin..<end; x and y are (token_count, width).
  void (*linear_blocks)(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t token_count, float *y);
  // Row `row` of W.
  void (*decode_row)(const cdk_matrix *w, size_t row, float *out);
  // The same for a trellis-coded W and its tiles begin..<end.
  void (*linear_trellis)(const cdk_trellis *w, size_t begin, size_t end, const float *x, size_t token_count, float *y);
  void (*decode_trellis_row)(const cdk_trellis *w, size_t row, float *out);
  // The same for a ternary W and its bundles begin..<end. `work` has 6 · (input_count + 512) elements for use in between,
  // for several tokens 32 · input_count.
  void (*linear_ternary)(const cdk_ternary *w, size_t begin, size_t end, const float *x, size_t token_count, float *y,
                         float *work);
  void (*decode_ternary_row)(const cdk_ternary *w, size_t row, float *out);
  // The codes of `count` rows, at least 16, of one column that come nearest to `targets`, and their values: the row's
  // scale times state_values[state]. `work` has (count + 1) · 2^(12 − bits) elements.
  void (*search_trellis)(const float *state_values, int bits, const float *targets, const float *scales, size_t count,
                         float *work, uint8_t *codes, float *values);

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
