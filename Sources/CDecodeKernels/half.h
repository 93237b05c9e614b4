#ifndef CDK_HALF_H
#define CDK_HALF_H

// One element at a time: the portable conversions, and the remainders of the vector ones.

#include <string.h>

#include "kernels.h"

static inline uint32_t float_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint16_t load_u16(const uint8_t *p) {
  uint16_t bits;
  memcpy(&bits, p, sizeof bits);
  return bits;
}

// Puts the lowest bits, one after the other, to where the mask has ones.
static inline __attribute__((unused)) uint64_t deposit_one_by_one(uint64_t bits, uint64_t mask) {
  uint64_t placed = 0;
  for (; mask; mask &= mask - 1, bits >>= 1) placed |= mask & -mask & -(bits & 1);
  return placed;
}

static inline float f32_at(const uint8_t *p) {
  float value;
  memcpy(&value, p, sizeof value);
  return value;
}

static inline float bf16_at(const uint8_t *p) { return float_from_bits((uint32_t)load_u16(p) << 16); }

static inline float f16_at(const uint8_t *p) {
  const uint32_t half = load_u16(p), sign = (half & 0x8000u) << 16, rest = (half & 0x7FFFu) << 13;
  if (rest >= 0x0F800000u) {  // infinity or NaN, which becomes quiet as the hardware makes it
    const uint32_t quiet = rest > 0x0F800000u ? 0x00400000u : 0;
    return float_from_bits(sign | 0x70000000u | rest | quiet);
  }
  // Multiplying by 2^112 moves the exponent bias from 15 to 127 and normalises subnormals on the way.
  return float_from_bits(sign | float_bits(float_from_bits(rest) * 0x1p112f));
}

static inline uint16_t bf16_bits(float value) {
  const uint32_t bits = float_bits(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

static inline uint16_t f16_bits(float value) {
  const uint32_t bits = float_bits(value), sign = bits >> 16 & 0x8000u, rest = bits & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | (rest >> 13 & 0x3FFu));
  if (rest >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u);  // rounds to 2^16 or more
  if (rest < 0x38800000u) {
    // Below 2^-14: adding 0.5 puts the last bit of a half subnormal, 2^-24, into the last bit of the sum.
    return (uint16_t)(sign | (float_bits(float_from_bits(rest) + 0.5f) - 0x3F000000u));
  }
  return (uint16_t)(sign | ((rest + 0xFFFu + (rest >> 13 & 1u) - 0x38000000u) >> 13));
}

static inline size_t type_byte_count(cdk_type type) { return type == CDK_F32 ? 4 : 2; }

static inline float float_at(cdk_type type, const uint8_t *p) {
  return type == CDK_F32 ? f32_at(p) : type == CDK_F16 ? f16_at(p) : bf16_at(p);
}

// For a mask of four lanes, the bytes of four floats that a byte shuffle puts into each: the next float or, from an
// index no float has, zero.
#define FLOAT(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3
#define NONE 255, 255, 255, 255
static const uint8_t expansions[16][16] __attribute__((unused)) = {
    {NONE, NONE, NONE, NONE},
    {FLOAT(0), NONE, NONE, NONE},
    {NONE, FLOAT(0), NONE, NONE},
    {FLOAT(0), FLOAT(1), NONE, NONE},
    {NONE, NONE, FLOAT(0), NONE},
    {FLOAT(0), NONE, FLOAT(1), NONE},
    {NONE, FLOAT(0), FLOAT(1), NONE},
    {FLOAT(0), FLOAT(1), FLOAT(2), NONE},
    {NONE, NONE, NONE, FLOAT(0)},
    {FLOAT(0), NONE, NONE, FLOAT(1)},
    {NONE, FLOAT(0), NONE, FLOAT(1)},
    {FLOAT(0), FLOAT(1), NONE, FLOAT(2)},
    {NONE, NONE, FLOAT(0), FLOAT(1)},
    {FLOAT(0), NONE, FLOAT(1), FLOAT(2)},
    {NONE, FLOAT(0), FLOAT(1), FLOAT(2)},
    {FLOAT(0), FLOAT(1), FLOAT(2), FLOAT(3)},
};
#undef FLOAT
#undef NONE

#endif
