// Shared by the attention kernels of register blocks (blocks-*.wgsl): tiles, and the two kinds of products.
//
// A workgroup of 8 x 8 invocations owns OWN rows of one head and walks the other side WALKED rows at a time. Invocation
// (g, c) = (lane / 8, lane % 8) makes the scores of own rows 4 g ... 4 g + 3 with walked rows 4 c ... 4 c + 3: 16 inner
// products for every 8 vectors it reads. Their weights go through workgroup memory, where it sees its own rows with all walked
// ones and adds up their products with column c of every CHUNK of the walked rows: 4 sums for every 2 vectors it reads.
//
// Features are staged CHUNK columns at a time, `Value`s with zeros behind the end of a head, so that a head of any size takes the
// same workgroup memory; own rows stay there where all of their chunks fit (RESIDENT). For the first kind of products a tile is
// [column, row], its rows in the order 0, 4, 8 ... 1, 5, ..., so that invocations side by side read side by side; for the second
// [row, column].
//
// ownAt and walkedAt come with the kernels: the left pair of rows makes the scores, the right pair the weights' gradients.
// Barriers are in uniform control flow: all bounds depend on the workgroup alone. LANES = 64.

const GRID = 8u;
const OWN = 4u * GRID;
const WALKED = 4u * GRID;
const CHUNK = GRID;
const CHUNKS = (COLUMNS + CHUNK - 1u) / CHUNK;
const OWN_TILES = select(1u, OWN_SIDES * CHUNKS, RESIDENT);

// For each of the invocation's own rows, what belongs to its four walked rows.
alias Block = array<vec4f, 4>;
// [chunk, own row]
alias Sums = array<Value, 4u * CHUNKS>;

// Rows of one side: which pair, and which of them is the first of the tile.
struct Rows {
  batch: u32,
  head: u32,
  first: u32,
  count: u32, // of the whole side
}

var<workgroup> ownTiles: array<Value, OWN_TILES * OWN * CHUNK>;
var<workgroup> walkedTile: array<Value, WALKED * CHUNK>;
var<workgroup> weights: array<vec4f, WALKED * GRID>; // [walked row, g]: of the four own rows

fn placeOf(row: u32) -> u32 {
  return row % 4u * GRID + row / 4u;
}

fn ownTile(isRight: bool, chunk: u32) -> u32 {
  return select(0u, (select(0u, CHUNKS, isRight) + chunk) * OWN * CHUNK, RESIDENT);
}

fn stageOwn(isRight: bool, own: Rows, chunk: u32, lane: u32) {
  for (var i = lane; i < OWN * CHUNK; i += LANES) {
    let row = i / CHUNK;
    let column = chunk * CHUNK + i % CHUNK;
    var value = Value();
    if (column < COLUMNS) {
      value = ownAt(isRight, own.batch, own.head, min(own.first + row, own.count - 1u), column);
    }
    ownTiles[ownTile(isRight, chunk) + i % CHUNK * OWN + placeOf(row)] = value;
  }
}

fn stageWalked(isRight: bool, walked: Rows, chunk: u32, lane: u32, isTurned: bool) {
  for (var i = lane; i < WALKED * CHUNK; i += LANES) {
    let row = i / CHUNK;
    let column = chunk * CHUNK + i % CHUNK;
    var value = Value();
    if (column < COLUMNS) {
      value = walkedAt(isRight, walked.batch, walked.head, min(walked.first + row, walked.count - 1u), column);
    }
    walkedTile[select(i, i % CHUNK * WALKED + placeOf(row), isTurned)] = value;
  }
}

// Own rows that stay: once, before the walk.
fn stageResident(own: Rows, lane: u32) {
  if (RESIDENT) {
    for (var chunk = 0u; chunk < CHUNKS; chunk++) {
      stageOwn(false, own, chunk, lane);
      if (OWN_SIDES == 2u) {
        stageOwn(true, own, chunk, lane);
      }
    }
  }
}

// The inner products of the left or the right rows.
fn products(isRight: bool, own: Rows, walked: Rows, lane: u32) -> Block {
  var block = Block();
  for (var chunk = 0u; chunk < CHUNKS; chunk++) {
    workgroupBarrier();
    if (!RESIDENT) {
      stageOwn(isRight, own, chunk, lane);
    }
    stageWalked(isRight, walked, chunk, lane, true);
    workgroupBarrier();
    let ownBase = ownTile(isRight, chunk) + lane / GRID;
    for (var d = 0u; d < CHUNK; d++) {
      let right = d * WALKED + lane % GRID;
      let w0 = walkedTile[right];
      let w1 = walkedTile[right + GRID];
      let w2 = walkedTile[right + 2u * GRID];
      let w3 = walkedTile[right + 3u * GRID];
      for (var r = 0u; r < 4u; r++) {
        let left = ownTiles[ownBase + d * OWN + r * GRID];
        block[r] += vec4f(inner(left, w0), inner(left, w1), inner(left, w2), inner(left, w3));
      }
    }
  }
  return block;
}

// Shows the invocation's weights to those that have the same own rows.
fn share(block: Block, lane: u32) {
  for (var j = 0u; j < 4u; j++) {
    weights[(lane % GRID * 4u + j) * GRID + lane / GRID] = vec4f(block[0][j], block[1][j], block[2][j], block[3][j]);
  }
}

// Adds the left or the right walked rows by the shared weights.
fn addWalked(sums: ptr<function, Sums>, isRight: bool, walked: Rows, lane: u32) {
  for (var chunk = 0u; chunk < CHUNKS; chunk++) {
    workgroupBarrier();
    stageWalked(isRight, walked, chunk, lane, false);
    workgroupBarrier();
    for (var j = 0u; j < WALKED; j++) {
      let weight = weights[j * GRID + lane / GRID];
      let value = walkedTile[j * CHUNK + lane % GRID];
      for (var r = 0u; r < 4u; r++) {
        (*sums)[chunk * 4u + r] += weight[r] * value;
      }
    }
  }
}
