// y[b, i, h] = sum over j of softmax_j(scale * q[b, i, h] . k[b, j, h] + ...) v[b, j, h], by online softmax.
//
// Layouts: q and y are [B, Tq, H, hd], k and v [B, Tk, H, hd]; the statistics are [2, B, H, Tq]: the largest score, and
// the sum of exp(score - largest). Where the keys are cut into parts (SPLIT), both become partial results, y not divided
// by the sum, which combine.wgsl puts together: the header's storeValue and storeStatistics know. `Value` is a 4-vector
// where hd is a multiple of 4, else a number; COLUMNS of them make a head. Everything else is in score.wgsl.
//
// A workgroup of LANES owns ROWS queries of one head and walks its part of the keys in blocks of 4 * LANES. Scores never
// reach memory: first every lane makes the scores of all rows with its own 4 keys, where all lanes read the same queries
// (once per vector of lanes on a CPU, a broadcast on a GPU) and each key read serves ROWS rows; then every lane owns one
// column of v and some of the rows, and adds the block's values by their weights, which the lanes exchange through
// workgroup memory. Four barriers per block, all in uniform control flow: bounds depend on the workgroup alone.
// Preconditions: COLUMNS <= LANES; ROWS * LANES <= 768, so that 16 KiB of workgroup memory suffice.

const GROUPS = LANES / COLUMNS;
const SHARE = (ROWS + GROUPS - 1u) / GROUPS;
const EDGE = LANES + 1u; // an odd stride spares bank conflicts

var<workgroup> weight: array<vec4f, ROWS * LANES>;
var<workgroup> edge: array<f32, ROWS * EDGE>;
var<workgroup> largest: array<f32, ROWS>;
var<workgroup> total: array<f32, ROWS>;
var<workgroup> decay: array<f32, ROWS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tiles = (params.queries + ROWS - 1u) / ROWS;
  let task = group.y * groups.x + group.x;
  let batchHead = task / (tiles * params.parts);
  if (batchHead >= params.batch * params.heads) {
    return;
  }
  let head = batchHead % params.heads;
  let batch = batchHead / params.heads;
  let part = (task / tiles) % params.parts;
  let query = (task % tiles) * ROWS;
  let span = (params.keys + params.parts - 1u) / params.parts;
  let end = min((part + 1u) * span, params.keys);

  let column = lane % COLUMNS;
  let row = select(lane / COLUMNS, 0u, GROUPS == 1u);
  let adds = lane < GROUPS * COLUMNS;
  var sum: array<Value, SHARE>;
  for (var r = lane; r < ROWS; r += LANES) {
    largest[r] = excluded;
    total[r] = 0.0;
  }
  for (var first = part * span; first < end; first += 4u * LANES) {
    let key = first + 4u * lane;
    let at = four(key, end);
    // Set to 0 in so many words: Dawn 0.6.2 keeps what a variable of a loop's body held in the round before.
    var score = array<vec4f, ROWS>();
    for (var d = 0u; d < COLUMNS; d++) {
      let k0 = keyAt(batch, head, at.x, d);
      let k1 = keyAt(batch, head, at.y, d);
      let k2 = keyAt(batch, head, at.z, d);
      let k3 = keyAt(batch, head, at.w, d);
      for (var r = 0u; r < ROWS; r++) {
        let own = queryAt(batch, head, min(query + r, params.queries - 1u), d);
        score[r] += vec4f(inner(own, k0), inner(own, k1), inner(own, k2), inner(own, k3));
      }
    }
    // Through memory of the lane's own, so that the loop over rows need not be unrolled.
    for (var r = 0u; r < ROWS; r++) {
      weight[r * LANES + lane] = score[r];
    }
    for (var r = 0u; r < ROWS; r++) {
      let product = weight[r * LANES + lane];
      var top = vec4f(excluded);
      for (var i = 0u; i < 4u; i++) {
        if (key + i < end) {
          top[i] = scoreOf(product[i], batch, head, min(query + r, params.queries - 1u), key + i);
        }
      }
      weight[r * LANES + lane] = top;
      let pair = max(top.xy, top.zw);
      edge[r * EDGE + lane] = max(pair.x, pair.y);
    }
    workgroupBarrier();
    for (var r = lane; r < ROWS; r += LANES) {
      var top = largest[r];
      for (var i = 0u; i < LANES; i++) {
        top = max(top, edge[r * EDGE + i]);
      }
      decay[r] = exp(largest[r] - top);
      largest[r] = top;
    }
    workgroupBarrier();
    for (var r = 0u; r < ROWS; r++) {
      let own = weight[r * LANES + lane];
      var p = select(exp(own - largest[r]), vec4f(), own <= vec4f(excluded));
      edge[r * EDGE + lane] = p.x + p.y + p.z + p.w;
      if (DROPOUT) {
        for (var i = 0u; i < 4u; i++) {
          p[i] *= kept(batch, head, query + r, key + i);
        }
      }
      weight[r * LANES + lane] = p;
    }
    workgroupBarrier();
    for (var r = lane; r < ROWS; r += LANES) {
      var next = 0.0;
      for (var i = 0u; i < LANES; i++) {
        next += edge[r * EDGE + i];
      }
      total[r] = total[r] * decay[r] + next;
    }
    if (adds) {
      for (var i = 0u; i < SHARE; i++) {
        sum[i] *= decay[min(row + i * GROUPS, ROWS - 1u)];
      }
      for (var j = 0u; j < LANES && first + 4u * j < end; j++) {
        let values = four(first + 4u * j, end);
        let v0 = valueAt(batch, head, values.x, column);
        let v1 = valueAt(batch, head, values.y, column);
        let v2 = valueAt(batch, head, values.z, column);
        let v3 = valueAt(batch, head, values.w, column);
        for (var i = 0u; i < SHARE; i++) {
          let p = weight[min(row + i * GROUPS, ROWS - 1u) * LANES + j];
          sum[i] += p.x * v0;
          sum[i] += p.y * v1;
          sum[i] += p.z * v2;
          sum[i] += p.w * v3;
        }
      }
    }
    workgroupBarrier();
  }

  if (adds) {
    for (var i = 0u; i < SHARE; i++) {
      let r = row + i * GROUPS;
      if (r < ROWS && query + r < params.queries) {
        let factor = select(1.0 / total[r], 0.0, total[r] == 0.0);
        storeValue(part, queryIndex(batch, head, query + r) + column, sum[i] * select(factor, 1.0, SPLIT));
      }
    }
  }
  for (var r = lane; r < ROWS; r += LANES) {
    if (query + r < params.queries) {
      storeStatistics(part, batchHead * params.queries + query + r, largest[r], total[r]);
    }
  }
}
