// Shared by the attention kernels on subgroup matrices (matrix-*.wgsl): tiles, and the two kinds of products.
//
// A workgroup owns OWN = SUBGROUPS * MATRIX_M rows of one head, a subgroup MATRIX_M of them, and walks the other side WALKED
// rows at a time. Rows lie in workgroup memory as f16, padded with zeros to WIDTH features.
// Scores have f32 sums and go through workgroup memory, since the layout of a matrix in registers is the driver's secret;
// there an invocation sees one row (its lane modulo OWN) and a share of the columns, so that what it knows of the row stays in
// registers. Weights go back as f16, and their products with walked rows stay in registers from the first tile to the last.
//
// Uniformity: barriers stand outside of every branch on the subgroup's number; subgroups beyond SUBGROUPS, which exist where
// the driver made them smaller than the largest size, stage and weigh, but do not multiply. No subgroup arithmetic in these modules: a
// driver is known to crash on modules that declare both.
// Preconditions: LANES is a multiple of OWN and of the largest subgroup size; WALKED of MATRIX_N, MATRIX_K and LANES / OWN.

const OWN = SUBGROUPS * MATRIX_M;
const STRIDE = WIDTH + 8u;       // of staged rows, in f16: rows of a matrix begin in different banks
const SCORE_STRIDE = WALKED + 4u; // in f32
const WEIGHT_STRIDE = WALKED + 8u;
const SHARE = WALKED / (LANES / OWN);
const BLOCKS = WIDTH / MATRIX_N;  // of features

fn rowsOf(count: u32) -> u32 {
  return (count + OWN - 1u) / OWN;
}
