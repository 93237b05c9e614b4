// The vector operations of the forward pass.

// Runs `STATEMENT` on `v` for every group of lanes from x and stores it to y, the last group through a buffer of zeros.
#define EACH_LANES(x, y, count, STATEMENT)                    \
  do {                                                        \
    size_t each = 0;                                          \
    for (; each + LANES <= (count); each += LANES) {          \
      vf v = vf_load((x) + each);                             \
      STATEMENT;                                              \
      vf_store((y) + each, v);                                \
    }                                                         \
    if (each < (count)) {                                     \
      float rest[LANES] = {0};                                \
      memcpy(rest, (x) + each, ((count) - each) * 4);         \
      vf v = vf_load(rest);                                   \
      STATEMENT;                                              \
      vf_store(rest, v);                                      \
      memcpy((y) + each, rest, ((count) - each) * 4);         \
    }                                                         \
  } while (0)

// e^x with a relative error of about 1e-7. Cody and Waite's reduction x = n·log 2 + r, |r| <= log 2 / 2, then the
// Taylor polynomial of degree 7. Below log 2^-126 the result is 0, from log 2^127.5 on it stays there; NaN stays NaN.
FN vf vf_exp(vf x) {
  const float lowest = -87.33654f, highest = 88.37626f;
  const vf bounded = vf_min(vf_set(highest), vf_max(vf_set(lowest), x));
  const vf n = vf_round(vf_mul(bounded, vf_set(1.44269504f)));
  vf r = vf_fma(n, vf_set(-0.693145751953125f), bounded);
  r = vf_fma(n, vf_set(-1.42860677e-6f), r);
  vf p = vf_set(1.0f / 5040);
  p = vf_fma(p, r, vf_set(1.0f / 720));
  p = vf_fma(p, r, vf_set(1.0f / 120));
  p = vf_fma(p, r, vf_set(1.0f / 24));
  p = vf_fma(p, r, vf_set(1.0f / 6));
  p = vf_fma(p, r, vf_set(0.5f));
  p = vf_fma(p, r, vf_set(1));
  p = vf_fma(p, r, vf_set(1));
  return vf_select_less(x, vf_set(lowest), vf_set(0), vf_mul(p, vf_pow2(n)));
}

// x / (1 + e^-steepness·x)
FN vf vf_swish(vf x, vf steepness) {
  const vf e = vf_exp(vf_mul(vf_sub(vf_set(0), steepness), x));
  return vf_div(x, vf_add(vf_set(1), e));
}

// x·Φ(x). Abramowitz and Stegun 7.1.26 gives erfc(z), z >= 0, as a polynomial in 1/(1 + p·z) times e^-z².
FN vf vf_gelu_erf(vf x) {
  const vf z = vf_mul(vf_abs(x), vf_set(0.707106781f));
  const vf t = vf_div(vf_set(1), vf_fma(z, vf_set(0.3275911f), vf_set(1)));
  vf p = vf_set(1.061405429f);
  p = vf_fma(p, t, vf_set(-1.453152027f));
  p = vf_fma(p, t, vf_set(1.421413741f));
  p = vf_fma(p, t, vf_set(-0.284496736f));
  p = vf_fma(p, t, vf_set(0.254829592f));
  const vf tail = vf_mul(vf_mul(vf_mul(p, t), vf_set(0.5f)), vf_exp(vf_sub(vf_set(0), vf_mul(z, z))));
  return vf_mul(x, vf_select_less(x, vf_set(0), tail, vf_sub(vf_set(1), tail)));
}

// Hendrycks and Gimpel's tanh form; 0.5·(1 + tanh u) is the logistic function of 2u.
FN vf vf_gelu_tanh(vf x) {
  const vf cubic = vf_fma(vf_mul(x, x), vf_set(0.044715f), vf_set(1));
  return vf_swish(x, vf_mul(cubic, vf_set(1.5957691216f)));
}

FN float dot_of(const float *a, const float *b, size_t count) {
  vf sum0 = vf_set(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  size_t i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES) {
    sum0 = vf_fma(vf_load(a + i), vf_load(b + i), sum0);
    sum1 = vf_fma(vf_load(a + i + LANES), vf_load(b + i + LANES), sum1);
    sum2 = vf_fma(vf_load(a + i + 2 * LANES), vf_load(b + i + 2 * LANES), sum2);
    sum3 = vf_fma(vf_load(a + i + 3 * LANES), vf_load(b + i + 3 * LANES), sum3);
  }
  for (; i + LANES <= count; i += LANES) sum0 = vf_fma(vf_load(a + i), vf_load(b + i), sum0);
  float sum = vf_sum(vf_add(vf_add(sum0, sum1), vf_add(sum2, sum3)));
  for (; i < count; i++) sum += a[i] * b[i];
  return sum;
}

FN float largest_of(const float *x, size_t count) {
  vf largest = vf_set(-__builtin_inff());
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) largest = vf_max(largest, vf_load(x + i));
  float result = vf_largest(largest);
  for (; i < count; i++) result = x[i] > result ? x[i] : result;
  return result;
}

// Sum in float over lanes and in double over stretches short enough for float.
FN double sum_of_exp(const float *x, size_t count, float largest) {
  const vf offset = vf_set(largest);
  double total = 0;
  size_t i = 0;
  while (i + LANES <= count) {
    const size_t stop = count - i > 64 * LANES ? i + 64 * LANES : count;
    vf sum = vf_set(0);
    for (; i + LANES <= stop; i += LANES) sum = vf_add(sum, vf_exp(vf_sub(vf_load(x + i), offset)));
    total += (double)vf_sum(sum);
  }
  for (; i < count; i++) {
    float one[LANES];
    vf_store(one, vf_exp(vf_sub(vf_set(x[i]), offset)));
    total += (double)one[0];
  }
  return total;
}

FN void softmax_of(float *x, size_t count) {
  const vf offset = vf_set(largest_of(x, count));
  EACH_LANES(x, x, count, v = vf_exp(vf_sub(v, offset)));
  vf lanes = vf_set(0);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) lanes = vf_add(lanes, vf_load(x + i));
  float sum = vf_sum(lanes);
  for (; i < count; i++) sum += x[i];
  const vf share = vf_set(1 / sum);
  EACH_LANES(x, x, count, v = vf_mul(v, share));
}

CDK_TARGET static float dot(const float *a, const float *b, size_t count) { return dot_of(a, b, count); }

CDK_TARGET static void add_scaled(float factor, const float *x, float *y, size_t count) {
  const vf factors = vf_set(factor);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) vf_store(y + i, vf_fma(factors, vf_load(x + i), vf_load(y + i)));
  for (; i < count; i++) y[i] += factor * x[i];
}

CDK_TARGET static void scale(float factor, float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] *= factor;
}

CDK_TARGET static void add(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] += x[i];
}

CDK_TARGET static void multiply(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] *= x[i];
}

CDK_TARGET static void relu(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = x[i] < 0 ? 0 : x[i];
}

CDK_TARGET static void silu(float *x, size_t count) { EACH_LANES(x, x, count, v = vf_swish(v, vf_set(1))); }

CDK_TARGET static void gelu_erf(float *x, size_t count) { EACH_LANES(x, x, count, v = vf_gelu_erf(v)); }

CDK_TARGET static void gelu_tanh(float *x, size_t count) { EACH_LANES(x, x, count, v = vf_gelu_tanh(v)); }

CDK_TARGET static void silu_multiply(const float *gate, float *up, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vf_store(up + i, vf_mul(vf_swish(vf_load(gate + i), vf_set(1)), vf_load(up + i)));
  }
  for (; i < count; i++) {
    float one[LANES];
    vf_store(one, vf_swish(vf_set(gate[i]), vf_set(1)));
    up[i] *= one[0];
  }
}

CDK_TARGET static void softmax(float *x, size_t count) { softmax_of(x, count); }

CDK_TARGET static void rms_norm(const float *x, const float *weight, float epsilon, float *y, size_t count) {
  const float factor = 1 / __builtin_sqrtf(dot_of(x, x, count) / (float)count + epsilon);
  for (size_t i = 0; i < count; i++) y[i] = x[i] * factor * weight[i];
}

CDK_TARGET static double log_sum_exp(const float *x, size_t count) {
  const float largest = largest_of(x, count);
  return (double)largest + __builtin_log(sum_of_exp(x, count, largest));
}

// out[0 ..< width] = Σ weights[p] · values[p·stride ..< p·stride + width], width a constant number of lanes.
FN void weighted_sum(const float *weights, const float *values, size_t stride, size_t count, int lanes, float *out) {
  vf sums[4];
  for (int k = 0; k < lanes; k++) sums[k] = vf_set(0);
  for (size_t p = 0; p < count; p++) {
    const vf weight = vf_set(weights[p]);
    for (int k = 0; k < lanes; k++) sums[k] = vf_fma(weight, vf_load(values + p * stride + k * LANES), sums[k]);
  }
  for (int k = 0; k < lanes; k++) vf_store(out + k * LANES, sums[k]);
}

CDK_TARGET static void attend(const float *query, const float *keys, const float *values, size_t stride,
                              size_t position_count, size_t head_width, float scale, float *scores, float *out) {
  for (size_t p = 0; p < position_count; p++) scores[p] = scale * dot_of(query, keys + p * stride, head_width);
  softmax_of(scores, position_count);
  size_t d = 0;
  for (; d + 4 * LANES <= head_width; d += 4 * LANES) {
    weighted_sum(scores, values + d, stride, position_count, 4, out + d);
  }
  for (; d + LANES <= head_width; d += LANES) weighted_sum(scores, values + d, stride, position_count, 1, out + d);
  for (; d < head_width; d++) {
    float sum = 0;
    for (size_t p = 0; p < position_count; p++) sum += scores[p] * values[p * stride + d];
    out[d] = sum;
  }
}
