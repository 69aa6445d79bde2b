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
// `Sums`, `accumulate` and `finishSums` are generated with every row and quad written out: arrays of this size, indexed in
// loops, would stay arrays in memory that is gathered from and scattered to.

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
  var quads: array<BQuad, QUADS>;
  for (var q = 0u; q < QUADS; q++) {
    quads[q] = bQuad(tile.batch, column + q * 4u * LANES);
  }
  var sums: Sums;
  let end = endOfPart(tile.part);
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
    if (WHOLE_DEPTH) {
      // A bound that the compiler knows spares every access to workgroup memory a check.
      for (var block = 0u; block < DEPTH_BLOCKS; block++) {
        accumulate(&sums, quads, k, block);
      }
    } else {
      let blocks = min(DEPTH_BLOCKS, (end - k + 3u) / 4u);
      for (var block = 0u; block < blocks; block++) {
        accumulate(&sums, quads, k, block);
      }
    }
  }
  finishSums(tile, row, column, &sums);
}
