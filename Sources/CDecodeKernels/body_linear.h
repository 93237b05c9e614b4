// y = x·Wᵀ. One token multiplies weights straight from registers. A few share the decoding of TILE_ROWS rows by CHUNK
// inputs that stay in the first-level cache, inputs being the lanes. From MANY_TOKENS on rows are the lanes, which needs
// no sums across them but the panel turned round. Every result is summed in one order, whatever tile it falls in.

enum { TILE_ROWS = 4, MANY_TOKENS = 48 };

// How far ahead codes are asked for. The processor's own prefetcher stops at each page; this brought 4-bit rows from 14
// to 20 billion weights a second on one core.
enum { PREFETCH_BYTES = 2048 };

FN float row_dot(const cdk_matrix *w, size_t row, const float *x, int format, int kind) {
  grid g;
  const size_t stride = block_byte_count(format), units = kind == KIND_DENSE ? 0 : BLOCK / (size_t)kind;
  const size_t full = w->input_count / BLOCK, rest = w->input_count % BLOCK;
  const uint8_t *codes = block_at(w, row, 0, format);
  vf sums[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
  for (size_t first = 0; first < full; first += CHUNK_BLOCKS) {
    const size_t count = full - first < CHUNK_BLOCKS ? full - first : CHUNK_BLOCKS;
    if (kind != KIND_DENSE) load_grid(w, row, first, count, format, kind, &g);
    for (size_t b = 0; b < count; b++, codes += stride, x += BLOCK) {
      for (size_t line = 0; line < stride; line += 64) __builtin_prefetch(codes + PREFETCH_BYTES + line);
      for (int i = 0; i < VECTORS; i++) {
        const vf weights = vf_weights(codes, g.scale + b * units, g.bias + b * units, format, kind, i);
        sums[i % 4] = vf_fma(weights, vf_load(x + i * LANES), sums[i % 4]);
      }
    }
  }
  float sum = vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
  if (rest) {
    float last[BLOCK];
    decode_values(w, row, full, rest, last);
    for (size_t i = 0; i < rest; i++) sum += last[i] * x[i];
  }
  return sum;
}

CDK_TARGET static void linear_one_token(const cdk_matrix *w, size_t begin, size_t end, const float *x, float *y) {
  if (w->places) {
    for (size_t row = begin; row < end; row++) y[row] = sparse_row_dot(w, row, x);
    return;
  }
#define ROWS(FORMAT, KIND)                                                        \
  for (size_t row = begin; row < end; row++) y[row] = row_dot(w, row, x, FORMAT, KIND); \
  return;
  SPECIALISE(w, ROWS)
#undef ROWS
}

// sums[r][t] = panel row r · token t over `count` inputs; `tokens` is a constant.
FN void tile(const float *panel, const float *x, size_t x_stride, size_t count, int tokens,
             float sums[TILE_ROWS][FEW_TOKENS]) {
  vf lanes[TILE_ROWS][FEW_TOKENS];
  for (int r = 0; r < TILE_ROWS; r++) {
    for (int t = 0; t < tokens; t++) lanes[r][t] = vf_set(0);
  }
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vf inputs[FEW_TOKENS];
    for (int t = 0; t < tokens; t++) inputs[t] = vf_load(x + (size_t)t * x_stride + i);
    for (int r = 0; r < TILE_ROWS; r++) {
      const vf weights = vf_load(panel + r * CHUNK + i);
      for (int t = 0; t < tokens; t++) lanes[r][t] = vf_fma(weights, inputs[t], lanes[r][t]);
    }
  }
  for (int r = 0; r < TILE_ROWS; r++) {
    for (int t = 0; t < tokens; t++) {
      sums[r][t] = vf_sum(lanes[r][t]);
      for (size_t k = i; k < count; k++) sums[r][t] += panel[r * CHUNK + k] * x[(size_t)t * x_stride + k];
    }
  }
}

CDK_TARGET static void tile_of_tokens(const float *panel, const float *x, size_t x_stride, size_t count, size_t tokens,
                                      float sums[TILE_ROWS][FEW_TOKENS]) {
  switch (tokens) {
    case 1: tile(panel, x, x_stride, count, 1, sums); break;
    case 2: tile(panel, x, x_stride, count, 2, sums); break;
#if FEW_TOKENS > 2
    case 3: tile(panel, x, x_stride, count, 3, sums); break;
#endif
#if FEW_TOKENS > 3
    case 4: tile(panel, x, x_stride, count, 4, sums); break;
    case 5: tile(panel, x, x_stride, count, 5, sums); break;
    case 6: tile(panel, x, x_stride, count, 6, sums); break;
#endif
  }
}

// The product for less than MANY_TOKENS tokens, whose inputs and results lie so far apart.
CDK_TARGET static void linear_few_tokens(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t x_stride,
                                         size_t token_count, float *y, size_t y_stride) {
  const size_t width = input_count_of(w), chunk = chunk_of(w);
  float panel[TILE_ROWS * CHUNK] = {0};  // rows past the end keep what they had, and their results are not stored
  for (size_t done = 0; done < width; done += chunk) {
    const size_t count = width - done < chunk ? width - done : chunk;
    for (size_t row = begin; row < end; row += TILE_ROWS) {
      const size_t rows = end - row < TILE_ROWS ? end - row : TILE_ROWS;
      for (size_t r = 0; r < rows; r++) decode_part(w, row + r, done, count, panel + r * CHUNK);
      for (size_t token = 0; token < token_count; token += FEW_TOKENS) {
        const size_t tokens = token_count - token < FEW_TOKENS ? token_count - token : FEW_TOKENS;
        float sums[TILE_ROWS][FEW_TOKENS];
        tile_of_tokens(panel, x + token * x_stride + done, x_stride, count, tokens, sums);
        for (size_t t = 0; t < tokens; t++) {
          float *results = y + (token + t) * y_stride + row;
          for (size_t r = 0; r < rows; r++) results[r] = done == 0 ? sums[r][t] : results[r] + sums[r][t];
        }
      }
    }
  }
}

FN void linear_tokens(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t x_stride,
                      size_t token_count, float *y, size_t y_stride) {
  if (token_count == 1) {
    linear_one_token(w, begin, end, x, y);
  } else if (token_count < MANY_TOKENS) {
    linear_few_tokens(w, begin, end, x, x_stride, token_count, y, y_stride);
  } else {
    linear_many_tokens(w, begin, end, x, x_stride, token_count, y, y_stride);
  }
}

CDK_TARGET static void linear(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t token_count,
                              float *y) {
  linear_tokens(w, begin, end, x, input_count_of(w), token_count, y, w->output_count);
}

CDK_TARGET static void linear_blocks(const cdk_matrix *w, size_t begin, size_t end, const float *x, size_t token_count,
                                     float *y) {
  const size_t block = w->input_count, width = w->output_count;
  for (size_t row = begin * block; row < end * block; row += block) {
    linear_tokens(w, row, row + block, x + row, width, token_count, y, width);
  }
}
