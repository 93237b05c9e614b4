// Compares the kernels of every vector instruction set this processor has with the scalar ones, over awkward sizes and
// seeded data. Built for 64-bit Arm and run under emulation it is the test of the NEON kernels; built natively it
// checks the others, with every buffer of exactly the size the kernels may touch.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdk.h"

static uint64_t state = 1;

static uint64_t next_random(void) {
  state += 0x9E3779B97F4A7C15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static float next_float(float low, float high) { return low + (high - low) * (float)(next_random() >> 40) * 0x1p-24f; }

static void *allocate(size_t byte_count) {
  void *memory = malloc(byte_count ? byte_count : 1);
  if (!memory) abort();
  return memory;
}

static float *floats(size_t count, float low, float high) {
  float *values = allocate(count * sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = next_float(low, high);
  return values;
}

static long failures = 0, checks = 0;

static void expect(int holds, const char *isa, const char *what, size_t count, double found) {
  checks++;
  if (holds) return;
  if (failures++ < 20) printf("%s: %s, %zu elements: %g\n", isa, what, count, found);
}

static double largest_difference(const float *a, const float *b, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    const double difference = fabs((double)a[i] - b[i]) / (1 + fabs((double)b[i]));
    if (!(difference <= largest)) largest = difference;  // keeps NaN
  }
  return largest;
}

static void check_matrix(const cdk_kernels *kernels, const char *isa, const cdk_matrix *w) {
  const cdk_kernels *scalar = cdk_kernels_for(CDK_SCALAR);
  const size_t rows = w->output_count, columns = w->places ? w->places->input_count : w->input_count;
  float *weights = allocate(rows * columns * 4), *decoded = allocate(columns * 4);
  float largest = 0;
  for (size_t row = 0; row < rows; row++) {
    scalar->decode_row(w, row, weights + row * columns);
    kernels->decode_row(w, row, decoded);
    const double difference = largest_difference(decoded, weights + row * columns, columns);
    expect(difference <= (w->bits && w->type == CDK_F32 ? 1e-5 : 0), isa, "decoded row", columns, difference);
  }
  if (w->bits && w->type == CDK_F32) {
    for (size_t i = 0; i < rows * columns; i++) largest = fmaxf(largest, fabsf(weights[i]));
  }
  const size_t token_counts[] = {1, 2, 66, 3, 7};
  for (size_t k = 0; k < (columns > 500 ? 3 : 5); k++) {
    const size_t tokens = token_counts[k];
    float *x = floats(tokens * columns, -1, 1), *y = allocate(tokens * rows * 4);
    kernels->linear(w, 0, rows / 2, x, tokens, y);
    kernels->linear(w, rows / 2, rows, x, tokens, y);
    for (size_t i = 0; i < tokens * rows; i++) {
      double value = 0, magnitude = 1e-30;
      for (size_t c = 0; c < columns; c++) {
        const double weight = weights[i % rows * columns + c], input = x[i / rows * columns + c];
        value += weight * input;
        magnitude += fmax(fabs(weight), (double)largest) * fabs(input);
      }
      expect(fabs(y[i] - value) <= 1e-6 * magnitude, isa, "product", columns, fabs(y[i] - value) / magnitude);
    }
    free(x);
    free(y);
  }
  free(weights);
  free(decoded);
}

static void check_matrices(const cdk_kernels *kernels, const char *isa) {
  const cdk_kernels *scalar = cdk_kernels_for(CDK_SCALAR);
  const size_t widths[] = {1, 2, 3, 33, 64, 65, 96, 160, 192, 1088}, groups[] = {1, 3, 11, 16, 32, 64, 96};
  enum { ROWS = 7 };
  for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
    const size_t width = widths[k], blocks = (width + 63) / 64;
    for (int type = CDK_F32; type <= CDK_BF16; type++) {
      const size_t element = type == CDK_F32 ? 4 : 2;
      float *values = floats(ROWS * width, -1, 1);
      uint8_t *elements = allocate(ROWS * width * element);
      scalar->from_float((cdk_type)type, values, ROWS * width, elements);
      const cdk_matrix dense = {elements, NULL, NULL, ROWS, width, 0, 0, (cdk_type)type, NULL};
      check_matrix(kernels, isa, &dense);
      free(elements);
      free(values);
      for (int bits = 2; bits <= 8; bits++) {
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
          if (width % groups[g]) continue;
          const size_t code_bytes = ROWS * blocks * 8 * (size_t)bits, group_count = ROWS * (width / groups[g]);
          uint8_t *codes = allocate(code_bytes), *scales = allocate(group_count * element);
          uint8_t *zeros = allocate(group_count);
          float *scale_values = floats(group_count, -0.03f, 0.07f);
          for (size_t i = 0; i < code_bytes; i++) codes[i] = (uint8_t)next_random();
          for (size_t i = 0; i < group_count; i++) zeros[i] = (uint8_t)next_random();
          scalar->from_float((cdk_type)type, scale_values, group_count, scales);
          const uint8_t *used_zeros = g % 2 ? zeros : NULL;
          const cdk_matrix grouped = {codes, scales, used_zeros, ROWS, width, groups[g], bits, (cdk_type)type,
                                      NULL};
          check_matrix(kernels, isa, &grouped);
          free(codes);
          free(scales);
          free(zeros);
          free(scale_values);
        }
      }
    }
  }
}

// Any masks will do that keep as many elements of a unit, so that every number stands for some mask.
static void check_sparse(const cdk_kernels *kernels, const char *isa) {
  static const struct {
    size_t unit, kept, bits, group;  // group: what the width is a multiple of
  } patterns[] = {{16, 8, 12, 4}, {16, 8, 8, 2}, {16, 8, 14, 8}, {16, 1, 4, 16}, {15, 9, 12, 5}, {12, 7, 10, 12},
                  {13, 12, 4, 13}};
  static const size_t group_counts[] = {1, 3, 5, 64, 65, 271};
  enum { ROWS = 5 };
  for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
    const size_t unit = patterns[p].unit, unit_kept = patterns[p].kept, bits = patterns[p].bits;
    const size_t group = patterns[p].group, group_kept = unit_kept * group / unit;
    uint16_t *masks = allocate(sizeof *masks << bits);
    for (size_t i = 0; i < (size_t)1 << bits; i++) {
      masks[i] = 0;
      for (size_t g = 0; g < unit; g += group) {
        size_t chosen = 0;
        while (chosen < group_kept) {
          const uint16_t place = (uint16_t)(1 << (g + next_random() % group));
          chosen += !(masks[i] & place);
          masks[i] |= place;
        }
      }
    }
    for (size_t k = 0; k < sizeof group_counts / sizeof *group_counts; k++) {
      const size_t width = group_counts[k] * group, kept = group_counts[k] * group_kept;
      const size_t row_bytes = (group_counts[k] * bits * group / unit + 7) / 8;
      uint8_t *numbers = allocate(ROWS * row_bytes);
      for (size_t i = 0; i < ROWS * row_bytes; i++) numbers[i] = (uint8_t)next_random();
      const cdk_places places = {numbers, row_bytes, masks, bits, unit, unit_kept, width};
      float *values = floats(ROWS * kept, -1, 1);
      const cdk_matrix dense = {(const uint8_t *)values, NULL, NULL, ROWS, kept, 0, 0, CDK_F32, &places};
      check_matrix(kernels, isa, &dense);
      const size_t code_bytes = ROWS * ((kept + 63) / 64) * 32;
      uint8_t *codes = allocate(code_bytes), *scales = allocate(2 * ROWS);
      for (size_t i = 0; i < code_bytes; i++) codes[i] = (uint8_t)next_random();
      cdk_kernels_for(CDK_SCALAR)->from_float(CDK_F16, values, ROWS, scales);
      const cdk_matrix grouped = {codes, scales, NULL, ROWS, kept, kept, 4, CDK_F16, &places};
      check_matrix(kernels, isa, &grouped);
      free(values);
      free(numbers);
      free(codes);
      free(scales);
    }
    free(masks);
  }
}

// A block-diagonal matrix is as many small ones, each on its own inputs.
static void check_blocks(const cdk_kernels *kernels, const char *isa) {
  static const size_t widths[] = {2, 6, 16, 65}, token_counts[] = {1, 2, 9};
  enum { BLOCKS = 3 };
  for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
    const size_t block = widths[k], width = BLOCKS * block;
    float *values = floats(width * block, -1, 1);
    const cdk_matrix w = {(const uint8_t *)values, NULL, NULL, width, block, 0, 0, CDK_F32, NULL};
    for (size_t t = 0; t < sizeof token_counts / sizeof *token_counts; t++) {
      const size_t tokens = token_counts[t];
      float *x = floats(tokens * width, -1, 1), *y = allocate(tokens * width * 4);
      kernels->linear_blocks(&w, 0, 1, x, tokens, y);
      kernels->linear_blocks(&w, 1, BLOCKS, x, tokens, y);
      for (size_t i = 0; i < tokens * width; i++) {
        const size_t row = i % width, first = i - row % block;
        double value = 0, magnitude = 1e-30;
        for (size_t c = 0; c < block; c++) {
          value += (double)values[row * block + c] * x[first + c];
          magnitude += fabs((double)values[row * block + c] * x[first + c]);
        }
        expect(fabs(y[i] - value) <= 1e-6 * magnitude, isa, "block-diagonal product", width, y[i] - value);
      }
      free(x);
      free(y);
    }
    free(values);
  }
}

// Strings of any lengths will do, and random streams: they end too early, and begins point anywhere.
static void check_ternary(const cdk_kernels *kernels, const char *isa) {
  static const size_t shapes[][2] = {{1, 1}, {3, 300}, {33, 17}, {40, 64}, {65, 130}, {2, 4200}, {7, 512}};
  const cdk_kernels *scalar = cdk_kernels_for(CDK_SCALAR);
  for (size_t k = 0; k < 3 * sizeof shapes / sizeof *shapes; k++) {
    const size_t rows = shapes[k / 3][0], columns = shapes[k / 3][1], bundles = (rows + 31) / 32, per_row = k % 3;
    const int code_bits = 8 + (int)(next_random() % 9);
    const size_t byte_count = k % 2 ? rows * columns / 4 + 40 : 1 + next_random() % 60;
    uint64_t *strings = allocate(sizeof *strings << code_bits);
    uint8_t *lengths = allocate((size_t)1 << code_bits);
    for (size_t i = 0; i < (size_t)1 << code_bits; i++) {
      lengths[i] = (uint8_t)(1 + next_random() % 56);
      strings[i] = next_random() & next_random() & (((uint64_t)1 << lengths[i]) - 1);
    }
    uint8_t *streams = allocate(byte_count), *begins = allocate(4 * bundles), *levels = allocate(4 * rows);
    for (size_t i = 0; i < byte_count; i++) streams[i] = (uint8_t)next_random();
    for (size_t i = 0; i < bundles; i++) {
      const uint32_t begin = k % 4 == 3 ? (uint32_t)next_random() : (uint32_t)(i * byte_count / bundles);
      memcpy(begins + 4 * i, &begin, 4);
    }
    float *level_values = floats(2 * rows, -0.1f, 0.2f);
    scalar->from_float(CDK_F16, level_values, 2 * rows, levels);
    const cdk_ternary w = {begins, levels, per_row, streams, byte_count, strings, lengths, code_bits, rows, columns};
    float *weights = allocate(rows * columns * 4), *decoded = allocate(columns * 4);
    for (size_t row = 0; row < rows; row++) {
      scalar->decode_ternary_row(&w, row, weights + row * columns);
      kernels->decode_ternary_row(&w, row, decoded);
      const double difference = largest_difference(decoded, weights + row * columns, columns);
      expect(difference == 0, isa, "ternary row", columns, difference);
    }
    for (size_t tokens = 1; tokens < 70; tokens = 4 * tokens + 1) {
      float *work = allocate(tokens == 1 ? 6 * (columns + 512) * 4 : 32 * columns * 4);
      float *x = floats(tokens * columns, -1, 1), *y = allocate(tokens * rows * 4);
      kernels->linear_ternary(&w, 0, bundles / 2, x, tokens, y, work);
      kernels->linear_ternary(&w, bundles / 2, bundles, x, tokens, y, work);
      for (size_t i = 0; i < tokens * rows; i++) {
        double value = 0, magnitude = 1e-30;
        for (size_t c = 0; c < columns; c++) {
          const double product = (double)weights[i % rows * columns + c] * x[i / rows * columns + c];
          value += product;
          magnitude += fabs(product);
        }
        expect(fabs(y[i] - value) <= 1e-6 * magnitude, isa, "ternary product", columns, fabs(y[i] - value) / magnitude);
      }
      free(x);
      free(y);
      free(work);
    }
    free(strings);
    free(lengths);
    free(streams);
    free(begins);
    free(levels);
    free(level_values);
    free(weights);
    free(decoded);
  }
}

static void check_change(const char *isa, const char *what, void (*kernel)(float *, size_t),
                         void (*reference)(float *, size_t), size_t count, double tolerance) {
  float *a = floats(count, -12, 12), *b = allocate(count * 4);
  memcpy(b, a, count * 4);
  kernel(a, count);
  reference(b, count);
  const double difference = largest_difference(a, b, count);
  expect(difference <= tolerance, isa, what, count, difference);
  free(a);
  free(b);
}

// Against double precision. A rounding error in a score becomes the same relative error in a weight, so the tolerance
// follows the size of the products that a score sums.
static void check_attention(const cdk_kernels *kernels, const char *isa, const float *query, size_t width) {
  enum { POSITIONS = 19 };
  const size_t stride = width + 5;
  const float scale = 0.1f;
  float *keys = floats(POSITIONS * stride, -1, 1), *values = floats(POSITIONS * stride, -1, 1);
  float *scores = allocate(4 * POSITIONS), *found = allocate(4 * width);
  kernels->attend(query, keys + 5, values + 5, stride, POSITIONS, width, scale, scores, found);
  double weights[POSITIONS], largest = -INFINITY, sum = 0, magnitude = 0, worst = 0;
  for (size_t p = 0; p < POSITIONS; p++) {
    double score = 0, size = 0;
    for (size_t d = 0; d < width; d++) {
      const double product = (double)query[d] * keys[5 + p * stride + d];
      score += product;
      size += fabs(product);
    }
    weights[p] = scale * score;
    largest = fmax(largest, weights[p]);
    magnitude = fmax(magnitude, scale * size);
  }
  for (size_t p = 0; p < POSITIONS; p++) sum += weights[p] = exp(weights[p] - largest);
  for (size_t d = 0; d < width; d++) {
    double wanted = 0;
    for (size_t p = 0; p < POSITIONS; p++) wanted += weights[p] / sum * values[5 + p * stride + d];
    const double difference = fabs(found[d] - wanted);
    if (!(difference <= worst)) worst = difference;  // keeps NaN
  }
  expect(worst <= 1e-6 + 2e-7 * magnitude, isa, "attend", width, worst);
  free(keys);
  free(values);
  free(scores);
  free(found);
}

static void check_vectors(const cdk_kernels *kernels, const char *isa, size_t count) {
  const cdk_kernels *scalar = cdk_kernels_for(CDK_SCALAR);
  check_change(isa, "relu", kernels->relu, scalar->relu, count, 0);
  check_change(isa, "silu", kernels->silu, scalar->silu, count, 5e-7);
  check_change(isa, "gelu_erf", kernels->gelu_erf, scalar->gelu_erf, count, 1e-6);
  check_change(isa, "gelu_tanh", kernels->gelu_tanh, scalar->gelu_tanh, count, 1e-6);
  check_change(isa, "softmax", kernels->softmax, scalar->softmax, count, 1e-6);

  float *x = floats(count, -3, 3), *a = floats(count, -1, 1), *b = allocate(count * 4);
#define CHECK_BOTH(WHAT, CALL_A, CALL_B)                             \
  memcpy(b, a, count * 4);                                           \
  CALL_A;                                                            \
  CALL_B;                                                            \
  expect(largest_difference(a, b, count) <= 1e-6, isa, WHAT, count, largest_difference(a, b, count))
  CHECK_BOTH("add", kernels->add(x, a, count), scalar->add(x, b, count));
  CHECK_BOTH("add_scaled", kernels->add_scaled(0.3f, x, a, count), scalar->add_scaled(0.3f, x, b, count));
  CHECK_BOTH("multiply", kernels->multiply(x, a, count), scalar->multiply(x, b, count));
  CHECK_BOTH("scale", kernels->scale(-0.2f, a, count), scalar->scale(-0.2f, b, count));
  CHECK_BOTH("silu_multiply", kernels->silu_multiply(x, a, count), scalar->silu_multiply(x, b, count));
  CHECK_BOTH("rms_norm", kernels->rms_norm(x, x, 1e-5f, a, count), scalar->rms_norm(x, x, 1e-5f, b, count));
  double exact = 0, magnitude = 0;
  for (size_t i = 0; i < count; i++) exact += (double)x[i] * a[i], magnitude += fabs((double)x[i] * a[i]);
  const double dot_error = fabs(kernels->dot(x, a, count) - exact);
  expect(dot_error <= 1e-6 * magnitude, isa, "dot", count, dot_error);
  const double log_error = fabs(kernels->log_sum_exp(x, count) - scalar->log_sum_exp(x, count));
  expect(log_error <= 3e-7, isa, "log_sum_exp", count, log_error);

  expect(kernels->first_non_finite(x, count) == count, isa, "first_non_finite of finite", count, 0);
  for (size_t i = 0; i < count; i += 1 + count / 9) {
    const float kept = x[i];
    x[i] = i % 2 ? INFINITY : NAN;
    expect(kernels->first_non_finite(x, count) == i, isa, "first_non_finite", count, (double)i);
    x[i] = kept;
  }

  check_attention(kernels, isa, x, count);
  free(x);
  free(a);
  free(b);
}

// Every 16-bit pattern one way, and floats of every exponent the other.
static void check_conversions(const cdk_kernels *kernels, const char *isa) {
  const cdk_kernels *scalar = cdk_kernels_for(CDK_SCALAR);
  enum { COUNT = 65536 };
  uint16_t *words = allocate(2 * COUNT), *found = allocate(2 * COUNT), *wanted = allocate(2 * COUNT);
  float *a = allocate(4 * COUNT), *b = allocate(4 * COUNT);
  for (int type = CDK_F16; type <= CDK_BF16; type++) {
    for (int i = 0; i < COUNT; i++) words[i] = (uint16_t)i;
    kernels->to_float((cdk_type)type, (const uint8_t *)words, COUNT, a);
    scalar->to_float((cdk_type)type, (const uint8_t *)words, COUNT, b);
    int wrong = 0;
    for (int i = 0; i < COUNT; i++) wrong += memcmp(a + i, b + i, 4) != 0 && !(isnan(a[i]) && isnan(b[i]));
    expect(wrong == 0, isa, "to_float", COUNT, wrong);
    for (int i = 0; i < COUNT; i++) {
      const uint32_t bits = i % 4 ? (uint32_t)next_random() : (uint32_t)i << 16 | (type == CDK_F16 ? 0x1000 : 0x8000);
      memcpy(a + i, &bits, 4);
      if (isnan(a[i])) a[i] = 1;
    }
    kernels->from_float((cdk_type)type, a, COUNT, (uint8_t *)found);
    scalar->from_float((cdk_type)type, a, COUNT, (uint8_t *)wanted);
    expect(memcmp(found, wanted, 2 * COUNT) == 0, isa, "from_float", COUNT, 0);
    a[3] = NAN;
    kernels->from_float((cdk_type)type, a, COUNT, (uint8_t *)found);
    kernels->to_float((cdk_type)type, (const uint8_t *)found, COUNT, b);
    expect(isnan(b[3]) && !isnan(b[2]), isa, "NaN through from_float", COUNT, b[3]);
  }
  free(words);
  free(found);
  free(wanted);
  free(a);
  free(b);
}

int main(void) {
  static const struct {
    cdk_isa isa;
    const char *name;
  } sets[] = {{CDK_AVX2, "avx2"}, {CDK_AVX512, "avx512"}, {CDK_NEON, "neon"}};
  static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 128, 257, 2049};
  int set_count = 0;
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
    const cdk_kernels *kernels = cdk_kernels_for(sets[s].isa);
    if (!kernels) continue;
    set_count++;
    long earlier_checks = checks, earlier_failures = failures;
    check_matrices(kernels, sets[s].name);
    check_sparse(kernels, sets[s].name);
    check_blocks(kernels, sets[s].name);
    check_ternary(kernels, sets[s].name);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) check_vectors(kernels, sets[s].name, counts[i]);
    check_conversions(kernels, sets[s].name);
    printf("%s: %ld checks, %ld failed\n", sets[s].name, checks - earlier_checks, failures - earlier_failures);
  }
  if (set_count == 0) puts("this processor has none of the vector instruction sets");
  return failures || set_count == 0;
}
