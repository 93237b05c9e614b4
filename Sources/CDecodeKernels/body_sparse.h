// Sparse matrices: kept elements are decoded as those of any matrix, into the first-level cache, and from there spread
// to their places a unit at a time.
//
// A chunk of a sparse matrix is BLOCK units. So it begins with a whole block of kept elements and with a whole byte of
// numbers, whatever the pattern.

enum { UNIT = 16, UNIT_VECTORS = UNIT / LANES };

FN size_t input_count_of(const cdk_matrix *w) { return w->places ? w->places->input_count : w->input_count; }
FN size_t chunk_of(const cdk_matrix *w) { return w->places ? BLOCK * w->places->unit_element_count : CHUNK; }

// The part of a row that makes one chunk.
typedef struct sparse_chunk {
  const uint8_t *numbers;                  // of its units, and some bytes more
  uint8_t row_end[BLOCK * UNIT / 8 + 4];   // holds them where the row ends
  float kept[CHUNK + UNIT];                // vf_expand may read past the end
} sparse_chunk;

// Loads the chunk that begins with element `first` of a row.
FN void load_sparse_chunk(const cdk_matrix *w, size_t row, size_t first, sparse_chunk *chunk) {
  const cdk_places *places = w->places;
  const size_t units = first / places->unit_element_count, done = units * places->unit_kept_count;
  const size_t left = w->input_count - done, most = BLOCK * places->unit_kept_count;
  decode_values(w, row, done / BLOCK, left < most ? left : most, chunk->kept);

  const size_t begin = units * places->unit_bit_count / 8, bytes_left = places->row_byte_count - begin;
  chunk->numbers = places->numbers + row * places->row_byte_count + begin;
  if (bytes_left < sizeof chunk->row_end) {
    memcpy(chunk->row_end, chunk->numbers, bytes_left);
    memset(chunk->row_end + bytes_left, 0, sizeof chunk->row_end - bytes_left);
    chunk->numbers = chunk->row_end;
  }
}

// Which elements of unit `u` of a chunk are kept.
FN unsigned mask_of(const cdk_places *places, const sparse_chunk *chunk, size_t u) {
  const size_t bit = u * places->unit_bit_count;
  uint32_t word;
  memcpy(&word, chunk->numbers + (bit >> 3), 4);
  return places->masks[word >> (bit & 7) & ((1u << places->unit_bit_count) - 1)];
}

// Vector i of a unit; `kept` moves past what it takes.
FN vf vf_of_unit(const float **kept, unsigned mask, int i) {
  const unsigned part = LANES == UNIT ? mask : mask >> (i * LANES) & ((1u << LANES) - 1);
  const vf elements = vf_expand(*kept, part);
  const uint64_t ones_of_nibbles = 0x4332322132212110u;
  if (LANES < UNIT) *kept += LANES > 4 ? (uint64_t)__builtin_popcount(part) : ones_of_nibbles >> 4 * part & 15;
  return elements;
}

// Writes `count` elements of a chunk from unit `u` on; there must be room for UNIT from the last unit's first on.
FN void expand_units(const cdk_places *places, const sparse_chunk *chunk, size_t u, size_t count, float *out) {
  const size_t unit = places->unit_element_count;
  for (size_t done = 0; done < count; done += unit, u++) {
    const float *kept = chunk->kept + u * places->unit_kept_count;
    const unsigned in_row = count - done < UNIT ? (1u << (count - done)) - 1 : 0xFFFF;
    const unsigned mask = mask_of(places, chunk, u) & in_row;
    for (int i = 0; i < UNIT_VECTORS; i++) vf_store(out + done + i * LANES, vf_of_unit(&kept, mask, i));
  }
}

// `count` weights of a row from weight `first` on, which begins a chunk. Writes into a buffer of CHUNK elements.
CDK_TARGET static void decode_part(const cdk_matrix *w, size_t row, size_t first, size_t count, float *out) {
  if (!w->places) {
    decode_values(w, row, first / BLOCK, count, out);
    return;
  }
  sparse_chunk chunk;
  load_sparse_chunk(w, row, first, &chunk);
  expand_units(w->places, &chunk, 0, count, out);
}

CDK_TARGET static void decode_row(const cdk_matrix *w, size_t row, float *out) {
  const size_t width = input_count_of(w), chunk = chunk_of(w);
  for (size_t done = 0; done < width; done += chunk) {
    const size_t count = width - done < chunk ? width - done : chunk;
    if (w->places) {
      float part[CHUNK];
      decode_part(w, row, done, count, part);
      memcpy(out + done, part, count * 4);
    } else {
      decode_part(w, row, done, count, out + done);
    }
  }
}

CDK_TARGET static float sparse_row_dot(const cdk_matrix *w, size_t row, const float *x) {
  const cdk_places *places = w->places;
  const size_t unit = places->unit_element_count, step = chunk_of(w);
  sparse_chunk chunk;
  vf sums[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
  float sum = 0;
  for (size_t done = 0; done < places->input_count; done += step, x += step) {
    const size_t left = places->input_count - done, count = left < step ? left : step;
    load_sparse_chunk(w, row, done, &chunk);
    size_t u = 0;
    // Four units with a sum each. The lanes past a shorter unit multiply the inputs that follow by zero.
    for (; (u + 4) * unit <= count && (u + 3) * unit + UNIT <= left; u += 4) {
      for (size_t k = 0; k < 4; k++) {
        const float *kept = chunk.kept + (u + k) * places->unit_kept_count;
        const unsigned mask = mask_of(places, &chunk, u + k);
        for (int i = 0; i < UNIT_VECTORS; i++) {
          const vf inputs = vf_load(x + (u + k) * unit + i * LANES);
          sums[k] = vf_fma(vf_of_unit(&kept, mask, i), inputs, sums[k]);
        }
      }
    }
    const size_t rest = count - u * unit;  // less than four units and UNIT
    float last[5 * UNIT];
    expand_units(places, &chunk, u, rest, last);
    for (size_t i = 0; i < rest; i++) sum += last[i] * x[u * unit + i];
  }
  return sum + vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
}
