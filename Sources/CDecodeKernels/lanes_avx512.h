// Sixteen lanes: AVX-512 F, BW, VL and DQ, BMI and BMI2.

#define CDK_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c,bmi,bmi2,popcnt")))
#define LANES 16
#define FEW_TOKENS 6
#define TILE_TOKENS 12

#include "lanes_x86.h"

typedef __m512 vf;

FN vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
FN void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
FN vf vf_set(float a) { return _mm512_set1_ps(a); }
FN vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
FN vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
FN vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
FN vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
FN vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
FN vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
FN vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
FN vf vf_abs(vf a) { return _mm512_abs_ps(a); }
FN vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

FN vf vf_pow2(vf n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}

FN vf vf_select_less(vf a, vf b, vf then, vf otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}

FN float vf_sum(vf a) {
  const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

FN float vf_largest(vf a) { return _mm512_reduce_max_ps(a); }

FN int vf_is_finite(vf a) {
  const __m512i exponents = _mm512_set1_epi32(0x7F800000);
  return _mm512_cmpeq_epi32_mask(_mm512_and_si512(_mm512_castps_si512(a), exponents), exponents) == 0;
}

FN vf vf_expand(const float *p, unsigned mask) {
  return _mm512_maskz_expand_ps((__mmask16)mask, _mm512_loadu_ps(p));
}

FN vf vf_add_where(vf sum, vf a, unsigned mask) { return _mm512_mask_add_ps(sum, (__mmask16)mask, sum, a); }

// What the table says for four of the 32 bits of each lane.
typedef __m512i vn;
FN vn vn_load(const float *p) { return _mm512_loadu_si512(p); }
FN vf vf_of_nibbles(vn words, int shift, const float *table) {
  return _mm512_permutexvar_ps(_mm512_srli_epi32(words, (unsigned)shift), vf_load(table));
}

FN vf vf_load_f32(const uint8_t *p) { return _mm512_loadu_ps((const float *)p); }
FN vf vf_load_f16(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
FN vf vf_load_bf16(const uint8_t *p) {
  const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
}

FN void vf_store_f16(uint8_t *p, vf a) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

FN void vf_store_bf16(uint8_t *p, vf a) {
  const __m512i bits = _mm512_castps_si512(a), high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  const __m512i words = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), rounded, quiet);
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(words));
}

// Sixteen codes as floats; `part` is 0.
FN vf vf_widen(vb codes, int part) {
  (void)part;
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(codes));
}

// Sixteen weights of 2 to 7 bits that share a scale, by looking digits up in a table of weights held in a register: the
// permutation reads only the low four bits of an index, which saves masks and conversions. A digit of one bit is a
// mask.
#define LANES_LOOK_UP 1
FN vf vf_look_up(const uint8_t *block, int bits, int quarter, float scale, float bias) {
  const vf fours = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const vf twos = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  vf weights;
  if (bits < 4) {
    const __m512i digits = _mm512_srli_epi32(_mm512_cvtepu8_epi32(vb_load(block)), 2 * (unsigned)quarter);
    weights = _mm512_permutexvar_ps(digits, vf_fma(twos, vf_set(scale), vf_set(bias)));
  } else {
    const __m512i both = _mm512_cvtepu8_epi32(vb_load(block + 16 * (quarter & 1)));
    const __m512i digits = _mm512_srli_epi32(both, 4 * (unsigned)(quarter >> 1));
    weights = _mm512_permutexvar_ps(digits, vf_fma(fours, vf_set(scale), vf_set(bias)));
  }
  if (bits >= 6) {
    const __m512i digits = _mm512_srli_epi32(_mm512_cvtepu8_epi32(vb_load(block + 32)), 2 * (unsigned)quarter);
    weights = _mm512_add_ps(weights, _mm512_permutexvar_ps(digits, vf_mul(twos, vf_set(16 * scale))));
  }
  if (bits & 1) {
    const __mmask16 mask = load_u16(block + 8 * (bits - 1) + 2 * quarter);
    weights = _mm512_mask_add_ps(weights, mask, weights, vf_set((float)(1 << (bits - 1)) * scale));
  }
  return weights;
}

typedef __m512i vw;

FN vw vw_load(const uint8_t *p) { return _mm512_broadcast_i32x4(vb_load(p)); }
FN vw vw_closing(const uint8_t *chunk, const uint8_t *stream, int bits) {
  return _mm512_broadcast_i32x4(vb_closing(chunk, stream, bits));
}

// The values of sixteen states; `part` is 0.
FN vf vf_states(vw windows, int bits, int part) {
  (void)part;
  const __m512i bytes = _mm512_shuffle_epi8(windows, _mm512_load_si512(window_bytes[bits - 1]));
  const __m512i shifted = _mm512_srlv_epi32(bytes, _mm512_load_si512(window_shifts[bits - 1]));
  const __m512i states = _mm512_and_si512(shifted, _mm512_set1_epi32(STATE_COUNT - 1));
  const __m512i products = _mm512_mullo_epi32(states, _mm512_set1_epi32(STATE_MULTIPLIER));
  const __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi8(1), products);
  return _mm512_cvtepi32_ps(_mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

FN vf vf_repeat(const float *p, int times) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  switch (times) {
    case 2: return _mm512_permutexvar_ps(_mm512_srli_epi32(lanes, 1), _mm512_castps256_ps512(_mm256_loadu_ps(p)));
    case 4: return _mm512_permutexvar_ps(_mm512_srli_epi32(lanes, 2), _mm512_castps128_ps512(_mm_loadu_ps(p)));
    case 8: return _mm512_mask_blend_ps(0xFF00, _mm512_set1_ps(p[0]), _mm512_set1_ps(p[1]));
    default: return _mm512_set1_ps(*p);
  }
}
