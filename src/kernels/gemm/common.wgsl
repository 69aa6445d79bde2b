// What every skeleton of a matrix product shares: extents, the numbering of tiles, and where a finished value goes.
//
// The client declares `struct Params { gemm: Gemm, ... }`. Constants: BAND, SPLIT.

struct Gemm {
  m: u32,
  n: u32,
  k: u32,
  batches: u32,
  parts: u32, // into which k is cut
  depth: u32, // of a part
  unused: vec2<u32>,
}

struct Tile {
  batch: u32,
  part: u32,
  row: u32,    // in tiles
  column: u32, // in tiles
}

// The tile of a workgroup. Batches and parts come last to last; within one, tiles run down a band of BAND rows of tiles,
// column by column, so that what workgroups in flight read of a and b is about square and stays in the cache.
fn tileOf(task: u32, tileRows: u32, tileColumns: u32) -> Tile {
  let rows = (params.gemm.m + tileRows - 1u) / tileRows;
  let columns = (params.gemm.n + tileColumns - 1u) / tileColumns;
  let slice = task / (rows * columns);
  let rest = task % (rows * columns);
  let firstRow = rest / (BAND * columns) * BAND;
  let height = min(BAND, rows - firstRow);
  let inBand = rest - firstRow * columns;
  return Tile(slice / params.gemm.parts, slice % params.gemm.parts, firstRow + inBand % height, inBand / height);
}

fn firstOfPart(part: u32) -> u32 {
  return part * params.gemm.depth;
}

fn endOfPart(part: u32) -> u32 {
  return min(params.gemm.k, (part + 1u) * params.gemm.depth);
}
