// Matrix product for software adapters: lanes own rows, and all of a workgroup read the same columns.
//
// A workgroup of LANES makes LANES * ROWS rows by 4 * QUADS columns; an invocation makes ROWS x 4 QUADS of them. On a CPU
// an invocation is one lane of a vector register. What all lanes share is read once, as scalars; what each lane reads for
// itself costs as much per lane as a scalar does, so that an invocation wants many columns for its ROWS elements. Sums do
// not fit in registers; four steps of k at a time make up for moving them. No workgroup memory, no barrier.
//
// The columns' part of the loop is cut into conditional blocks of one 4-vector each. That leaves out columns past the
// last, and keeps compilers from moving all reads in front of all arithmetic, which would need four times the registers.

const TILE_M = LANES * ROWS;
const TILE_N = 4u * QUADS;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group.y * groups.x + group.x, TILE_M, TILE_N);
  if (tile.batch >= params.gemm.batches) {
    return;
  }
  let firstRow = tile.row * TILE_M + lane * ROWS;
  let firstColumn = tile.column * TILE_N;
  let quads = min(QUADS, (params.gemm.n - firstColumn + 3u) / 4u);

  var rows: array<AQuad, ROWS / 4u>;
  for (var r = 0u; r < ROWS / 4u; r++) {
    rows[r] = aQuad(tile.batch, firstRow + 4u * r);
  }
  var sums: array<array<vec4f, ROWS>, QUADS>;
  let end = endOfPart(tile.part);
  for (var k = firstOfPart(tile.part); k < end; k += 4u) {
    let leftStep = aStep(k);
    let rightStep = bStep(k);
    var left: array<mat4x4<f32>, ROWS / 4u>;
    for (var r = 0u; r < ROWS / 4u; r++) {
      let block = aBlockAt(rows[r], leftStep);
      left[r] = mat4x4<f32>(vec4f(block[0]), vec4f(block[1]), vec4f(block[2]), vec4f(block[3]));
    }
    for (var q = 0u; q < QUADS; q++) {
      if (q < quads) {
        let right = bBlockAt(bQuad(tile.batch, firstColumn + 4u * q), rightStep);
        for (var r = 0u; r < ROWS; r++) {
          var sum = sums[q][r];
          for (var e = 0u; e < 4u; e++) {
            sum = fma(vec4f(left[r / 4u][e][r % 4u]), vec4f(right[e]), sum);
          }
          sums[q][r] = sum;
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    if (firstRow + r < params.gemm.m) {
      for (var q = 0u; q < QUADS; q++) {
        if (q < quads) {
          finish(tile, firstRow + r, firstColumn + 4u * q, sums[q][r]);
        }
      }
    }
  }
}
