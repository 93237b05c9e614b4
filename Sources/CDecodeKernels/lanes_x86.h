// Sixteen bytes on x86-64, shared by the AVX2 and AVX-512 lanes. CDK_TARGET is set by the including file.

#include <immintrin.h>

#include "half.h"
#include "windows.h"

#define FN static inline __attribute__((always_inline)) CDK_TARGET

typedef __m128i vb;

FN vb vb_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
FN vb vb_low_bits(vb a, int width) { return _mm_and_si128(a, _mm_set1_epi8((char)((1 << width) - 1))); }
FN vb vb_shift_right(vb a, int count) { return _mm_srli_epi16(a, count); }  // callers mask what crosses bytes

// low | high << shift, where no byte of `high` reaches past its top.
FN vb vb_join(vb low, vb high, int shift) { return _mm_or_si128(low, _mm_slli_epi16(high, shift)); }

FN uint64_t bits_deposit(uint64_t bits, uint64_t mask) { return _pdep_u64(bits, mask); }

// Sixteen bits as sixteen bytes of 0 or 1.
FN vb vb_spread_bits(const uint8_t *p) {
  const vb bits = _mm_set1_epi16((short)load_u16(p));
  const vb bytes = _mm_shuffle_epi8(bits, _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const vb places = _mm_set1_epi64x((long long)0x8040201008040201ull);
  return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(bytes, places), places), _mm_set1_epi8(1));
}

// The bytes of a stream's last chunk of 2 · bits, and the two it goes on with.
FN vb vb_closing(const uint8_t *chunk, const uint8_t *stream, int bits) {
  const short begin = (short)load_u16(stream);
  switch (bits) {
    case 1: return _mm_insert_epi16(_mm_cvtsi32_si128(load_u16(chunk)), begin, 1);
    case 2: return _mm_insert_epi16(_mm_loadu_si32(chunk), begin, 2);
    case 3: return _mm_insert_epi16(_mm_loadl_epi64((const __m128i *)chunk), begin, 3);
    default: return _mm_insert_epi16(_mm_loadl_epi64((const __m128i *)chunk), begin, 4);
  }
}
