// Products with trellis-coded matrices.
//
// Lanes are rows: y[rows] += w[rows] · x[column], column after column, so that every result is summed in one order
// however rows and tokens are shared out. Up to the end a weight is a whole number; the scales come last.

enum {
  TRELLIS_TILE = 128,  // rows of a tile
  CHUNK_ROWS = 16,
  CHUNK_VECTORS = CHUNK_ROWS / LANES,
  STRIP_CHUNKS = LANES == 16 ? 8 : LANES == 8 ? 4 : 1,  // chunks whose sums stay in registers
  TRELLIS_COLUMNS = 64,  // of a panel
};

// Rows that have one stream per column, of stream_byte_count bytes: 2 · bits for each chunk of sixteen rows.
typedef struct trellis_tile {
  const uint8_t *streams;
  size_t stream_byte_count;
  size_t chunk_count;
  size_t row_count;
  float scales[TRELLIS_TILE];
} trellis_tile;

FN void load_trellis_tile(const cdk_trellis *w, size_t index, trellis_tile *tile) {
  const size_t first = index * TRELLIS_TILE, rest = w->output_count - first;
  tile->streams = w->codes + first / 8 * (size_t)w->bits * w->input_count;
  tile->row_count = rest < TRELLIS_TILE ? rest : TRELLIS_TILE;
  tile->chunk_count = (tile->row_count + CHUNK_ROWS - 1) / CHUNK_ROWS;
  tile->stream_byte_count = tile->chunk_count * 2 * (size_t)w->bits;
  to_float(CDK_F16, w->scales + 2 * first, tile->row_count, tile->scales);
  for (size_t row = 0; row < tile->row_count; row++) tile->scales[row] *= 1.0f / STATE_VALUE_UNIT;
}

// The bytes that hold the windows of a chunk. Those of a stream's last chunk run on into its begin.
FN vw chunk_windows(const uint8_t *chunk, const uint8_t *stream, int is_last, int bits) {
  return is_last ? vw_closing(chunk, stream, bits) : vw_load(chunk);
}

// Calls CASE(bits) with a constant.
#define TRELLIS_BITS(bits, CASE) \
  switch (bits) {                \
    case 1: CASE(1) break;       \
    case 2: CASE(2) break;       \
    case 3: CASE(3) break;       \
    default: CASE(4) break;      \
  }

// y[rows of `count` chunks from `first` on] = w·x for one token; count, closes and bits are constants. `closes` when
// the last chunk is the stream's last.
FN void trellis_strip(const trellis_tile *tile, size_t first, int count, int closes, int bits, size_t column_count,
                      const float *x, float *y) {
  vf sums[STRIP_CHUNKS][CHUNK_VECTORS];
  for (int c = 0; c < count; c++) {
    for (int i = 0; i < CHUNK_VECTORS; i++) sums[c][i] = vf_set(0);
  }
  const uint8_t *stream = tile->streams;
  for (size_t column = 0; column < column_count; column++, stream += tile->stream_byte_count) {
    __builtin_prefetch(stream + PREFETCH_BYTES);
    const vf input = vf_set(x[column]);
    const uint8_t *chunk = stream + first * 2 * (size_t)bits;
    for (int c = 0; c < count; c++, chunk += 2 * bits) {
      const vw windows = chunk_windows(chunk, stream, closes && c == count - 1, bits);
      for (int i = 0; i < CHUNK_VECTORS; i++) sums[c][i] = vf_fma(vf_states(windows, bits, i), input, sums[c][i]);
    }
  }
  float results[STRIP_CHUNKS * CHUNK_ROWS];
  for (int c = 0; c < count; c++) {
    for (int i = 0; i < CHUNK_VECTORS; i++) vf_store(results + c * CHUNK_ROWS + i * LANES, sums[c][i]);
  }
  const size_t begin = first * CHUNK_ROWS;
  for (size_t row = begin; row < begin + (size_t)count * CHUNK_ROWS && row < tile->row_count; row++) {
    y[row] = results[row - begin] * tile->scales[row];
  }
}

CDK_TARGET static void trellis_one_token(const trellis_tile *tile, int bits, size_t column_count, const float *x,
                                         float *y) {
#define STRIPS(BITS)                                                                                              \
  for (size_t first = 0, count; first < tile->chunk_count; first += count) {                                      \
    count = tile->chunk_count - first < STRIP_CHUNKS ? 1 : STRIP_CHUNKS;                                          \
    const int closes = first + count == tile->chunk_count;                                                        \
    if (count == 1 && closes) trellis_strip(tile, first, 1, 1, BITS, column_count, x, y);                         \
    else if (count == 1) trellis_strip(tile, first, 1, 0, BITS, column_count, x, y);                              \
    else if (closes) trellis_strip(tile, first, STRIP_CHUNKS, 1, BITS, column_count, x, y);                       \
    else trellis_strip(tile, first, STRIP_CHUNKS, 0, BITS, column_count, x, y);                                   \
  }
  TRELLIS_BITS(bits, STRIPS)
#undef STRIPS
}

// The values of columns first..<first + count, (columns, TRELLIS_TILE), without scales.
FN void trellis_panel(const trellis_tile *tile, size_t first, size_t count, int bits, float *panel) {
  for (size_t column = 0; column < count; column++) {
    const uint8_t *stream = tile->streams + (first + column) * tile->stream_byte_count;
    for (size_t c = 0; c < tile->chunk_count; c++) {
      const vw windows = chunk_windows(stream + c * 2 * (size_t)bits, stream, c + 1 == tile->chunk_count, bits);
      float *values = panel + column * TRELLIS_TILE + c * CHUNK_ROWS;
      for (int i = 0; i < CHUNK_VECTORS; i++) vf_store(values + i * LANES, vf_states(windows, bits, i));
    }
  }
}

CDK_TARGET static void decode_trellis_panel(const trellis_tile *tile, size_t first, size_t count, int bits,
                                            float *panel) {
#define PANEL(BITS) trellis_panel(tile, first, count, BITS, panel);
  TRELLIS_BITS(bits, PANEL)
#undef PANEL
}

CDK_TARGET static void trellis_tokens(const trellis_tile *tile, int bits, size_t column_count, const float *x,
                                      size_t token_count, float *y, size_t y_stride) {
  float panel[TRELLIS_COLUMNS * TRELLIS_TILE] = {0};  // rows past the end keep their zeros
  float sums[PANEL_TOKENS * TRELLIS_TILE];
  for (size_t token = 0; token < token_count; token += PANEL_TOKENS) {
    const size_t tokens = token_count - token < PANEL_TOKENS ? token_count - token : PANEL_TOKENS;
    memset(sums, 0, tokens * TRELLIS_TILE * sizeof *sums);
    for (size_t first = 0; first < column_count; first += TRELLIS_COLUMNS) {
      const size_t count = column_count - first < TRELLIS_COLUMNS ? column_count - first : TRELLIS_COLUMNS;
      decode_trellis_panel(tile, first, count, bits, panel);
      panel_product(panel, TRELLIS_TILE, tile->row_count, count, x + token * column_count + first, column_count, tokens,
                    sums, TRELLIS_TILE);
    }
    for (size_t t = 0; t < tokens; t++) {
      float *results = y + (token + t) * y_stride;
      for (size_t row = 0; row < tile->row_count; row++) {
        results[row] = sums[t * TRELLIS_TILE + row] * tile->scales[row];
      }
    }
  }
}

CDK_TARGET static void linear_trellis(const cdk_trellis *w, size_t begin, size_t end, const float *x,
                                      size_t token_count, float *y) {
  for (size_t index = begin; index < end; index++) {
    trellis_tile tile;
    load_trellis_tile(w, index, &tile);
    float *results = y + index * TRELLIS_TILE;
    if (token_count == 1) {
      trellis_one_token(&tile, w->bits, w->input_count, x, results);
    } else {
      trellis_tokens(&tile, w->bits, w->input_count, x, token_count, results, w->output_count);
    }
  }
}

CDK_TARGET static void decode_trellis_row(const cdk_trellis *w, size_t row, float *out) {
  trellis_tile tile;
  load_trellis_tile(w, row / TRELLIS_TILE, &tile);
  const size_t place = row % TRELLIS_TILE, bit_count = 8 * tile.stream_byte_count;
  const uint8_t *stream = tile.streams;
  for (size_t column = 0; column < w->input_count; column++, stream += tile.stream_byte_count) {
    // Three bytes, going on at the stream's begin, hold any window.
    const size_t bit = place * (size_t)w->bits, byte = bit / 8;
    uint32_t bytes = 0;
    for (size_t i = 0; i < 3; i++) bytes |= (uint32_t)stream[(byte + i) % (bit_count / 8)] << (8 * i);
    out[column] = state_value(bytes >> (bit % 8)) * tile.scales[place];
  }
}
