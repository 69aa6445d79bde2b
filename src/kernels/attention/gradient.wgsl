// Gradients of attention from recomputed weights. With p[i, j] the softmax weight of query i and key j, and
// ds[i, j] = scale * p[i, j] * (dy[i] . v[j] - delta[i]):
//
//   MODE 0, queries own:  dq[i] = sum over keys j of    ds[i, j] k[j]
//   MODE 1, keys own:     dk[j] = sum over queries i of ds[i, j] q[i]
//   MODE 2, keys own:     dv[j] = sum over queries i of p[i, j] dy[i]
//
// One kernel serves all three, since each is "for every owned row, walk the other side": ownLeft, walkedLeft are q, k or
// k, q, whose products make scores; ownRight, walkedRight are dy, v or v, dy, whose products make dp (not needed for dv).
// Layouts as in forward.wgsl; the statistics are those of delta.wgsl. No atomics: every row has one owner, and the walk
// has a fixed order. Where the walked side is cut into parts, the result gains a leading axis of parts, to be summed.
//
// Work is shared as in forward.wgsl, with two barriers per block since the softmax is known: each lane makes the weights
// of ROWS owned rows with its own 4 walked rows, then each lane owns a column of the result.

@group(0) @binding(0) var<storage, read> ownLeft: array<Stored>;
@group(0) @binding(1) var<storage, read> ownRight: array<Stored>;
@group(0) @binding(2) var<storage, read> walkedLeft: array<Stored>;
@group(0) @binding(3) var<storage, read> walkedRight: array<Stored>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<Bias>;
@group(0) @binding(6) var<storage, read> label: array<u32>;
@group(0) @binding(7) var<storage, read_write> gradient: array<Output>;

const GROUPS = LANES / COLUMNS;
const SHARE = (ROWS + GROUPS - 1u) / GROUPS;

var<workgroup> weight: array<vec4f, ROWS * LANES>;
var<workgroup> rightProduct: array<vec4f, ROWS * LANES>;

// Four dot products of an owned row with the walked rows.
fn products(own: Value, w0: Value, w1: Value, w2: Value, w3: Value) -> vec4f {
  return vec4f(inner(own, w0), inner(own, w1), inner(own, w2), inner(own, w3));
}

// The factor of one walked row in the sum of one owned row.
fn weightOf(product: f32, right: f32, batch: u32, head: u32, own: u32, walked: u32) -> f32 {
  let query = select(walked, own, MODE == 0u);
  let key = select(own, walked, MODE == 0u);
  let rows = params.batch * params.heads * params.queries;
  let row = (batch * params.heads + head) * params.queries + query;
  let score = scoreOf(product, batch, head, query, key);
  let p = select(exp(score - statistics[row]), 0.0, score <= excluded) * statistics[row + rows];
  if (MODE == 2u) {
    return p;
  }
  return params.scale * p * (right - statistics[row + 2u * rows]);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let ownCount = select(params.keys, params.queries, MODE == 0u);
  let walkedCount = select(params.queries, params.keys, MODE == 0u);
  let tiles = (ownCount + ROWS - 1u) / ROWS;
  let task = group.y * groups.x + group.x;
  let batchHead = task / (tiles * params.parts);
  if (batchHead >= params.batch * params.heads) {
    return;
  }
  let head = batchHead % params.heads;
  let batch = batchHead / params.heads;
  let part = (task / tiles) % params.parts;
  let firstOwn = (task % tiles) * ROWS;
  let span = (walkedCount + params.parts - 1u) / params.parts;
  let end = min((part + 1u) * span, walkedCount);
  let stride = params.heads * COLUMNS;
  let ownBase = batch * ownCount * stride + head * COLUMNS;
  let walkedBase = batch * walkedCount * stride + head * COLUMNS;

  let column = lane % COLUMNS;
  let row = select(lane / COLUMNS, 0u, GROUPS == 1u);
  let adds = lane < GROUPS * COLUMNS;
  var sum: array<Value, SHARE>;
  for (var first = part * span; first < end; first += 4u * LANES) {
    let walked = first + 4u * lane;
    let at = walkedBase + four(walked, end) * stride;
    // Set to 0 in so many words: Dawn 0.6.2 keeps what a variable of a loop's body held in the round before.
    var left = array<vec4f, ROWS>();
    var right = array<vec4f, ROWS>();
    for (var d = 0u; d < COLUMNS; d++) {
      let l0 = Value(walkedLeft[at.x + d]);
      let l1 = Value(walkedLeft[at.y + d]);
      let l2 = Value(walkedLeft[at.z + d]);
      let l3 = Value(walkedLeft[at.w + d]);
      for (var r = 0u; r < ROWS; r++) {
        let own = ownBase + min(firstOwn + r, ownCount - 1u) * stride + d;
        left[r] += products(Value(ownLeft[own]), l0, l1, l2, l3);
      }
      if (MODE != 2u) {
        let r0 = Value(walkedRight[at.x + d]);
        let r1 = Value(walkedRight[at.y + d]);
        let r2 = Value(walkedRight[at.z + d]);
        let r3 = Value(walkedRight[at.w + d]);
        for (var r = 0u; r < ROWS; r++) {
          let own = ownBase + min(firstOwn + r, ownCount - 1u) * stride + d;
          right[r] += products(Value(ownRight[own]), r0, r1, r2, r3);
        }
      }
    }
    // Through memory of the lane's own, so that the loop over rows need not be unrolled.
    for (var r = 0u; r < ROWS; r++) {
      weight[r * LANES + lane] = left[r];
      rightProduct[r * LANES + lane] = right[r];
    }
    for (var r = 0u; r < ROWS; r++) {
      let product = weight[r * LANES + lane];
      let dp = rightProduct[r * LANES + lane];
      var next = vec4f();
      for (var i = 0u; i < 4u; i++) {
        if (walked + i < end) {
          next[i] = weightOf(product[i], dp[i], batch, head, min(firstOwn + r, ownCount - 1u), walked + i);
        }
      }
      weight[r * LANES + lane] = next;
    }
    workgroupBarrier();
    if (adds) {
      for (var j = 0u; j < LANES && first + 4u * j < end; j++) {
        let values = walkedBase + four(first + 4u * j, end) * stride + column;
        var w: array<Value, 4>;
        for (var i = 0u; i < 4u; i++) {
          if (MODE == 2u) {
            w[i] = Value(walkedRight[values[i]]);
          } else {
            w[i] = Value(walkedLeft[values[i]]);
          }
        }
        for (var i = 0u; i < SHARE; i++) {
          let p = weight[min(row + i * GROUPS, ROWS - 1u) * LANES + j];
          sum[i] += p.x * w[0];
          sum[i] += p.y * w[1];
          sum[i] += p.z * w[2];
          sum[i] += p.w * w[3];
        }
      }
    }
    workgroupBarrier();
  }

  if (adds) {
    let size = params.batch * ownCount * stride;
    for (var i = 0u; i < SHARE; i++) {
      let r = row + i * GROUPS;
      if (r < ROWS && firstOwn + r < ownCount) {
        gradient[part * size + ownBase + (firstOwn + r) * stride + column] = Output(sum[i]);
      }
    }
  }
}
