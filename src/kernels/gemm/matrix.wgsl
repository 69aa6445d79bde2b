// Matrix product on subgroup matrices, with f32 sums.
//
// A workgroup of SUBGROUPS_M x SUBGROUPS_N subgroups makes TILE_M rows by TILE_N columns; a subgroup COUNT_M x COUNT_N
// result matrices of MATRIX_M x MATRIX_N, in registers. Per step, TILE_K of k of both operands are staged in workgroup
// memory as 16-byte words along k, [row of a][k] and [column of b][k]: left matrices are read row by row, right ones column
// by column, whichever way the operands are stored. Rows are padded by one word, so that the rows of a matrix begin in
// different banks. The next step's words are loaded into registers before the arithmetic and stored after it.
//
// Edges cost nothing but the work: indices past the end are clamped by the readers, k past the end is zero, and what lies
// outside is not stored. Results go through workgroup memory, one row of matrices at a time, because the layout of a
// matrix in registers is the driver's secret.
//
// Uniformity: barriers stand outside every branch on the subgroup's number. Subgroups beyond SUBGROUPS_M x SUBGROUPS_N,
// which exist where the driver made them smaller than the largest size, only help to stage and to store. No subgroup
// arithmetic in this module: a driver is known to crash on modules that declare both.
// Precondition: LANES is a multiple of the adapter's largest subgroup size.

const TILE_M = SUBGROUPS_M * COUNT_M * MATRIX_M;
const TILE_N = SUBGROUPS_N * COUNT_N * MATRIX_N;
const WORDS_K = TILE_K / WORD;
const STRIDE = WORDS_K + 1u; // in words
const STEPS_A = (TILE_M / 4u * WORDS_K + LANES - 1u) / LANES;
const STEPS_B = (TILE_N / 4u * WORDS_K + LANES - 1u) / LANES;
// Columns of results, in 4-vectors, that a subgroup hands over at once.
const RESULT_COLUMNS = COUNT_N * MATRIX_N / 4u;
// An invocation's words lie at the same k.
const_assert LANES % WORDS_K == 0u;

var<workgroup> stagedA: array<vec4<u32>, TILE_M * STRIDE>;
var<workgroup> stagedB: array<vec4<u32>, TILE_N * STRIDE>;
var<workgroup> results: array<vec4f, SUBGROUPS_M * SUBGROUPS_N * MATRIX_M * RESULT_COLUMNS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let tile = tileOf(group.y * groups.x + group.x, TILE_M, TILE_N);
  if (tile.batch >= params.gemm.batches) {
    return;
  }
  let firstRow = tile.row * TILE_M;
  let firstColumn = tile.column * TILE_N;
  let begin = firstOfPart(tile.part);
  let end = endOfPart(tile.part);
  let firstQuad = lane / WORDS_K;
  let laneWord = lane % WORDS_K;

  var quadsA: array<AQuad, STEPS_A>;
  for (var s = 0u; s < STEPS_A; s++) {
    quadsA[s] = aQuad(tile.batch, firstRow + 4u * (firstQuad + s * (LANES / WORDS_K)));
  }
  var quadsB: array<BQuad, STEPS_B>;
  for (var s = 0u; s < STEPS_B; s++) {
    quadsB[s] = bQuad(tile.batch, firstColumn + 4u * (firstQuad + s * (LANES / WORDS_K)));
  }

  let multiplies = subgroup < SUBGROUPS_M * SUBGROUPS_N;
  let subgroupRow = subgroup / SUBGROUPS_N * (COUNT_M * MATRIX_M);
  let subgroupColumn = subgroup % SUBGROUPS_N * (COUNT_N * MATRIX_N);
  var sums: array<Result, COUNT_M * COUNT_N>;
  var k = begin + laneWord * WORD;
  var wordsA = aShare(quadsA, k, end);
  var wordsB = bShare(quadsB, k, end);
  let steps = (end - begin + TILE_K - 1u) / TILE_K;
  for (var step = 0u; step < steps; step++) {
    for (var s = 0u; s < STEPS_A; s++) {
      let quad = firstQuad + s * (LANES / WORDS_K);
      if (quad < TILE_M / 4u) {
        for (var r = 0u; r < 4u; r++) {
          stagedA[(4u * quad + r) * STRIDE + laneWord] = wordsA[s][r];
        }
      }
    }
    for (var s = 0u; s < STEPS_B; s++) {
      let quad = firstQuad + s * (LANES / WORDS_K);
      if (quad < TILE_N / 4u) {
        for (var r = 0u; r < 4u; r++) {
          stagedB[(4u * quad + r) * STRIDE + laneWord] = wordsB[s][r];
        }
      }
    }
    workgroupBarrier();
    k += TILE_K;
    if (step + 1u < steps) {
      wordsA = aShare(quadsA, k, end);
      wordsB = bShare(quadsB, k, end);
    }
    if (multiplies) {
      for (var w = 0u; w < WORDS_K; w += MATRIX_K / WORD) {
        var left: array<Left, COUNT_M>;
        for (var i = 0u; i < COUNT_M; i++) {
          let at = (subgroupRow + i * MATRIX_M) * STRIDE + w;
          left[i] = subgroupMatrixLoad<Left, row_major>(&stagedA, at, STRIDE);
        }
        for (var j = 0u; j < COUNT_N; j++) {
          let at = (subgroupColumn + j * MATRIX_N) * STRIDE + w;
          let right = subgroupMatrixLoad<Right, col_major>(&stagedB, at, STRIDE);
          for (var i = 0u; i < COUNT_M; i++) {
            sums[i * COUNT_N + j] = subgroupMatrixMultiplyAccumulate(left[i], right, sums[i * COUNT_N + j]);
          }
        }
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < COUNT_M; i++) {
    if (multiplies) {
      for (var j = 0u; j < COUNT_N; j++) {
        let at = subgroup * MATRIX_M * RESULT_COLUMNS + j * (MATRIX_N / 4u);
        subgroupMatrixStore<row_major>(&results, at, sums[i * COUNT_N + j], RESULT_COLUMNS);
      }
    }
    workgroupBarrier();
    for (var at = lane; at < SUBGROUPS_M * SUBGROUPS_N * MATRIX_M * RESULT_COLUMNS; at += LANES) {
      let owner = at / (MATRIX_M * RESULT_COLUMNS);
      let inside = at % (MATRIX_M * RESULT_COLUMNS);
      let row = firstRow + (owner / SUBGROUPS_N * COUNT_M + i) * MATRIX_M + inside / RESULT_COLUMNS;
      let column = firstColumn + owner % SUBGROUPS_N * (COUNT_N * MATRIX_N) + inside % RESULT_COLUMNS * 4u;
      if (row < params.gemm.m && column < params.gemm.n) {
        finish(tile, row, column, results[at]);
      }
    }
    workgroupBarrier();
  }
}
