// The cheapest path through a closed trellis: the Viterbi algorithm over the states of one stream.
//
// A row's state is the state of the row after it, moved up by `bits`, and the row's code; what two neighbours share,
// STATE_BITS − bits bits, is the overlap. Rows are taken from the last to the first. Of each step only the least
// cost of every overlap is kept: the way back computes the few costs it needs again.

enum { SHORT_PASSES = 4 };

typedef struct trellis_costs {
  const float *values;  // of every state
  const float *targets;
  const float *scales;
  size_t count;
  int bits;
  float *work;          // (steps + 1, overlaps): least costs before each step
} trellis_costs;

FN size_t overlap_count(int bits) { return (size_t)STATE_COUNT >> bits; }

FN float state_cost(const trellis_costs *c, size_t row, size_t state) {
  const float difference = c->targets[row] - c->scales[row] * c->values[state];
  return difference * difference;
}

// One step, through a row: from the costs of the overlaps with the row after it to those with the row before it.
FN void trellis_step(const trellis_costs *c, size_t row, int bits, const float *costs, float *next) {
  const size_t overlaps = overlap_count(bits);
  const vf scale = vf_set(-c->scales[row]), target = vf_set(c->targets[row]);
  for (size_t overlap = 0; overlap < overlaps; overlap += LANES) {
    vf least = vf_set(__builtin_inff());
    for (int lost = 0; lost < 1 << bits; lost++) {  // the code that leaves the window after this row
      const size_t state = (size_t)lost * overlaps + overlap;
      const vf difference = vf_fma(scale, vf_load(c->values + state), target);
      least = vf_min(least, vf_fma(difference, difference, vf_repeat(costs + (state >> bits), 1 << bits)));
    }
    vf_store(next + overlap, least);
  }
}

// Steps through `count` rows downwards from `row`, going on at the last after the first.
CDK_TARGET static void trellis_steps(const trellis_costs *c, size_t row, size_t count) {
  const size_t overlaps = overlap_count(c->bits);
  for (size_t step = 0; step < count; step++, row = (row ? row : c->count) - 1) {
    float *costs = c->work + step * overlaps;
#define STEP(BITS) trellis_step(c, row, BITS, costs, costs + overlaps);
    TRELLIS_BITS(c->bits, STEP)
#undef STEP
  }
}

// The state of `row` on the cheapest path that leaves the row with `overlap`, step `step` having been through it.
FN size_t trellis_back(const trellis_costs *c, size_t step, size_t row, size_t overlap) {
  const size_t overlaps = overlap_count(c->bits);
  const float *costs = c->work + step * overlaps;
  size_t best = overlap;
  float least = __builtin_inff();
  for (size_t state = overlap; state < STATE_COUNT; state += overlaps) {
    const float cost = costs[state >> c->bits] + state_cost(c, row, state);
    if (cost < least) {
      least = cost;
      best = state;
    }
  }
  return best;
}

// The overlap of the last row with the first one on the cheapest open path through `reach` rows on both sides.
FN size_t closing_overlap(const trellis_costs *c, size_t reach) {
  const size_t overlaps = overlap_count(c->bits);
  memset(c->work, 0, overlaps * sizeof *c->work);
  trellis_steps(c, reach - 1, 2 * reach);
  const float *costs = c->work + 2 * reach * overlaps;
  size_t overlap = 0;
  for (size_t i = 1; i < overlaps; i++) {
    if (costs[i] < costs[overlap]) overlap = i;
  }
  for (size_t step = 2 * reach; step-- > reach;) {
    overlap = trellis_back(c, step, c->count - 1 - (step - reach), overlap) >> c->bits;
  }
  return overlap;
}

// The codes of the cheapest closed path on which `overlap` is what row `seam` has in common with the row before it.
// Returns what row `next_seam` has.
FN size_t closed_path(const trellis_costs *c, size_t seam, size_t overlap, size_t next_seam, uint8_t *codes) {
  const size_t overlaps = overlap_count(c->bits);
  for (size_t i = 0; i < overlaps; i++) c->work[i] = i == overlap ? 0 : __builtin_inff();
  trellis_steps(c, (seam ? seam : c->count) - 1, c->count);
  size_t next_overlap = overlap;
  for (size_t step = c->count; step-- > 0;) {
    const size_t row = (seam + c->count - 1 - step) % c->count;
    if (row == next_seam) next_overlap = overlap;
    const size_t state = trellis_back(c, step, row, overlap);
    codes[row] = (uint8_t)(state & ((1u << c->bits) - 1));
    overlap = state >> c->bits;
  }
  return next_overlap;
}

CDK_TARGET static void search_trellis(const float *state_values, int bits, const float *targets, const float *scales,
                                      size_t count, float *work, uint8_t *codes, float *values) {
  const trellis_costs c = {state_values, targets, scales, count, bits, work};
  // Four windows to each side decide a seam almost always rightly. Where there are not so many rows, the path is found
  // again with other seams of its own, each time cheaper or the same.
  const size_t enough = 4 * STATE_BITS / (size_t)bits, is_short = 2 * enough > count;
  size_t seam = 0, overlap = closing_overlap(&c, is_short ? count / 2 : enough);
  for (size_t pass = is_short ? SHORT_PASSES : 1; pass-- > 0;) {
    const size_t next = (seam + count * 3 / 8) % count;
    overlap = closed_path(&c, seam, overlap, next, codes);
    seam = next;
  }
  // What a reader makes of the codes: once around until the window is full, then again.
  size_t state = 0;
  for (size_t step = 2 * count; step-- > 0;) {
    const size_t row = step % count;
    state = (state << bits | codes[row]) & (STATE_COUNT - 1);
    if (step < count) values[row] = scales[row] * state_values[state];
  }
}
