// Eight lanes: AVX2, FMA, F16C, BMI, BMI2 and POPCNT.

#define CDK_TARGET __attribute__((target("avx2,fma,f16c,bmi,bmi2,popcnt")))
#define LANES 8
#define FEW_TOKENS 3
#define TILE_TOKENS 6

#include "lanes_x86.h"

typedef __m256 vf;

FN vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
FN void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
FN vf vf_set(float a) { return _mm256_set1_ps(a); }
FN vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
FN vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
FN vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
FN vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
FN vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
FN vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
FN vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
FN vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
FN vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

FN vf vf_pow2(vf n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

FN vf vf_select_less(vf a, vf b, vf then, vf otherwise) {
  return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

FN float vf_sum(vf a) {
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

FN float vf_largest(vf a) {
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

FN int vf_is_finite(vf a) {
  const __m256i exponents = _mm256_set1_epi32(0x7F800000);
  return _mm256_testz_si256(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_castps_si256(a), exponents), exponents),
                            _mm256_set1_epi32(-1));
}

FN vf vf_expand(const float *p, unsigned mask) {
  const vb low = _mm_castps_si128(_mm_loadu_ps(p));
  const vb high = _mm_castps_si128(_mm_loadu_ps(p + __builtin_popcount(mask & 15)));
  return _mm256_castsi256_ps(_mm256_set_m128i(_mm_shuffle_epi8(high, vb_load(expansions[mask >> 4])),
                                              _mm_shuffle_epi8(low, vb_load(expansions[mask & 15]))));
}

FN vf vf_add_where(vf sum, vf a, unsigned mask) {
  const __m256i places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i is_in = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)mask), places), places);
  return _mm256_add_ps(sum, _mm256_and_ps(a, _mm256_castsi256_ps(is_in)));
}

// What the table says for four of the 32 bits of each lane.
typedef __m256i vn;
FN vn vn_load(const float *p) { return _mm256_loadu_si256((const __m256i *)p); }
FN vf vf_of_nibbles(vn words, int shift, const float *table) {
  const __m256i nibbles = _mm256_srli_epi32(words, shift);
  const vf low = _mm256_permutevar8x32_ps(vf_load(table), nibbles);
  const vf high = _mm256_permutevar8x32_ps(vf_load(table + 8), nibbles);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(nibbles, 28)));
}

FN vf vf_load_f32(const uint8_t *p) { return _mm256_loadu_ps((const float *)p); }
FN vf vf_load_f16(const uint8_t *p) { return _mm256_cvtph_ps(vb_load(p)); }
FN vf vf_load_bf16(const uint8_t *p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(vb_load(p)), 16));
}

FN void vf_store_f16(uint8_t *p, vf a) {
  _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

FN void vf_store_bf16(uint8_t *p, vf a) {
  const __m256i bits = _mm256_castps_si256(a), high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  const __m256i words = _mm256_blendv_epi8(rounded, quiet, is_nan);
  _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

// Eight of sixteen codes as floats.
FN vf vf_widen(vb codes, int part) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(part ? _mm_srli_si128(codes, 8) : codes));
}

typedef __m256i vw;

FN vw vw_load(const uint8_t *p) { return _mm256_broadcastsi128_si256(vb_load(p)); }
FN vw vw_closing(const uint8_t *chunk, const uint8_t *stream, int bits) {
  return _mm256_broadcastsi128_si256(vb_closing(chunk, stream, bits));
}

// The values of eight of sixteen states.
FN vf vf_states(vw windows, int bits, int part) {
  const __m256i places = _mm256_load_si256((const __m256i *)window_bytes[bits - 1] + part);
  const __m256i shifts = _mm256_load_si256((const __m256i *)window_shifts[bits - 1] + part);
  const __m256i shifted = _mm256_srlv_epi32(_mm256_shuffle_epi8(windows, places), shifts);
  const __m256i states = _mm256_and_si256(shifted, _mm256_set1_epi32(STATE_COUNT - 1));
  const __m256i products = _mm256_mullo_epi32(states, _mm256_set1_epi32(STATE_MULTIPLIER));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), products);
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

FN vf vf_repeat(const float *p, int times) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  switch (times) {
    case 2: return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm256_srli_epi32(lanes, 1));
    case 4: return _mm256_blend_ps(_mm256_set1_ps(p[0]), _mm256_set1_ps(p[1]), 0xF0);
    default: return _mm256_set1_ps(*p);
  }
}
