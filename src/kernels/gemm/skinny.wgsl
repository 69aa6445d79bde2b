// Matrix product of few rows or few columns, for GPUs: what takes time is reading the other operand, once.
//
// LANES invocations make ROW_LANES * 4 ROW_QUADS rows by COLUMN_LANES * 4 COLUMN_QUADS columns, an invocation one block of
// 4 ROW_QUADS by 4 COLUMN_QUADS of them for its share of k; shares are added in workgroup memory as a tree. Where the
// large operand's vectors lie along k, all invocations share a block and neighbours read neighbouring vectors of k; where they lie
// across, neighbours own neighbouring blocks. Either way a workgroup reads runs of 256 bytes or more.
//
// Uniformity: barriers are reached under conditions of the workgroup's number and the parameters alone.

const OUTER_LANES = ROW_LANES * COLUMN_LANES;
const DEPTH_LANES = LANES / OUTER_LANES;
const ROWS = 4u * ROW_QUADS;
// 4-vectors of results of an invocation
const VECTORS = ROWS * COLUMN_QUADS;

// [vector, lane]
var<workgroup> partSums: array<vec4f, VECTORS * LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group.y * groups.x + group.x, ROW_LANES * ROWS, COLUMN_LANES * 4u * COLUMN_QUADS);
  if (tile.batch >= params.gemm.batches) {
    return;
  }
  let depthLane = lane / OUTER_LANES;
  let row = rowOf(tile, lane % OUTER_LANES);
  let column = columnOf(tile, lane % OUTER_LANES);
  var rows: array<AQuad, ROW_QUADS>;
  for (var r = 0u; r < ROW_QUADS; r++) {
    rows[r] = aQuad(tile.batch, row + 4u * r);
  }
  var columns: array<BQuad, COLUMN_QUADS>;
  for (var c = 0u; c < COLUMN_QUADS; c++) {
    columns[c] = bQuad(tile.batch, column + 4u * c);
  }

  var sums: array<vec4f, VECTORS>;
  let end = endOfPart(tile.part);
  for (var k = firstOfPart(tile.part) + 4u * depthLane; k < end; k += 4u * DEPTH_LANES) {
    for (var c = 0u; c < COLUMN_QUADS; c++) {
      let right = bBlock(columns[c], k);
      for (var r = 0u; r < ROW_QUADS; r++) {
        let left = aBlock(rows[r], k);
        for (var e = 0u; e < 4u; e++) {
          for (var i = 0u; i < 4u; i++) {
            sums[(4u * r + i) * COLUMN_QUADS + c] += f32(left[e][i]) * vec4f(right[e]);
          }
        }
      }
    }
  }

  for (var v = 0u; v < VECTORS; v++) {
    partSums[v * LANES + lane] = sums[v];
  }
  workgroupBarrier();
  for (var span = DEPTH_LANES / 2u; span > 0u; span /= 2u) {
    if (depthLane < span) {
      for (var v = 0u; v < VECTORS; v++) {
        partSums[v * LANES + lane] += partSums[v * LANES + lane + span * OUTER_LANES];
      }
    }
    workgroupBarrier();
  }

  for (var task = lane; task < VECTORS * OUTER_LANES; task += LANES) {
    let vector = task / OUTER_LANES;
    let owner = task % OUTER_LANES;
    let i = rowOf(tile, owner) + vector / COLUMN_QUADS;
    let j = columnOf(tile, owner) + 4u * (vector % COLUMN_QUADS);
    if (i < params.gemm.m && j < params.gemm.n) {
      finish(tile, i, j, partSums[vector * LANES + owner]);
    }
  }
}

// First row and column of a lane's block. Only one of ROW_LANES and COLUMN_LANES is more than 1.
fn rowOf(tile: Tile, outerLane: u32) -> u32 {
  return (tile.row * ROW_LANES + select(0u, outerLane, ROW_LANES > 1u)) * ROWS;
}

fn columnOf(tile: Tile, outerLane: u32) -> u32 {
  return (tile.column * COLUMN_LANES + select(0u, outerLane, COLUMN_LANES > 1u)) * 4u * COLUMN_QUADS;
}
