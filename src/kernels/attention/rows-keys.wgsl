// Shared by the kernels in which an invocation owns queries (rows-forward.wgsl, rows-query-gradient.wgsl): the keys they walk.

var<workgroup> keyTile: array<Value, PACK * TILE * COLUMNS>;
var<workgroup> valueTile: array<Value, PACK * TILE * COLUMNS>;

// Keys behind all of the workgroup's queries, or behind the end of its sequence, are no use.
fn keyEnd(firstPair: u32, tile: u32) -> u32 {
  var end = params.keys;
  if (CAUSAL) {
    end = min(end, (tile + 1u) * TILE_ROWS);
  }
  if (LABELS == 3u && PACK == 1u) {
    end = min(end, labelAt(firstPair / params.heads % params.labelBatch));
  }
  return end;
}

// Keys and values from `start` on, between two barriers.
fn stageKeys(firstPair: u32, start: u32, lane: u32) {
  workgroupBarrier();
  for (var i = lane; i < PACK * TILE * COLUMNS; i += LANES) {
    let source = sourceOf(i, firstPair, start, params.keys);
    keyTile[i] = keyAt(source.x, source.y, source.z, source.w);
    valueTile[i] = valueAt(source.x, source.y, source.z, source.w);
  }
  workgroupBarrier();
}
