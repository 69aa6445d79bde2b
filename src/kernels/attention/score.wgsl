// Shared by the attention kernels: elements of the inputs, and what becomes of the product of a query and a key before
// and after the softmax.
//
// The header declares the bindings q, k, v (and dy in the gradients), and the functions biasAt, labelAt and ropeAt, which
// read the optional inputs wherever a kernel has them. Excluded pairs get `excluded`, a finite number below every score,
// so that no infinity has to be compared. There is no branch that depends on the invocation: compilers for CPUs read what
// all invocations share once, as long as none of them can be switched off.

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
  biasStrides: vec4u, // elements per batch, head, query and key; 0 along broadcast axes
  biasBatch: u32,
  seed: u32,          // of the dropout's random words, as are the next three
  draw: u32,
  threshold: u32,     // what the top 24 bits of a kept pair's word reach
  keepScale: f32,     // factor of kept weights
  queryRopeRows: u32, // token t of batch b turns by the table's row (b * tokens + t) % rows
  keyRopeRows: u32,
  keyRopeFirst: u32,  // the table's first row for keys
  firstKey: u32,      // number of the first key that is bound, where they are too many for one binding
  labelSize: u32,     // numbers in the labels, behind which a gradient's side buffer has the rotary table
}

@group(1) @binding(0) var<uniform> params: Params;

fn queryIndex(batch: u32, head: u32, query: u32) -> u32 {
  return ((batch * params.queries + query) * params.heads + head) * COLUMNS;
}

fn keyIndex(batch: u32, head: u32, key: u32) -> u32 {
  return ((batch * params.keys + key) * params.heads + head) * COLUMNS;
}

// Pairs of features turned by their angles, (a, b) -> (a cos - b sin, b cos + a sin); backwards for gradients.
fn turned(value: Value, row: u32, column: u32) -> Value {
  let sine = ropeAt(row * 2u * COLUMNS + column);
  let cosine = ropeAt((row * 2u + 1u) * COLUMNS + column);
  return value * cosine + crossed(value) * sine;
}

fn turnedBack(value: Value, row: u32, column: u32) -> Value {
  let sine = ropeAt(row * 2u * COLUMNS + column);
  let cosine = ropeAt((row * 2u + 1u) * COLUMNS + column);
  return value * cosine - crossed(value * sine);
}

fn queryRopeRow(batch: u32, query: u32) -> u32 {
  return (batch * params.queries + query) % params.queryRopeRows;
}

fn keyRopeRow(batch: u32, key: u32) -> u32 {
  return params.keyRopeFirst + (batch * params.keys + params.firstKey + key) % params.keyRopeRows;
}

fn queryAt(batch: u32, head: u32, query: u32, column: u32) -> Value {
  let value = Value(q[queryIndex(batch, head, query) + column]);
  if (ROPE) {
    return turned(value, queryRopeRow(batch, query), column);
  }
  return value;
}

fn keyAt(batch: u32, head: u32, key: u32, column: u32) -> Value {
  let value = Value(k[keyIndex(batch, head, key) + column]);
  if (ROPE) {
    return turned(value, keyRopeRow(batch, key), column);
  }
  return value;
}

fn valueAt(batch: u32, head: u32, key: u32, column: u32) -> Value {
  return Value(v[keyIndex(batch, head, key) + column]);
}

// LABELS: 0 none; 1 a flag per key, 0 for padding; 2 a segment per token; 3 the number of keys of each batch.
fn scoreOf(product: f32, batch: u32, head: u32, query: u32, key: u32) -> f32 {
  var score = product * params.scale;
  if (HAS_BIAS) {
    let at = vec4u(batch % params.biasBatch, head, query, params.firstKey + key) * params.biasStrides;
    score += biasAt(at.x + at.y + at.z + at.w);
  }
  var out = CAUSAL && key > query;
  let entry = batch % params.labelBatch;
  if (LABELS == 1u) {
    out = out || labelAt(entry * params.keys + params.firstKey + key) == 0u;
  } else if (LABELS == 2u) {
    let differ = labelAt(entry * params.keys + key) != labelAt(entry * params.keys + query);
    score += select(0.0, params.segmentPenalty, differ);
  } else if (LABELS == 3u) {
    out = out || key >= labelAt(entry);
  }
  return select(score, excluded, out);
}

// exp(score - largest), 0 for excluded pairs.
fn weightOf(score: f32, largest: f32) -> f32 {
  return select(exp(score - largest), 0.0, score <= excluded);
}

// Factors that dropout gives the weights of four consecutive keys, the first a multiple of four: 0, or that of kept ones.
// The counter of the random words is (key / 4, draw, query, batch and head), whatever kernel asks.
fn keptFour(batch: u32, head: u32, query: u32, key: u32) -> vec4f {
  if (!DROPOUT) {
    return vec4f(1.0);
  }
  let words = philox(params.seed, vec4u((params.firstKey + key) / 4u, params.draw, query, batch * params.heads + head));
  return select(vec4f(), vec4f(params.keepScale), (words >> vec4u(8u)) >= vec4u(params.threshold));
}

fn kept(batch: u32, head: u32, query: u32, key: u32) -> f32 {
  if (!DROPOUT) {
    return 1.0;
  }
  return keptFour(batch, head, query, key)[key % 4u];
}

// Four consecutive elements from `first` on, those behind the end replaced by the last one.
fn four(first: u32, end: u32) -> vec4u {
  return min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(end - 1u));
}
