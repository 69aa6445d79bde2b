// Matrix product without workgroup memory: runs everywhere, for any client.
//
// A workgroup of 8 x 8 makes 32 rows by 32 columns; an invocation makes 4 x 4 and reads two 4 x 4 blocks for 64
// multiply-adds. Four products are added up before they meet the sum, for a quarter of the rounding steps. No barrier.

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let tile = tileOf(group.y * groups.x + group.x, 32u, 32u);
  let row = tile.row * 32u + local.y * 4u;
  let column = tile.column * 32u + local.x * 4u;
  if (tile.batch >= params.gemm.batches || row >= params.gemm.m || column >= params.gemm.n) {
    return;
  }
  let a = aQuad(tile.batch, row);
  let b = bQuad(tile.batch, column);
  var sums: mat4x4<f32>; // one row of y per column
  let end = endOfPart(tile.part);
  for (var k = firstOfPart(tile.part); k < end; k += 4u) {
    let left = aBlock(a, k);
    let right = bBlock(b, k);
    let x = mat4x4<f32>(vec4f(left[0]), vec4f(left[1]), vec4f(left[2]), vec4f(left[3]));
    let y = mat4x4<f32>(vec4f(right[0]), vec4f(right[1]), vec4f(right[2]), vec4f(right[3]));
    for (var r = 0u; r < 4u; r++) {
      sums[r] += (x[0][r] * y[0] + x[1][r] * y[1]) + (x[2][r] * y[2] + x[3][r] * y[3]);
    }
  }
  for (var r = 0u; r < 4u; r++) {
    if (row + r < params.gemm.m) {
      finish(tile, row + r, column, sums[r]);
    }
  }
}
