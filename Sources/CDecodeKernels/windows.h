#ifndef CDK_WINDOWS_H
#define CDK_WINDOWS_H

// The states of a trellis (docs/format.md §4.3): windows of 12 bits over a stream, one every `bits` bits, and the value
// of a state, the sum of the four signed bytes of a product.

#include <stdint.h>

enum { STATE_BITS = 12, STATE_COUNT = 1 << STATE_BITS };

// Values are whole numbers of this part of the scale.
#define STATE_VALUE_UNIT 128.0f
#define STATE_MULTIPLIER 575547799u

// For sixteen windows from the begin of a byte, which four bytes hold each, and where in these it begins.
#define BYTES_OF(bits, i) (bits) * (i) / 8, (bits) * (i) / 8 + 1, (bits) * (i) / 8 + 2, (bits) * (i) / 8 + 3
#define FOUR(of, bits, i) of(bits, i), of(bits, (i) + 1), of(bits, (i) + 2), of(bits, (i) + 3)
#define SIXTEEN(of, bits) {FOUR(of, bits, 0), FOUR(of, bits, 4), FOUR(of, bits, 8), FOUR(of, bits, 12)}
#define SHIFT_OF(bits, i) (bits) * (i) % 8
static const uint8_t window_bytes[4][64] __attribute__((aligned(64), unused)) = {
    SIXTEEN(BYTES_OF, 1), SIXTEEN(BYTES_OF, 2), SIXTEEN(BYTES_OF, 3), SIXTEEN(BYTES_OF, 4)};
static const int32_t window_shifts[4][16] __attribute__((aligned(64), unused)) = {
    SIXTEEN(SHIFT_OF, 1), SIXTEEN(SHIFT_OF, 2), SIXTEEN(SHIFT_OF, 3), SIXTEEN(SHIFT_OF, 4)};
#undef BYTES_OF
#undef FOUR
#undef SIXTEEN
#undef SHIFT_OF

static inline __attribute__((unused)) float state_value(uint32_t state) {
  const uint32_t product = (state & (STATE_COUNT - 1)) * STATE_MULTIPLIER;
  return (float)((int8_t)product + (int8_t)(product >> 8) + (int8_t)(product >> 16) + (int8_t)(product >> 24));
}

#endif
