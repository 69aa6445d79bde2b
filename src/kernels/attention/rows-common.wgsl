// Shared by the kernels in which an invocation owns rows (rows-*.wgsl): which ones.
//
// A workgroup works for PACK pairs of a batch and a head at a time, SPAN = LANES / PACK invocations for each; an
// invocation owns ROWS rows of its pair, SPAN apart. PACK > 1 only where one tile of SPAN * ROWS rows covers a pair.

const SPAN = LANES / PACK;
const TILE_ROWS = SPAN * ROWS;

fn pairCount() -> u32 {
  return params.batch * params.heads;
}

fn tileCount(rows: u32) -> u32 {
  return (rows + TILE_ROWS - 1u) / TILE_ROWS;
}

// Which of the workgroup's pairs is an invocation's.
fn slotOf(lane: u32) -> u32 {
  return select(lane / SPAN, 0u, PACK == 1u);
}

// Element i of a staged tile [PACK, TILE, COLUMNS] of the other side: (batch, head, row, column) where it comes from.
fn sourceOf(i: u32, firstPair: u32, start: u32, rows: u32) -> vec4u {
  let pair = min(firstPair + i / (TILE * COLUMNS), pairCount() - 1u);
  return vec4u(pair / params.heads, pair % params.heads, min(start + i / COLUMNS % TILE, rows - 1u), i % COLUMNS);
}

// The pair of a slot. Invocations without one repeat the last, and store nothing.
fn pairOf(firstPair: u32, slot: u32) -> u32 {
  return min(firstPair + slot, pairCount() - 1u);
}
