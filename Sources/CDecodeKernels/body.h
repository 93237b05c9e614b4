// Everything that is written once, over the lanes that the including file has chosen.
//
// A lanes header defines: CDK_TARGET (the target attribute), LANES, `vf` (LANES floats) with the vf_ operations, and
// unless LANES is 1 `vb` (16 bytes) with the vb_ operations. FEW_TOKENS and TILE_TOKENS are how many tokens a tile of the
// product for a few and for many tokens holds. In vf_min and vf_max an unordered second operand wins. vf_expand puts the next elements of an array into the
// lanes of a mask and zeros into the others; it may read LANES elements. Lanes that define LANES_LOOK_UP have
// vf_look_up, a faster way from codes to weights. vw holds the bytes of sixteen windows of a trellis and vf_states gives
// their values; vf_repeat fills the lanes with floats that are each repeated `times` times. vf_add_where adds in the
// lanes of a mask, whose bits above them do not matter; vn holds a word of 32 bits for each lane, and vf_of_nibbles looks
// four of its bits up. bits_deposit puts the lowest bits of a word, one after the other,
// to where the mask has ones.

#include "body_convert.h"
#include "body_vector.h"
#include "body_weights.h"
#include "body_sparse.h"
#include "body_panel.h"
#include "body_linear.h"
#include "body_trellis.h"
#include "body_ternary.h"
#include "body_trellis_search.h"

const cdk_kernels CDK_TABLE = {
    .linear = linear,
    .linear_blocks = linear_blocks,
    .decode_row = decode_row,
    .linear_trellis = linear_trellis,
    .decode_trellis_row = decode_trellis_row,
    .linear_ternary = linear_ternary,
    .decode_ternary_row = decode_ternary_row,
    .search_trellis = search_trellis,
    .to_float = to_float,
    .from_float = from_float,
    .first_non_finite = first_non_finite,
    .dot = dot,
    .add_scaled = add_scaled,
    .scale = scale,
    .add = add,
    .multiply = multiply,
    .relu = relu,
    .silu = silu,
    .gelu_erf = gelu_erf,
    .gelu_tanh = gelu_tanh,
    .silu_multiply = silu_multiply,
    .softmax = softmax,
    .rms_norm = rms_norm,
    .log_sum_exp = log_sum_exp,
    .attend = attend,
};
