// Matrix product in blocks of workgroup memory and registers, for GPUs without (usable) subgroup matrices.
//
// A workgroup makes TILE_M rows by TILE_N columns; an invocation QUADS_M x QUADS_N blocks of 4 x 4, which lie
// TILE_M / QUADS_M rows and TILE_N / QUADS_N columns apart, so that neighbours read neighbouring 4-vectors. Per step,
// TILE_K of k are staged in workgroup memory as f32 4-vectors along rows (a) and columns (b): an invocation then reads
// QUADS_M + QUADS_N vectors for 16 QUADS_M QUADS_N multiply-adds. Operands whose vectors lie along k are transposed on the
// way, 4 x 4 in registers. The next step's blocks are loaded into registers before the arithmetic, and stored after the
// barrier that follows it: memory latency hides behind arithmetic.
//
// Rows are padded by one vector, so that the four blocks along k that neighbours store fall into different banks.
// Uniformity: barriers are reached under conditions of the workgroup's number and the parameters alone.

const THREADS_X = TILE_N / (4u * QUADS_N);
const THREADS_Y = TILE_M / (4u * QUADS_M);
const THREADS = THREADS_X * THREADS_Y;
const ROW_A = TILE_M / 4u + 1u;
const ROW_B = TILE_N / 4u + 1u;
const BLOCKS_K = TILE_K / 4u;
const BLOCKS_A = TILE_M / 4u * BLOCKS_K;
const BLOCKS_B = TILE_N / 4u * BLOCKS_K;
const STEPS_A = (BLOCKS_A + THREADS - 1u) / THREADS;
const STEPS_B = (BLOCKS_B + THREADS - 1u) / THREADS;
// An invocation's blocks lie at the same k.
const_assert THREADS % BLOCKS_K == 0u;

var<workgroup> stagedA: array<vec4f, ROW_A * TILE_K>;
var<workgroup> stagedB: array<vec4f, ROW_B * TILE_K>;

// An invocation's share of the blocks of one step; zeros past the end of k.
fn shareOfA(quads: array<AQuad, STEPS_A>, k: u32, end: u32) -> array<mat4x4<AType>, STEPS_A> {
  var blocks: array<mat4x4<AType>, STEPS_A>;
  if (k < end) {
    for (var s = 0u; s < STEPS_A; s++) {
      blocks[s] = aBlock(quads[s], k);
    }
  }
  return blocks;
}

fn shareOfB(quads: array<BQuad, STEPS_B>, k: u32, end: u32) -> array<mat4x4<BType>, STEPS_B> {
  var blocks: array<mat4x4<BType>, STEPS_B>;
  if (k < end) {
    for (var s = 0u; s < STEPS_B; s++) {
      blocks[s] = bBlock(quads[s], k);
    }
  }
  return blocks;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group.y * groups.x + group.x, TILE_M, TILE_N);
  if (tile.batch >= params.gemm.batches) {
    return;
  }
  let firstRow = tile.row * TILE_M;
  let firstColumn = tile.column * TILE_N;
  let end = endOfPart(tile.part);

  // Blocks are dealt out along k first: neighbours read neighbouring memory where vectors lie along k.
  let firstBlock = lane / BLOCKS_K;
  let laneK = lane % BLOCKS_K * 4u;
  var quadsA: array<AQuad, STEPS_A>;
  for (var s = 0u; s < STEPS_A; s++) {
    quadsA[s] = aQuad(tile.batch, firstRow + 4u * (firstBlock + s * (THREADS / BLOCKS_K)));
  }
  var quadsB: array<BQuad, STEPS_B>;
  for (var s = 0u; s < STEPS_B; s++) {
    quadsB[s] = bQuad(tile.batch, firstColumn + 4u * (firstBlock + s * (THREADS / BLOCKS_K)));
  }

  let laneX = lane % THREADS_X;
  let laneY = lane / THREADS_X;
  var sums: array<vec4f, QUADS_M * 4u * QUADS_N>;
  var k = firstOfPart(tile.part) + laneK;
  var blocksA = shareOfA(quadsA, k, end);
  var blocksB = shareOfB(quadsB, k, end);
  let steps = (end - firstOfPart(tile.part) + TILE_K - 1u) / TILE_K;
  for (var step = 0u; step < steps; step++) {
    for (var s = 0u; s < STEPS_A; s++) {
      let block = firstBlock + s * (THREADS / BLOCKS_K);
      if (block < TILE_M / 4u) {
        for (var e = 0u; e < 4u; e++) {
          stagedA[(laneK + e) * ROW_A + block] = vec4f(blocksA[s][e]);
        }
      }
    }
    for (var s = 0u; s < STEPS_B; s++) {
      let block = firstBlock + s * (THREADS / BLOCKS_K);
      if (block < TILE_N / 4u) {
        for (var e = 0u; e < 4u; e++) {
          stagedB[(laneK + e) * ROW_B + block] = vec4f(blocksB[s][e]);
        }
      }
    }
    workgroupBarrier();
    k += TILE_K;
    if (step + 1u < steps) {
      blocksA = shareOfA(quadsA, k, end);
      blocksB = shareOfB(quadsB, k, end);
    }
    for (var e = 0u; e < TILE_K; e++) {
      var right: array<vec4f, QUADS_N>;
      for (var q = 0u; q < QUADS_N; q++) {
        right[q] = stagedB[e * ROW_B + laneX + q * THREADS_X];
      }
      for (var p = 0u; p < QUADS_M; p++) {
        let left = stagedA[e * ROW_A + laneY + p * THREADS_Y];
        for (var q = 0u; q < QUADS_N; q++) {
          let at = p * 4u * QUADS_N + q;
          sums[at] += left.x * right[q];
          sums[at + QUADS_N] += left.y * right[q];
          sums[at + 2u * QUADS_N] += left.z * right[q];
          sums[at + 3u * QUADS_N] += left.w * right[q];
        }
      }
    }
    workgroupBarrier();
  }

  for (var p = 0u; p < QUADS_M; p++) {
    for (var r = 0u; r < 4u; r++) {
      let row = firstRow + 4u * (laneY + p * THREADS_Y) + r;
      for (var q = 0u; q < QUADS_N; q++) {
        let column = firstColumn + 4u * (laneX + q * THREADS_X);
        if (row < params.gemm.m && column < params.gemm.n) {
          finish(tile, row, column, sums[(p * 4u + r) * QUADS_N + q]);
        }
      }
    }
  }
}
