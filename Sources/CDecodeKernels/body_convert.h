// Between float and the storage types.

CDK_TARGET static void to_float(cdk_type type, const uint8_t *elements, size_t count, float *out) {
  size_t i = 0;
  switch (type) {
    case CDK_F32: memcpy(out, elements, 4 * count); return;
    case CDK_F16:
      for (; i + LANES <= count; i += LANES) vf_store(out + i, vf_load_f16(elements + 2 * i));
      for (; i < count; i++) out[i] = f16_at(elements + 2 * i);
      return;
    case CDK_BF16:
      for (; i + LANES <= count; i += LANES) vf_store(out + i, vf_load_bf16(elements + 2 * i));
      for (; i < count; i++) out[i] = bf16_at(elements + 2 * i);
  }
}

CDK_TARGET static void from_float(cdk_type type, const float *values, size_t count, uint8_t *out) {
  size_t i = 0;
  switch (type) {
    case CDK_F32: memcpy(out, values, 4 * count); return;
    case CDK_F16:
      for (; i + LANES <= count; i += LANES) vf_store_f16(out + 2 * i, vf_load(values + i));
      for (; i < count; i++) memcpy(out + 2 * i, &(uint16_t){f16_bits(values[i])}, 2);
      return;
    case CDK_BF16:
      for (; i + LANES <= count; i += LANES) vf_store_bf16(out + 2 * i, vf_load(values + i));
      for (; i < count; i++) memcpy(out + 2 * i, &(uint16_t){bf16_bits(values[i])}, 2);
  }
}

CDK_TARGET static size_t first_non_finite(const float *x, size_t count) {
  size_t i = 0;
  while (i + LANES <= count && vf_is_finite(vf_load(x + i))) i += LANES;
  while (i < count && (float_bits(x[i]) & 0x7F800000u) != 0x7F800000u) i++;
  return i;
}
