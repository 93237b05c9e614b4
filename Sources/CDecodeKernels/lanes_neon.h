// Four lanes: the vector unit every 64-bit Arm processor has.

#include <arm_neon.h>

#include "half.h"
#include "windows.h"

#define CDK_TARGET
#define FN static inline __attribute__((always_inline))
#define LANES 4
#define FEW_TOKENS 6
#define TILE_TOKENS 12

typedef float32x4_t vf;
typedef uint8x16_t vb;

FN vf vf_load(const float *p) { return vld1q_f32(p); }
FN void vf_store(float *p, vf a) { vst1q_f32(p, a); }
FN vf vf_set(float a) { return vdupq_n_f32(a); }
FN vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
FN vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
FN vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
FN vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
FN vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
FN vf vf_min(vf a, vf b) { return vminq_f32(a, b); }
FN vf vf_max(vf a, vf b) { return vmaxq_f32(a, b); }
FN vf vf_abs(vf a) { return vabsq_f32(a); }
FN vf vf_round(vf a) { return vrndnq_f32(a); }

FN vf vf_pow2(vf n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23));
}

FN vf vf_select_less(vf a, vf b, vf then, vf otherwise) { return vbslq_f32(vcltq_f32(a, b), then, otherwise); }
FN float vf_sum(vf a) { return vaddvq_f32(a); }
FN float vf_largest(vf a) { return vmaxvq_f32(a); }

FN int vf_is_finite(vf a) {
  const uint32x4_t exponents = vdupq_n_u32(0x7F800000);
  return vmaxvq_u32(vceqq_u32(vandq_u32(vreinterpretq_u32_f32(a), exponents), exponents)) == 0;
}

FN vf vf_expand(const float *p, unsigned mask) {
  return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(vld1q_f32(p)), vld1q_u8(expansions[mask])));
}

FN vf vf_add_where(vf sum, vf a, unsigned mask) {
  const uint32_t places[4] = {1, 2, 4, 8};
  const uint32x4_t is_in = vtstq_u32(vdupq_n_u32(mask), vld1q_u32(places));
  return vaddq_f32(sum, vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), is_in)));
}

// What the table says for four of the 32 bits of each lane.
typedef uint32x4_t vn;
FN vn vn_load(const float *p) { return vreinterpretq_u32_f32(vld1q_f32(p)); }
FN vf vf_of_nibbles(vn words, int shift, const float *table) {
  const uint32x4_t nibbles = vandq_u32(vshlq_u32(words, vdupq_n_s32(-shift)), vdupq_n_u32(15));
  const uint32x4_t bytes = vmlaq_u32(vdupq_n_u32(0x03020100), nibbles, vdupq_n_u32(0x04040404));
  const uint8x16x4_t floats = {{vreinterpretq_u8_f32(vld1q_f32(table)), vreinterpretq_u8_f32(vld1q_f32(table + 4)),
                                vreinterpretq_u8_f32(vld1q_f32(table + 8)),
                                vreinterpretq_u8_f32(vld1q_f32(table + 12))}};
  return vreinterpretq_f32_u8(vqtbl4q_u8(floats, vreinterpretq_u8_u32(bytes)));
}

FN uint64_t bits_deposit(uint64_t bits, uint64_t mask) { return deposit_one_by_one(bits, mask); }

FN vf vf_load_f32(const uint8_t *p) { return vreinterpretq_f32_u8(vld1q_u8(p)); }
FN vf vf_load_f16(const uint8_t *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
FN vf vf_load_bf16(const uint8_t *p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}

FN void vf_store_f16(uint8_t *p, vf a) { vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(a))); }

FN void vf_store_bf16(uint8_t *p, vf a) {
  const uint32x4_t bits = vreinterpretq_u32_f32(a), high = vshrq_n_u32(bits, 16);
  const uint32x4_t half = vaddq_u32(vandq_u32(high, vdupq_n_u32(1)), vdupq_n_u32(0x7FFF));
  const uint32x4_t rounded = vshrq_n_u32(vaddq_u32(bits, half), 16);
  const uint32x4_t words = vbslq_u32(vceqq_f32(a, a), rounded, vorrq_u32(high, vdupq_n_u32(0x40)));
  vst1_u8(p, vreinterpret_u8_u16(vmovn_u32(words)));
}

FN vb vb_load(const uint8_t *p) { return vld1q_u8(p); }
FN vb vb_low_bits(vb a, int width) { return vandq_u8(a, vdupq_n_u8((uint8_t)((1 << width) - 1))); }
FN vb vb_shift_right(vb a, int count) { return vshlq_u8(a, vdupq_n_s8((int8_t)-count)); }

// low | high << shift, where no byte of `high` reaches past its top.
FN vb vb_join(vb low, vb high, int shift) { return vorrq_u8(low, vshlq_u8(high, vdupq_n_s8((int8_t)shift))); }

// Sixteen bits as sixteen bytes of 0 or 1.
FN vb vb_spread_bits(const uint8_t *p) {
  const uint8x16_t places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ull));
  const uint8x16_t bytes = vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1]));
  return vandq_u8(vtstq_u8(bytes, places), vdupq_n_u8(1));
}

// Four of sixteen codes as floats.
FN vf vf_widen(vb codes, int part) {
  const uint16x8_t words = part < 2 ? vmovl_u8(vget_low_u8(codes)) : vmovl_u8(vget_high_u8(codes));
  return vcvtq_f32_u32(vmovl_u16(part & 1 ? vget_high_u16(words) : vget_low_u16(words)));
}

typedef uint8x16_t vw;

FN vw vw_load(const uint8_t *p) { return vb_load(p); }

// The bytes of a stream's last chunk of 2 · bits, and the two it goes on with.
FN vw vw_closing(const uint8_t *chunk, const uint8_t *stream, int bits) {
  uint64_t bytes = 0;
  memcpy(&bytes, chunk, 2 * (size_t)bits);
  const uint64_t begin = load_u16(stream);
  if (bits < 4) return vreinterpretq_u8_u64(vdupq_n_u64(bytes | begin << (16 * bits)));
  return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(bytes), vcreate_u64(begin)));
}

// The values of four of sixteen states.
FN vf vf_states(vw windows, int bits, int part) {
  const uint8x16_t places = vld1q_u8(window_bytes[bits - 1] + 16 * part);
  const int32x4_t shifts = vnegq_s32(vld1q_s32(window_shifts[bits - 1] + 4 * part));
  const uint32x4_t shifted = vshlq_u32(vreinterpretq_u32_u8(vqtbl1q_u8(windows, places)), shifts);
  const uint32x4_t states = vandq_u32(shifted, vdupq_n_u32(STATE_COUNT - 1));
  const uint32x4_t products = vmulq_u32(states, vdupq_n_u32(STATE_MULTIPLIER));
  return vcvtq_f32_s32(vpaddlq_s16(vpaddlq_s8(vreinterpretq_s8_u32(products))));
}

FN vf vf_repeat(const float *p, int times) {
  return times == 2 ? vcombine_f32(vdup_n_f32(p[0]), vdup_n_f32(p[1])) : vdupq_n_f32(*p);
}
