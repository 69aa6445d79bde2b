// Puts the parts of forward.wgsl together: with M the largest of all parts' largest scores,
// total = sum over p of exp(largest_p - M) total_p, and y = sum over p of exp(largest_p - M) y_p / total.
//
// Layouts: `partial` holds the parts of y [P, B, Tq, H, hd] and then their statistics [P, 2, B, H, Tq], all in f32; y and
// the statistics as in forward.wgsl. The header declares the bindings. One invocation owns one `Value` of y and reads it once per part; the first of a head also writes its
// statistics. Parts are few, and this only runs where there are few queries.

struct Params {
  heads: u32,
  queries: u32,
  rows: u32,  // batch * heads * queries
  parts: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let size = params.rows * COLUMNS;
  if (i >= size) {
    return;
  }
  let column = i % COLUMNS;
  let head = i / COLUMNS % params.heads;
  let query = i / (COLUMNS * params.heads) % params.queries;
  let batch = i / (COLUMNS * params.heads * params.queries);
  let row = (batch * params.heads + head) * params.queries + query;
  let first = params.parts * size * WIDTH + row;
  var largest = partial[first];
  for (var p = 1u; p < params.parts; p++) {
    largest = max(largest, partial[first + p * 2u * params.rows]);
  }
  var total = 0.0;
  var sum = Value();
  for (var p = 0u; p < params.parts; p++) {
    let place = first + p * 2u * params.rows;
    let weight = exp(partial[place] - largest);
    total += weight * partial[place + params.rows];
    sum += weight * partialAt(p * size + i);
  }
  y[i] = Stored(sum * select(1.0 / total, 0.0, total == 0.0));
  if (column == 0u) {
    statistics[row] = largest;
    statistics[row + params.rows] = total;
  }
}
