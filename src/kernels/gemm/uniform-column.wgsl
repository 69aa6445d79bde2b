// Matrix product of few columns for adapters that run on a CPU: uniform-row.wgsl with the operands exchanged.
//
// Lanes own rows. A workgroup makes 4 LANES rows by COLUMNS columns, an invocation 4 rows (a quad of a) of all columns. Every
// element of b is read by all invocations at the same time, from workgroup memory: uniform-row.wgsl says why that,
// stepped addresses, names in place of arrays and sums of four products pay. Rows and columns past the end are computed and not stored.

const DEPTH_BLOCKS = DEPTH / 4u;
const COLUMN_BLOCKS = COLUMNS / 4u;

// [column, k / 4]
var<workgroup> stagedB: array<vec4f, COLUMNS * DEPTH_BLOCKS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group.y * groups.x + group.x, 4u * LANES, COLUMNS);
  if (tile.batch >= params.gemm.batches) {
    return;
  }
  let row = (tile.row * LANES + lane) * 4u;
  let column = tile.column * COLUMNS;
  let end = endOfPart(tile.part);
  let stride = aStride();
  let quad = aQuad(tile.batch, row);
  var walk = aWalk(quad, firstOfPart(tile.part));
  // each C
  var sum_C: vec4f; // of four rows
  // end
  for (var k = firstOfPart(tile.part); k < end; k += DEPTH) {
    workgroupBarrier();
    for (var s = lane; s < COLUMN_BLOCKS * DEPTH_BLOCKS; s += LANES) {
      let block = s % DEPTH_BLOCKS;
      let first = s / DEPTH_BLOCKS * 4u;
      if (k + 4u * block < end) {
        let columns = transpose(bBlock(bQuad(tile.batch, column + first), k + 4u * block));
        stagedB[first * DEPTH_BLOCKS + block] = vec4f(columns[0]);
        stagedB[(first + 1u) * DEPTH_BLOCKS + block] = vec4f(columns[1]);
        stagedB[(first + 2u) * DEPTH_BLOCKS + block] = vec4f(columns[2]);
        stagedB[(first + 3u) * DEPTH_BLOCKS + block] = vec4f(columns[3]);
      }
    }
    workgroupBarrier();
    for (var block = 0u; block < DEPTH_BLOCKS; block++) {
      if (!WHOLE_DEPTH && k + 4u * block >= end) {
        break;
      }
      let left = aHere(quad, walk, stride);
      let left_0 = vec4f(left[0]);
      let left_1 = vec4f(left[1]);
      let left_2 = vec4f(left[2]);
      let left_3 = vec4f(left[3]);
      walk += 4u * stride;
      // each C
      let right_C = stagedB[C * DEPTH_BLOCKS + block];
      sum_C += (right_C.x * left_0 + right_C.y * left_1) + (right_C.z * left_2 + right_C.w * left_3);
      // end
    }
  }

  var sums: array<vec4f, COLUMNS>;
  // each C
  sums[C] = sum_C;
  // end
  for (var c = 0u; c < COLUMNS && column + c < params.gemm.n; c += 4u) {
    let rows = transpose(mat4x4<f32>(sums[c], sums[c + 1u], sums[c + 2u], sums[c + 3u]));
    for (var r = 0u; r < 4u; r++) {
      if (row + r < params.gemm.m) {
        finish(tile, row + r, column + c, rows[r]);
      }
    }
  }
}
