// Products for many tokens: a panel of weights lies column by column, so that lanes are rows and an input is the same
// for all of them. Nothing is summed across lanes, and every result is summed in one order, whatever tile it falls in.

enum {
  PANEL_VECTORS = LANES == 1 ? 4 : 2,
  PANEL_STRIP = PANEL_VECTORS * LANES,  // rows whose sums stay in registers
  PANEL_TOKENS = 128,                   // tokens that share a panel
};

// sums[token][row] += panel[column][row] · x[token][column] for PANEL_STRIP rows; `tokens` is a constant.
FN void panel_tile(const float *panel, size_t panel_stride, size_t count, const float *x, size_t x_stride, int tokens,
                   float *sums, size_t sums_stride) {
  vf lanes[TILE_TOKENS][PANEL_VECTORS];
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < PANEL_VECTORS; i++) lanes[t][i] = vf_load(sums + (size_t)t * sums_stride + i * LANES);
  }
  for (size_t column = 0; column < count; column++, panel += panel_stride) {
    vf weights[PANEL_VECTORS];
    for (int i = 0; i < PANEL_VECTORS; i++) weights[i] = vf_load(panel + i * LANES);
    for (int t = 0; t < tokens; t++) {
      const vf input = vf_set(x[(size_t)t * x_stride + column]);
      for (int i = 0; i < PANEL_VECTORS; i++) lanes[t][i] = vf_fma(weights[i], input, lanes[t][i]);
    }
  }
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < PANEL_VECTORS; i++) vf_store(sums + (size_t)t * sums_stride + i * LANES, lanes[t][i]);
  }
}

// The same for `row_count` rows, rounded up to strips, and any number of tokens.
FN void panel_product(const float *panel, size_t panel_stride, size_t row_count, size_t count, const float *x,
                      size_t x_stride, size_t token_count, float *sums, size_t sums_stride) {
  for (size_t row = 0; row < row_count; row += PANEL_STRIP) {
    size_t token = 0;
#define TILES(TOKENS)                                                                              \
  for (; token_count - token >= TOKENS; token += TOKENS) {                                         \
    panel_tile(panel + row, panel_stride, count, x + token * x_stride, x_stride, TOKENS,           \
               sums + token * sums_stride + row, sums_stride);                                     \
  }
    TILES(TILE_TOKENS)
#if TILE_TOKENS > 4
    TILES(4)
#endif
    TILES(1)
#undef TILES
  }
}

// Rows of a matrix that become a panel of one strip, as many columns at a time as one decoding gives.
enum { PANEL_COLUMNS = 256 };

#if LANES == 1
FN void transpose(const float *rows, size_t row_stride, float *columns, size_t column_stride) {
  (void)row_stride, (void)column_stride;
  *columns = *rows;
}
#else
// Lane l of the two halves that a step of distance d makes of two vectors.
#define FIRST(l, d) ((l) & (d) ? LANES + (l) - (d) : (l))
#define SECOND(l, d) ((l) & (d) ? LANES + (l) : (l) + (d))
#define FOUR(HALF, l, d) HALF(l, d), HALF(l + 1, d), HALF(l + 2, d), HALF(l + 3, d)
#if LANES == 16
#define ALL(HALF, d) FOUR(HALF, 0, d), FOUR(HALF, 4, d), FOUR(HALF, 8, d), FOUR(HALF, 12, d)
#elif LANES == 8
#define ALL(HALF, d) FOUR(HALF, 0, d), FOUR(HALF, 4, d)
#else
#define ALL(HALF, d) FOUR(HALF, 0, d)
#endif
#define EXCHANGE(d)                                                       \
  for (int i = 0; i < LANES; i++) {                                       \
    if (i & d) continue;                                                  \
    const vf a = square[i], b = square[i + d];                            \
    square[i] = __builtin_shufflevector(a, b, ALL(FIRST, d));             \
    square[i + d] = __builtin_shufflevector(a, b, ALL(SECOND, d));        \
  }

// LANES rows of LANES elements become columns.
FN void transpose(const float *rows, size_t row_stride, float *columns, size_t column_stride) {
  vf square[LANES];
  for (int i = 0; i < LANES; i++) square[i] = vf_load(rows + (size_t)i * row_stride);
  EXCHANGE(1)
  EXCHANGE(2)
#if LANES > 4
  EXCHANGE(4)
#endif
#if LANES > 8
  EXCHANGE(8)
#endif
  for (int i = 0; i < LANES; i++) vf_store(columns + (size_t)i * column_stride, square[i]);
}
#undef FIRST
#undef SECOND
#undef FOUR
#undef ALL
#undef EXCHANGE
#endif

// Columns done..<done + count of rows row..<row + row_count, at most PANEL_STRIP, as (count, PANEL_STRIP). `rows` has
// room for LANES rows of `stride` elements; what it held stands in for rows past the end.
CDK_TARGET static void decode_panel(const cdk_matrix *w, size_t row, size_t row_count, size_t done, size_t count,
                                    float *rows, size_t stride, float *panel) {
  for (size_t first = 0; first < PANEL_STRIP; first += LANES) {
    for (size_t r = 0; r < LANES && first + r < row_count; r++) {
      decode_part(w, row + first + r, done, count, rows + r * stride);
    }
    for (size_t column = 0; column < count; column += LANES) {
      transpose(rows + column, stride, panel + column * PANEL_STRIP + first, PANEL_STRIP);
    }
  }
}

// y = x·Wᵀ for many tokens, whose inputs and results lie so far apart.
CDK_TARGET static void linear_many_tokens(const cdk_matrix *w, size_t begin, size_t end, const float *x,
                                          size_t x_stride, size_t token_count, float *y, size_t y_stride) {
  const size_t width = input_count_of(w), chunk = w->places ? chunk_of(w) : PANEL_COLUMNS;
  float rows[LANES * CHUNK], panel[CHUNK * PANEL_STRIP], sums[PANEL_TOKENS * PANEL_STRIP];
  memset(rows, 0, LANES * chunk * sizeof *rows);
  for (size_t row = begin; row < end; row += PANEL_STRIP) {
    const size_t row_count = end - row < PANEL_STRIP ? end - row : PANEL_STRIP;
    for (size_t token = 0; token < token_count; token += PANEL_TOKENS) {
      const size_t tokens = token_count - token < PANEL_TOKENS ? token_count - token : PANEL_TOKENS;
      for (size_t done = 0; done < width; done += chunk) {
        const size_t count = width - done < chunk ? width - done : chunk;
        decode_panel(w, row, row_count, done, count, rows, chunk, panel);
        memset(sums, 0, tokens * PANEL_STRIP * sizeof *sums);
        panel_product(panel, PANEL_STRIP, PANEL_STRIP, count, x + token * x_stride + done, x_stride, tokens, sums,
                      PANEL_STRIP);
        for (size_t t = 0; t < tokens; t++) {
          float *results = y + (token + t) * y_stride + row;
          const float *chunk_sums = sums + t * PANEL_STRIP;
          for (size_t r = 0; r < row_count; r++) results[r] = done == 0 ? chunk_sums[r] : results[r] + chunk_sums[r];
        }
      }
    }
  }
}
