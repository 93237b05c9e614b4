// Products with ternary matrices (docs/format.md §4.4).
//
// Code words become bits that say which weights are not zero, some thousand columns at a time; the signs are spread to
// their places there 128 columns at a time. For one token four bits at a time look up the sum of the inputs they
// stand for, and a row's two sums are multiplied by its levels. For several tokens rows become floats for the kernels of dense matrices.

enum {
  TERNARY_BUNDLE = 32,   // rows that share a stream
  TERNARY_CHUNK = 4096,  // columns at a time
  CODE_BATCH = 4,        // words read at a time: as many begin in the first byte of an eight-byte window and end in it
};

// The stream of a bundle and the signs read of it, from its last byte back. Bytes outside count as zeros.
typedef struct ternary_signs {
  const uint8_t *stream;
  size_t byte_count;
  size_t place;
} ternary_signs;

// What is left of a bundle.
typedef struct ternary_reader {
  ternary_signs signs;
  const uint64_t *strings;
  const uint8_t *lengths;
  size_t code_bits;
  size_t code_place;  // bits before the next code word
  size_t taken;       // symbols decoded and taken
  size_t ready;       // symbols decoded
  size_t left;        // symbols of the bundle that are not taken
  uint8_t nonzeros[TERNARY_CHUNK / 4 + 64];
} ternary_reader;

FN size_t bundle_begin(const cdk_ternary *w, size_t index) {
  uint32_t begin;
  memcpy(&begin, w->begins + 4 * index, sizeof begin);
  return begin < w->stream_byte_count ? begin : w->stream_byte_count;
}

FN void open_bundle(const cdk_ternary *w, size_t index, ternary_reader *reader) {
  const size_t begin = bundle_begin(w, index);
  const int is_last = (index + 1) * TERNARY_BUNDLE >= w->output_count;
  const size_t end = is_last ? w->stream_byte_count : bundle_begin(w, index + 1);
  reader->signs = (ternary_signs){w->streams + begin, end > begin ? end - begin : 0, 0};
  reader->strings = w->strings;
  reader->lengths = w->lengths;
  reader->code_bits = (size_t)w->code_bits;
  reader->code_place = reader->taken = reader->ready = 0;
  reader->left = (is_last ? w->output_count - index * TERNARY_BUNDLE : TERNARY_BUNDLE) * w->input_count;
}

FN uint64_t code_window(const uint8_t *stream, size_t byte_count, size_t place) {
  const size_t offset = place / 8;
  uint64_t window = 0;
  if (offset + 8 <= byte_count) {
    memcpy(&window, stream + offset, 8);
  } else {
    for (size_t i = byte_count; i > offset; i--) window = window << 8 | stream[i - 1];
  }
  return window >> (place % 8);
}

// The next `count` signs, at most 64; the bits above them are not cleared.
FN uint64_t next_signs(ternary_signs *signs, size_t count) {
  const size_t offset = signs->place / 8, shift = signs->place % 8;
  signs->place += count;
  uint64_t window = 0, beyond = 0;  // eight bytes, and the one after them
  if (offset + 9 <= signs->byte_count) {
    const uint8_t *bytes = signs->stream + (signs->byte_count - offset - 8);
    memcpy(&window, bytes, 8);
    window = __builtin_bswap64(window);
    beyond = bytes[-1];
  } else {
    for (size_t i = 0; i < 9 && offset + i < signs->byte_count; i++) {
      const uint64_t byte = signs->stream[signs->byte_count - 1 - offset - i];
      if (i < 8) window |= byte << (8 * i);
      else beyond = byte;
    }
  }
  window >>= shift;
  return shift + count > 64 ? window | beyond << (64 - shift) : window;
}

// Decodes until `count` symbols are ready, at most 2 * TERNARY_CHUNK.
FN void decode_nonzeros(ternary_reader *reader, size_t count) {
  const uint64_t *strings = reader->strings;
  const uint8_t *lengths = reader->lengths, *stream = reader->signs.stream;
  const size_t byte_count = reader->signs.byte_count, code_bits = reader->code_bits;
  const uint64_t code_mask = ((uint64_t)1 << code_bits) - 1;
  uint8_t *bytes = reader->nonzeros + reader->ready / 8;
  uint8_t *const end = reader->nonzeros + (count + 7) / 8;
  size_t bit = reader->ready % 8, place = reader->code_place;
  uint64_t begun = *bytes & ((1u << bit) - 1);
  while (bytes < end) {
    uint64_t window = code_window(stream, byte_count, place);
    place += CODE_BATCH * code_bits;
    for (int i = 0; i < CODE_BATCH; i++, window >>= code_bits) {
      const size_t word = window & code_mask;
      begun |= strings[word] << bit;
      memcpy(bytes, &begun, 8);
      bit += lengths[word];
      bytes += bit / 8;
      begun >>= bit & 56;  // less than 64, since no string has more than 56 symbols
      bit %= 8;
    }
  }
  reader->code_place = place;
  reader->ready = 8 * (size_t)(bytes - reader->nonzeros) + bit;
}

// Makes `count` symbols ready that are not taken, at most TERNARY_CHUNK.
FN void make_ready(ternary_reader *reader, size_t count) {
  if (reader->ready - reader->taken >= count) return;
  const size_t from = reader->taken / 8;
  memmove(reader->nonzeros, reader->nonzeros + from, reader->ready / 8 + 1 - from);
  reader->taken -= 8 * from;
  reader->ready -= 8 * from;
  const size_t wanted = reader->taken + reader->left;
  decode_nonzeros(reader, wanted < 2 * TERNARY_CHUNK ? wanted : 2 * TERNARY_CHUNK);
}

// Moves past symbols that are ready.
FN void take_symbols(ternary_reader *reader, size_t count) {
  reader->taken += count;
  reader->left -= count;
}

// Which of 128 columns have the weight +1, and which −1.
typedef struct ternary_words {
  uint64_t plus[2];
  uint64_t minus[2];
} ternary_words;

// The columns from bit `shift` of `nonzeros` on, of which those from `count` on are zeros.
FN ternary_words words_at(const uint8_t *nonzeros, size_t shift, size_t count, ternary_signs *signs) {
  uint64_t a, b;
  memcpy(&a, nonzeros, 8);
  memcpy(&b, nonzeros + 8, 8);
  if (shift > 0) {
    a = a >> shift | b << (64 - shift);
    b = b >> shift | (uint64_t)nonzeros[16] << (64 - shift);
  }
  if (count < 128) {
    a &= count < 64 ? ((uint64_t)1 << count) - 1 : ~(uint64_t)0;
    b &= count > 64 ? ((uint64_t)1 << (count - 64)) - 1 : 0;
  }
  const size_t a_count = (size_t)__builtin_popcountll(a), b_count = (size_t)__builtin_popcountll(b);
  uint64_t a_signs, b_signs;
  if (a_count + b_count <= 56) {  // so many are in eight bytes wherever they begin
    a_signs = next_signs(signs, a_count + b_count);
    b_signs = a_signs >> a_count;
  } else {
    a_signs = next_signs(signs, a_count);
    b_signs = next_signs(signs, b_count);
  }
  const uint64_t a_minus = bits_deposit(a_signs, a), b_minus = bits_deposit(b_signs, b);
  return (ternary_words){{a & ~a_minus, b & ~b_minus}, {a_minus, b_minus}};
}

typedef struct ternary_levels {
  float minus;
  float plus;
} ternary_levels;

FN ternary_levels levels_of(const cdk_ternary *w, size_t row) {
  float levels[2];
  to_float(CDK_F16, w->levels + 2 * w->levels_per_row * row, w->levels_per_row == 2 ? 2 : 1, levels);
  return w->levels_per_row == 2 ? (ternary_levels){levels[0], levels[1]} : (ternary_levels){-levels[0], levels[0]};
}

// The weights of one row.
FN void ternary_weights(ternary_reader *reader, size_t column_count, ternary_levels levels, float *out) {
  for (size_t done = 0, count; done < column_count; done += count, out += count) {
    count = column_count - done < TERNARY_CHUNK ? column_count - done : TERNARY_CHUNK;
    make_ready(reader, count);
    const uint8_t *nonzeros = reader->nonzeros + reader->taken / 8;
    for (size_t column = 0; column < count; column += 128) {
      const size_t left = count - column;
      const ternary_words words = words_at(nonzeros + column / 8, reader->taken % 8, left, &reader->signs);
      float values[128];
      float *weights = left < 128 ? values : out + column;
      for (int i = 0; i < 128 / LANES; i++) {
        const int word = i * LANES / 64, shift = i * LANES % 64;
        const vf plus = vf_add_where(vf_set(0), vf_set(levels.plus), (unsigned)(words.plus[word] >> shift));
        vf_store(weights + i * LANES,
                 vf_add_where(plus, vf_set(levels.minus), (unsigned)(words.minus[word] >> shift)));
      }
      if (left < 128) memcpy(out + column, values, left * sizeof *values);
    }
    take_symbols(reader, count);
  }
}

// One token: lanes are rows. Four columns of a row are looked up in a table of the sums that their inputs can have, and
// for that the bits of a bundle are turned round, PLANE_WORDS words of 32 columns at a time.
enum { PLANE_WORDS = 16, BUNDLE_VECTORS = TERNARY_BUNDLE / LANES, SUM_COUNT = 16 };

FN size_t plane_word_count(const cdk_ternary *w) {
  return (w->input_count + 32 * PLANE_WORDS - 1) / (32 * PLANE_WORDS) * PLANE_WORDS;
}

// For each four inputs their sums over all subsets, bit c of whose number stands for input c.
CDK_TARGET static void sums_of_inputs(const float *x, size_t count, float *sums) {
  for (size_t first = 0; first < count; first += 4, sums += SUM_COUNT) {
    for (int part = 0; part < SUM_COUNT; part += LANES) {
      vf all = vf_set(0);
      for (size_t c = 0; c < 4 && first + c < count; c++) {
        static const unsigned members[4] = {0xAAAA, 0xCCCC, 0xF0F0, 0xFF00};
        all = vf_add_where(all, vf_set(x[first + c]), members[c] >> part);
      }
      vf_store(sums + part, all);
    }
  }
}

// The bits of one row, in rows of plane_word_count() words. Those past the last column are zeros or stay what they are.
FN void decode_planes(ternary_reader *reader, size_t column_count, float *plus, float *minus) {
  ternary_signs signs = reader->signs;  // its own, since a store into the planes might change the reader's
  for (size_t done = 0, count; done < column_count; done += count) {
    count = column_count - done < TERNARY_CHUNK ? column_count - done : TERNARY_CHUNK;
    make_ready(reader, count);
    const uint8_t *nonzeros = reader->nonzeros + reader->taken / 8;
    const size_t shift = reader->taken % 8;
    for (size_t column = 0; column < count; column += 128) {
      const ternary_words words = words_at(nonzeros + column / 8, shift, count - column, &signs);
      memcpy(plus + (done + column) / 32, words.plus, 16);
      memcpy(minus + (done + column) / 32, words.minus, 16);
    }
    take_symbols(reader, count);
  }
  reader->signs = signs;
}

// lanes[row] += the inputs of 32 columns, or the first of them that groups of four say, where words[row] has ones.
FN void add_word(const float *words, const float *sums, int group_count, vf *lanes) {
  for (int i = 0; i < BUNDLE_VECTORS; i++) {
    const vn bits = vn_load(words + i * LANES);
    for (int g = 0; g < group_count; g++) {
      lanes[i] = vf_add(lanes[i], vf_of_nibbles(bits, 4 * g, sums + g * SUM_COUNT));
    }
  }
}

// y[rows of a bundle] = w·x for the x of `sums`; planes has 2 · TERNARY_BUNDLE rows of plane_word_count() words.
CDK_TARGET static void ternary_one_token(const cdk_ternary *w, size_t index, ternary_reader *reader, const float *sums,
                                         float *planes, float *y) {
  const size_t first = index * TERNARY_BUNDLE, left = w->output_count - first, stride = plane_word_count(w);
  const size_t row_count = left < TERNARY_BUNDLE ? left : TERNARY_BUNDLE;
  float *plus = planes, *minus = planes + TERNARY_BUNDLE * stride;
  if (row_count < TERNARY_BUNDLE) memset(planes, 0, 2 * TERNARY_BUNDLE * stride * sizeof *planes);
  for (size_t row = 0; row < row_count; row++) {
    decode_planes(reader, w->input_count, plus + row * stride, minus + row * stride);
  }
  vf lanes[2][BUNDLE_VECTORS];
  for (int i = 0; i < BUNDLE_VECTORS; i++) lanes[0][i] = lanes[1][i] = vf_set(0);
  const size_t group_count = (w->input_count + 3) / 4;
  for (size_t begin = 0; 8 * begin < group_count; begin += PLANE_WORDS) {
    float turned[2][PLANE_WORDS][TERNARY_BUNDLE];
    for (size_t row = 0; row < TERNARY_BUNDLE; row += LANES) {
      for (size_t word = 0; word < PLANE_WORDS; word += LANES) {
        transpose(plus + row * stride + begin + word, stride, &turned[0][word][row], TERNARY_BUNDLE);
        transpose(minus + row * stride + begin + word, stride, &turned[1][word][row], TERNARY_BUNDLE);
      }
    }
    for (size_t word = 0; word < PLANE_WORDS && 8 * (begin + word) < group_count; word++) {
      const size_t group = 8 * (begin + word);
      for (int sign = 0; sign < 2; sign++) {
        if (group_count - group < 8) {
          add_word(turned[sign][word], sums + group * SUM_COUNT, (int)(group_count - group), lanes[sign]);
        } else {
          add_word(turned[sign][word], sums + group * SUM_COUNT, 8, lanes[sign]);
        }
      }
    }
  }
  float results[2][TERNARY_BUNDLE];
  for (int i = 0; i < BUNDLE_VECTORS; i++) {
    vf_store(results[0] + i * LANES, lanes[0][i]);
    vf_store(results[1] + i * LANES, lanes[1][i]);
  }
  ternary_levels levels = levels_of(w, first);
  for (size_t row = 0; row < row_count; row++) {
    if (w->levels_per_row > 0) levels = levels_of(w, first + row);
    y[first + row] = levels.plus * results[0][row] + levels.minus * results[1][row];
  }
}

CDK_TARGET static void decode_ternary_rows(const cdk_ternary *w, size_t begin, size_t end, ternary_reader *reader,
                                           float *rows) {
  for (size_t row = begin; row < end; row++, rows += w->input_count) {
    ternary_weights(reader, w->input_count, levels_of(w, row), rows);
  }
}

CDK_TARGET static void linear_ternary(const cdk_ternary *w, size_t begin, size_t end, const float *x,
                                      size_t token_count, float *y, float *work) {
  float *planes = work + SUM_COUNT * ((w->input_count + 3) / 4);
  if (token_count == 1) sums_of_inputs(x, w->input_count, work);
  // As many rows as one tile of the dense product takes.
  const size_t step = token_count < MANY_TOKENS ? TILE_ROWS : PANEL_STRIP;
  for (size_t index = begin; index < end; index++) {
    ternary_reader reader;
    open_bundle(w, index, &reader);
    if (token_count == 1) {
      ternary_one_token(w, index, &reader, work, planes, y);
      continue;
    }
    const size_t first = index * TERNARY_BUNDLE, left = w->output_count - first;
    const size_t row_count = left < TERNARY_BUNDLE ? left : TERNARY_BUNDLE;
    for (size_t row = 0; row < row_count; row += step) {
      const size_t count = row_count - row < step ? row_count - row : step;
      decode_ternary_rows(w, first + row, first + row + count, &reader, work);
      const cdk_matrix dense = {.codes = (const uint8_t *)work, .output_count = w->output_count,
                                .input_count = w->input_count, .type = CDK_F32};
      linear(&dense, 0, count, x, token_count, y + first + row);
    }
  }
}

CDK_TARGET static void decode_ternary_row(const cdk_ternary *w, size_t row, float *out) {
  ternary_reader reader;
  open_bundle(w, row / TERNARY_BUNDLE, &reader);
  // Those before it in the bundle have to be decoded to know where it begins.
  for (size_t i = row / TERNARY_BUNDLE * TERNARY_BUNDLE; i <= row; i++) decode_ternary_rows(w, i, i + 1, &reader, out);
}
