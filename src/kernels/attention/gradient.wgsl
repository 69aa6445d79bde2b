// Gradients of attention from recomputed weights. With p[i, j] the softmax weight of query i and key j, m[i, j] what
// dropout multiplies it by, and ds[i, j] = scale * p[i, j] * (m[i, j] * dy[i] . v[j] - delta[i]):
//
//   OF_QUERY:      dq[i] = sum over keys j of    ds[i, j] k[j]
//   not OF_QUERY:  dk[j] = sum over queries i of ds[i, j] q[i],  dv[j] = sum over queries i of m[i, j] p[i, j] dy[i]
//
// Both are "for every owned row, walk the other side", so one source serves both. Layouts as in forward.wgsl; the side
// buffer is that of side.wgsl. No atomics: every row has one owner, and the walk has a fixed order. Where the walked side
// is cut into parts (SPLIT), the result is partial, to be summed. Rotary positions are applied on load, and taken back
// from dq and dk before they are stored.
//
// Work is shared as in forward.wgsl, with two barriers per block since the softmax is known: each lane makes the weights
// of ROWS owned rows with its own 4 walked rows, then each lane owns a column of the results.

const GROUPS = LANES / COLUMNS;
const SHARE = (ROWS + GROUPS - 1u) / GROUPS;

var<workgroup> weight: array<vec4f, ROWS * LANES>;      // ds
var<workgroup> rightProduct: array<vec4f, ROWS * LANES>; // dy . v, then m * p

// Whose products are the scores.
fn ownLeft(batch: u32, head: u32, row: u32, column: u32) -> Value {
  if (OF_QUERY) {
    return queryAt(batch, head, row, column);
  }
  return keyAt(batch, head, row, column);
}

fn walkedLeft(batch: u32, head: u32, row: u32, column: u32) -> Value {
  if (OF_QUERY) {
    return keyAt(batch, head, row, column);
  }
  return queryAt(batch, head, row, column);
}

// Whose products are the gradients of the weights.
fn ownRight(batch: u32, head: u32, row: u32, column: u32) -> Value {
  if (OF_QUERY) {
    return Value(dy[queryIndex(batch, head, row) + column]);
  }
  return valueAt(batch, head, row, column);
}

fn walkedRight(batch: u32, head: u32, row: u32, column: u32) -> Value {
  if (OF_QUERY) {
    return valueAt(batch, head, row, column);
  }
  return Value(dy[queryIndex(batch, head, row) + column]);
}

// Four dot products of an owned row with the walked rows.
fn products(own: Value, w0: Value, w1: Value, w2: Value, w3: Value) -> vec4f {
  return vec4f(inner(own, w0), inner(own, w1), inner(own, w2), inner(own, w3));
}

// (ds, m * p) of one pair.
fn factors(product: f32, right: f32, batch: u32, head: u32, own: u32, walked: u32) -> vec2f {
  let query = select(walked, own, OF_QUERY);
  let key = select(own, walked, OF_QUERY);
  let row = rowIndex(batch, head, query);
  let p = weightOf(scoreOf(product, batch, head, query, key), largestOf(row)) * factorOf(row);
  let m = kept(batch, head, query, key);
  return vec2f(params.scale * p * (m * right - deltaOf(row)), m * p);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let ownCount = select(params.keys, params.queries, OF_QUERY);
  let walkedCount = select(params.queries, params.keys, OF_QUERY);
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

  let column = lane % COLUMNS;
  let row = select(lane / COLUMNS, 0u, GROUPS == 1u);
  let adds = lane < GROUPS * COLUMNS;
  var left: array<Value, SHARE>;
  var right: array<Value, SHARE>;
  for (var first = part * span; first < end; first += 4u * LANES) {
    let walked = first + 4u * lane;
    let at = four(walked, end);
    // Set to 0 in so many words: Dawn 0.6.2 keeps what a variable of a loop's body held in the round before.
    var leftProduct = array<vec4f, ROWS>();
    var gradient = array<vec4f, ROWS>();
    for (var d = 0u; d < COLUMNS; d++) {
      let l0 = walkedLeft(batch, head, at.x, d);
      let l1 = walkedLeft(batch, head, at.y, d);
      let l2 = walkedLeft(batch, head, at.z, d);
      let l3 = walkedLeft(batch, head, at.w, d);
      let r0 = walkedRight(batch, head, at.x, d);
      let r1 = walkedRight(batch, head, at.y, d);
      let r2 = walkedRight(batch, head, at.z, d);
      let r3 = walkedRight(batch, head, at.w, d);
      for (var r = 0u; r < ROWS; r++) {
        let own = min(firstOwn + r, ownCount - 1u);
        leftProduct[r] += products(ownLeft(batch, head, own, d), l0, l1, l2, l3);
        gradient[r] += products(ownRight(batch, head, own, d), r0, r1, r2, r3);
      }
    }
    // Through memory of the lane's own, so that the loop over rows need not be unrolled.
    for (var r = 0u; r < ROWS; r++) {
      weight[r * LANES + lane] = leftProduct[r];
      rightProduct[r * LANES + lane] = gradient[r];
    }
    for (var r = 0u; r < ROWS; r++) {
      let product = weight[r * LANES + lane];
      let dp = rightProduct[r * LANES + lane];
      var ds = vec4f();
      var p = vec4f();
      for (var i = 0u; i < 4u; i++) {
        if (walked + i < end) {
          let both = factors(product[i], dp[i], batch, head, min(firstOwn + r, ownCount - 1u), walked + i);
          ds[i] = both.x;
          p[i] = both.y;
        }
      }
      weight[r * LANES + lane] = ds;
      rightProduct[r * LANES + lane] = p;
    }
    workgroupBarrier();
    if (adds) {
      for (var j = 0u; j < LANES && first + 4u * j < end; j++) {
        let rows = four(first + 4u * j, end);
        for (var w = 0u; w < 4u; w++) {
          let l = walkedLeft(batch, head, rows[w], column);
          for (var i = 0u; i < SHARE; i++) {
            left[i] += weight[min(row + i * GROUPS, ROWS - 1u) * LANES + j][w] * l;
          }
          if (!OF_QUERY) {
            let g = walkedRight(batch, head, rows[w], column);
            for (var i = 0u; i < SHARE; i++) {
              right[i] += rightProduct[min(row + i * GROUPS, ROWS - 1u) * LANES + j][w] * g;
            }
          }
        }
      }
    }
    workgroupBarrier();
  }

  if (adds) {
    for (var i = 0u; i < SHARE; i++) {
      let r = row + i * GROUPS;
      if (r < ROWS && firstOwn + r < ownCount) {
        let own = firstOwn + r;
        storeGradients(part, batch, head, own, column, left[i], right[i]);
      }
    }
  }
}
