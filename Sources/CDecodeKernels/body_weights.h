// Weights in registers: the 64 elements of a block as 64 / LANES vectors of float, for every representation.
//
// `format` and `kind` are compile-time constants wherever these functions are used.

enum { BLOCK = 64, CHUNK_BLOCKS = 16, CHUNK = BLOCK * CHUNK_BLOCKS, VECTORS = BLOCK / LANES };

// A grouped format is its number of bits.
enum { FORMAT_F32 = 32, FORMAT_F16 = 16, FORMAT_BF16 = 17 };

// How scales lie over a block: one for all 64 elements, for each 32, for each 16, or looked up per element.
enum { KIND_DENSE = 0, KIND_64 = 64, KIND_32 = 32, KIND_16 = 16, KIND_ANY = 1 };

FN int format_of(const cdk_matrix *w) {
  if (w->bits) return w->bits;
  return w->type == CDK_F32 ? FORMAT_F32 : w->type == CDK_F16 ? FORMAT_F16 : FORMAT_BF16;
}

FN int kind_of(const cdk_matrix *w) {
  if (!w->bits) return KIND_DENSE;
  const size_t group = w->group_element_count;
  return group % 64 == 0 ? KIND_64 : group == 32 ? KIND_32 : group == 16 ? KIND_16 : KIND_ANY;
}

// Calls CASE(format, kind) for the pair that `w` has, with constants.
#define KINDS_OF(BITS, CASE)                    \
  case BITS * 128 + KIND_64: CASE(BITS, KIND_64)   \
  case BITS * 128 + KIND_32: CASE(BITS, KIND_32)   \
  case BITS * 128 + KIND_16: CASE(BITS, KIND_16)   \
  case BITS * 128 + KIND_ANY: CASE(BITS, KIND_ANY)
#define SPECIALISE(w, CASE)                                          \
  switch (format_of(w) * 128 + kind_of(w)) {                         \
    case FORMAT_F32 * 128: CASE(FORMAT_F32, KIND_DENSE)              \
    case FORMAT_F16 * 128: CASE(FORMAT_F16, KIND_DENSE)              \
    case FORMAT_BF16 * 128: CASE(FORMAT_BF16, KIND_DENSE)            \
    KINDS_OF(2, CASE) KINDS_OF(3, CASE) KINDS_OF(4, CASE) KINDS_OF(5, CASE) \
    KINDS_OF(6, CASE) KINDS_OF(7, CASE) KINDS_OF(8, CASE)            \
  }

FN size_t block_byte_count(int format) {
  return format == FORMAT_F32 ? 4 * BLOCK : format >= FORMAT_F16 ? 2 * BLOCK : (size_t)format * 8;
}

// Where the first byte of block `block` of a row is.
FN const uint8_t *block_at(const cdk_matrix *w, size_t row, size_t block, int format) {
  if (format >= FORMAT_F16) {
    return w->codes + (row * w->input_count + block * BLOCK) * (format == FORMAT_F32 ? 4 : 2);
  }
  return w->codes + (row * ((w->input_count + BLOCK - 1) / BLOCK) + block) * block_byte_count(format);
}

// weight = scale · code + bias, for each unit of a chunk; a unit is `kind` elements.
// In 16-bit scale types both products are exact, so a weight is rounded once, as in the oracle.
typedef struct grid {
  float scale[CHUNK];
  float bias[CHUNK];
} grid;

FN void load_grid(const cdk_matrix *w, size_t row, size_t block, size_t block_count, int bits, int kind, grid *g) {
  const size_t group = w->group_element_count, group_count = w->input_count / group;
  const size_t unit = (size_t)kind, unit_count = block_count * BLOCK / unit;
  const size_t element_size = type_byte_count(w->type);
  const size_t first = block * BLOCK / group;
  size_t end = ((block + block_count) * BLOCK + group - 1) / group;
  if (end > group_count) end = group_count;
  const size_t count = end - first;
  const uint8_t *scales = w->scales + (row * group_count + first) * element_size;
  const uint8_t *zeros = w->zeros ? w->zeros + row * group_count + first : NULL;
  grid groups, *loaded = group == unit ? g : &groups;
  to_float(w->type, scales, count, loaded->scale);
  if (zeros) {
    const float step = -1.0f / (float)(1 << (8 - bits));
    for (size_t i = 0; i < count; i++) loaded->bias[i] = loaded->scale[i] * (step * (float)zeros[i]);
  } else {
    const float middle = -(float)(1 << (bits - 1));
    for (size_t i = 0; i < count; i++) loaded->bias[i] = loaded->scale[i] * middle;
  }
  size_t i = 0;
  if (group == unit) {
    i = count;
  } else {
    size_t used = block * BLOCK % group;
    for (size_t index = 0; index < count; used = 0, index++) {
      for (; used < group && i < unit_count; used += unit, i++) {
        g->scale[i] = groups.scale[index];
        g->bias[i] = groups.bias[index];
      }
    }
  }
  for (; i < unit_count; i++) g->scale[i] = g->bias[i] = 0;  // the filling of the row's last block
}

#if LANES == 1

FN int digits(const uint8_t *plane, int width, int element) {
  if (width == 1) return plane[element >> 3] >> (element & 7) & 1;
  const int byte_count = 8 * width;
  return plane[element % byte_count] >> (width * (element / byte_count)) & ((1 << width) - 1);
}

FN vf vf_codes(const uint8_t *block, int bits, int element) {
  switch (bits) {
    case 3: return (float)(digits(block, 2, element) | digits(block + 16, 1, element) << 2);
    case 5: return (float)(digits(block, 4, element) | digits(block + 32, 1, element) << 4);
    case 6: return (float)(digits(block, 4, element) | digits(block + 32, 2, element) << 4);
    case 7:
      return (float)(digits(block, 4, element) | digits(block + 32, 2, element) << 4 |
                     digits(block + 48, 1, element) << 6);
    default: return (float)digits(block, bits, element);
  }
}

#else

// Sixteen codes' digits from a sub-plane; `quarter` says which sixteen of the 64.
FN vb vb_digits(const uint8_t *plane, int width, int quarter) {
  switch (width) {
    case 8: return vb_load(plane + 16 * quarter);
    case 4: return vb_low_bits(vb_shift_right(vb_load(plane + 16 * (quarter & 1)), 4 * (quarter >> 1)), 4);
    case 2: return vb_low_bits(vb_shift_right(vb_load(plane), 2 * quarter), 2);
    default: return vb_spread_bits(plane + 2 * quarter);
  }
}

FN vb vb_codes(const uint8_t *block, int bits, int quarter) {
  switch (bits) {
    case 3: return vb_join(vb_digits(block, 2, quarter), vb_digits(block + 16, 1, quarter), 2);
    case 5: return vb_join(vb_digits(block, 4, quarter), vb_digits(block + 32, 1, quarter), 4);
    case 6: return vb_join(vb_digits(block, 4, quarter), vb_digits(block + 32, 2, quarter), 4);
    case 7:
      return vb_join(vb_join(vb_digits(block, 4, quarter), vb_digits(block + 32, 2, quarter), 4),
                     vb_digits(block + 48, 1, quarter), 6);
    default: return vb_digits(block, bits, quarter);
  }
}

FN vf vf_codes(const uint8_t *block, int bits, int index) {
  return vf_widen(vb_codes(block, bits, index * LANES / 16), index % (16 / LANES));
}

#endif

// Vector `index` of a block. `scale` and `bias` are those of the block's first unit.
FN vf vf_weights(const uint8_t *block, const float *scale, const float *bias, int format, int kind, int index) {
  if (format == FORMAT_F32) return vf_load_f32(block + 4 * LANES * index);
  if (format == FORMAT_F16) return vf_load_f16(block + 2 * LANES * index);
  if (format == FORMAT_BF16) return vf_load_bf16(block + 2 * LANES * index);
  if (kind == KIND_ANY) {
    return vf_fma(vf_codes(block, format, index), vf_load(scale + LANES * index), vf_load(bias + LANES * index));
  }
  const int unit = index * LANES / kind;
#ifdef LANES_LOOK_UP
  if (format < 8) return vf_look_up(block, format, index, scale[unit], bias[unit]);
#endif
  return vf_fma(vf_codes(block, format, index), vf_set(scale[unit]), vf_set(bias[unit]));
}

// Writes `count` weights of a row, from the first of block `block` on; count <= CHUNK.
FN void decode_chunk(const cdk_matrix *w, size_t row, size_t block, size_t count, int format, int kind, float *out) {
  grid g;
  const size_t stride = block_byte_count(format), units = kind == KIND_DENSE ? 0 : BLOCK / (size_t)kind;
  const size_t full = count / BLOCK, rest = count % BLOCK;
  if (kind != KIND_DENSE) load_grid(w, row, block, (count + BLOCK - 1) / BLOCK, format, kind, &g);
  const uint8_t *codes = block_at(w, row, block, format);
  for (size_t b = 0; b < full; b++) {
    for (int i = 0; i < VECTORS; i++) {
      vf_store(out + BLOCK * b + i * LANES,
               vf_weights(codes + b * stride, g.scale + b * units, g.bias + b * units, format, kind, i));
    }
  }
  if (rest == 0) return;
  float last[BLOCK];
  uint8_t filled[4 * BLOCK] = {0};
  codes += full * stride;
  if (kind == KIND_DENSE) codes = memcpy(filled, codes, rest * (stride / BLOCK));
  for (int i = 0; i < VECTORS; i++) {
    vf_store(last + i * LANES, vf_weights(codes, g.scale + full * units, g.bias + full * units, format, kind, i));
  }
  memcpy(out + BLOCK * full, last, rest * 4);
}

// `count` weights of a row from block `block` on; count <= CHUNK.
CDK_TARGET static void decode_values(const cdk_matrix *w, size_t row, size_t block, size_t count, float *out) {
#define DECODE_VALUES(FORMAT, KIND)                           \
  decode_chunk(w, row, block, count, FORMAT, KIND, out);      \
  return;
  SPECIALISE(w, DECODE_VALUES)
#undef DECODE_VALUES
}
