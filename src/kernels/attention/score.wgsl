// Shared by the attention kernels: what becomes of the product of a query and a key before the softmax.
//
// Excluded pairs get `excluded`, a finite number below every score, so that no infinity has to be compared.

const excluded = -3.4e38;

struct Params {
  batch: u32,
  heads: u32,
  queries: u32,
  keys: u32,
  scale: f32,
  segmentPenalty: f32,
  parts: u32,         // pieces that the walked axis is cut into
  labelBatch: u32,    // batch b has the labels of entry b % labelBatch, and the bias of entry b % biasBatch
  biasBatch: u32,
  biasStrides: vec4u, // elements per batch, head, query and key; 0 along broadcast axes
}

@group(1) @binding(0) var<uniform> params: Params;

// LABELS: 0 none; 1 a flag per key, 0 for padding; 2 a segment per token.
fn scoreOf(product: f32, batch: u32, head: u32, query: u32, key: u32) -> f32 {
  if (CAUSAL && key > query) {
    return excluded;
  }
  let labels = (batch % params.labelBatch) * params.keys;
  if (LABELS == 1u && label[labels + key] == 0u) {
    return excluded;
  }
  var score = product * params.scale;
  if (HAS_BIAS) {
    let at = vec4u(batch % params.biasBatch, head, query, key) * params.biasStrides;
    score += f32(bias[at.x + at.y + at.z + at.w]);
  }
  if (LABELS == 2u && label[labels + key] != label[labels + query]) {
    score += params.segmentPenalty;
  }
  return score;
}

// Four consecutive elements from `first` on, those behind the end replaced by the last one.
fn four(first: u32, end: u32) -> vec4u {
  return min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(end - 1u));
}
