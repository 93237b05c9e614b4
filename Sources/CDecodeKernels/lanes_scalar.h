// One lane, portable C: the path of processors without a kernel of their own, and a judge of the others.

#include "half.h"
#include "windows.h"

#define CDK_TARGET
#define FN static inline __attribute__((always_inline))
#define LANES 1
#define FEW_TOKENS 2
#define TILE_TOKENS 2

typedef float vf;

FN vf vf_load(const float *p) { return *p; }
FN void vf_store(float *p, vf a) { *p = a; }
FN vf vf_set(float a) { return a; }
FN vf vf_add(vf a, vf b) { return a + b; }
FN vf vf_sub(vf a, vf b) { return a - b; }
FN vf vf_mul(vf a, vf b) { return a * b; }
FN vf vf_div(vf a, vf b) { return a / b; }
FN vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
FN vf vf_min(vf a, vf b) { return a < b ? a : b; }
FN vf vf_max(vf a, vf b) { return a > b ? a : b; }
FN vf vf_abs(vf a) { return __builtin_fabsf(a); }
FN vf vf_round(vf a) { return (a + 0x1.8p23f) - 0x1.8p23f; }
FN vf vf_pow2(vf n) { return float_from_bits((float_bits(n + 0x1.8p23f) + 127u) << 23); }
FN vf vf_select_less(vf a, vf b, vf then, vf otherwise) { return a < b ? then : otherwise; }
FN float vf_sum(vf a) { return a; }
FN float vf_largest(vf a) { return a; }
FN int vf_is_finite(vf a) { return (float_bits(a) & 0x7F800000u) != 0x7F800000u; }
FN vf vf_expand(const float *p, unsigned mask) { return mask ? *p : 0; }
FN vf vf_add_where(vf sum, vf a, unsigned mask) { return mask & 1 ? sum + a : sum; }
// What the table says for four of the 32 bits.
typedef uint32_t vn;
FN vn vn_load(const float *p) { return float_bits(*p); }
FN vf vf_of_nibbles(vn words, int shift, const float *table) { return table[words >> shift & 15]; }
FN uint64_t bits_deposit(uint64_t bits, uint64_t mask) { return deposit_one_by_one(bits, mask); }
FN vf vf_load_f32(const uint8_t *p) { return f32_at(p); }
FN vf vf_load_f16(const uint8_t *p) { return f16_at(p); }
FN vf vf_load_bf16(const uint8_t *p) { return bf16_at(p); }

FN void vf_store_f16(uint8_t *p, vf a) {
  const uint16_t bits = f16_bits(a);
  memcpy(p, &bits, sizeof bits);
}

FN void vf_store_bf16(uint8_t *p, vf a) {
  const uint16_t bits = bf16_bits(a);
  memcpy(p, &bits, sizeof bits);
}

// The bytes of a chunk of 2 · bits and the two they go on with, as a number.
typedef unsigned __int128 vw;

FN vw vw_load(const uint8_t *p) {
  vw bytes;
  memcpy(&bytes, p, sizeof bytes);
  return bytes;
}

FN vw vw_closing(const uint8_t *chunk, const uint8_t *stream, int bits) {
  uint64_t bytes = 0;
  memcpy(&bytes, chunk, 2 * (size_t)bits);
  return bytes | (vw)load_u16(stream) << (16 * bits);
}

// The value of one of sixteen states.
FN vf vf_states(vw windows, int bits, int part) { return state_value((uint32_t)(windows >> (bits * part))); }

FN vf vf_repeat(const float *p, int times) {
  (void)times;
  return *p;
}
