// Matrix product for adapters that run on a CPU: subgroups are vector registers there, and what counts is instructions.
//
// A workgroup makes ROWS rows by 4 QUADS LANES columns; an invocation ROWS x 4 QUADS, its quads LANES apart. Every element
// of a is read by all invocations at the same time: one scalar load and a broadcast per vector of lanes. Reading b costs
// a gather per vector, some ten times an addition, which ROWS rows share. Sums are many more than registers, and are
// meant to: they are read and written once per four steps of k.
//
// DEPTH of k of the ROWS rows of a lie in workgroup memory, not to save reads of memory but checks: a load from a buffer
// there tests each component against the buffer's size, with branches that keep the compiler from ordering arithmetic.
// Barriers are rare for the same reason. Rows and columns past the end are computed from the last ones and not stored.
//
// Four products are added up before they meet the sum: the same number of operations, a quarter of the steps that round a large sum.
//
// Where b is read next is stepped, not computed, and no parameter is read in a loop: each of these cost a quarter of the
// speed. What stands between `each R` and `end` is written out for every row R (`each Q`: quad) before it is compiled: arrays of
// this size, indexed in loops, would stay arrays in memory that is gathered from and scattered to. At the end that is
// wanted: a client's `store` may be long, and is compiled once.

const DEPTH_BLOCKS = DEPTH / 4u;
const ROW_BLOCKS = ROWS / 4u;

// [row, k / 4]
var<workgroup> stagedA: array<vec4f, ROWS * DEPTH_BLOCKS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group.y * groups.x + group.x, ROWS, 4u * QUADS * LANES);
  if (tile.batch >= params.gemm.batches) {
    return;
  }
  let row = tile.row * ROWS;
  let column = tile.column * 4u * QUADS * LANES + 4u * lane;
  let end = endOfPart(tile.part);
  let stride = bStride();
  // each Q
  let quad_Q = bQuad(tile.batch, column + Q * 4u * LANES);
  var walk_Q = bWalk(quad_Q, firstOfPart(tile.part));
  // each R
  var sum_Q_R: vec4f;
  // end
  // end
  for (var k = firstOfPart(tile.part); k < end; k += DEPTH) {
    workgroupBarrier();
    for (var s = lane; s < ROW_BLOCKS * DEPTH_BLOCKS; s += LANES) {
      let block = s % DEPTH_BLOCKS;
      let first = s / DEPTH_BLOCKS * 4u;
      if (k + 4u * block < end) {
        let rows = transpose(aBlock(aQuad(tile.batch, row + first), k + 4u * block));
        stagedA[first * DEPTH_BLOCKS + block] = vec4f(rows[0]);
        stagedA[(first + 1u) * DEPTH_BLOCKS + block] = vec4f(rows[1]);
        stagedA[(first + 2u) * DEPTH_BLOCKS + block] = vec4f(rows[2]);
        stagedA[(first + 3u) * DEPTH_BLOCKS + block] = vec4f(rows[3]);
      }
    }
    workgroupBarrier();
    // A bound that the compiler knows spares every access to workgroup memory a check.
    for (var block = 0u; block < DEPTH_BLOCKS; block++) {
      if (!WHOLE_DEPTH && k + 4u * block >= end) {
        break;
      }
      // each Q
      let right_Q = bHere(quad_Q, walk_Q, stride);
      let right_Q_0 = vec4f(right_Q[0]);
      let right_Q_1 = vec4f(right_Q[1]);
      let right_Q_2 = vec4f(right_Q[2]);
      let right_Q_3 = vec4f(right_Q[3]);
      walk_Q += 4u * stride;
      // end
      // each R
      let left_R = stagedA[R * DEPTH_BLOCKS + block];
      // each Q
      sum_Q_R += (left_R.x * right_Q_0 + left_R.y * right_Q_1) + (left_R.z * right_Q_2 + left_R.w * right_Q_3);
      // end
      // end
    }
  }
  var sums: array<vec4f, QUADS * ROWS>;
  // each Q
  // each R
  sums[Q * ROWS + R] = sum_Q_R;
  // end
  // end
  let rows = min(ROWS, params.gemm.m - row);
  for (var q = 0u; q < QUADS; q++) {
    let first = column + q * 4u * LANES;
    if (first < params.gemm.n) {
      for (var r = 0u; r < rows; r++) {
        finish(tile, row + r, first, sums[q * ROWS + r]);
      }
    }
  }
}
