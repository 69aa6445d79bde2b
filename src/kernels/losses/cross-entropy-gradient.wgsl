// dx_c = gradient * (softmax(x)_c * w - u_c), w = sum of u_c: the gradient of the cross-entropy of the rows along `classes`
// of x [outer, classes, inner], with u as cross-entropy-target.wgsl defines it.
//
// TEAM lanes share a row; with inner > 1 a lane has a row of its own, and neighbouring lanes have neighbouring rows.
// The softmax is made anew, in two more passes over a row that the last pass finds in cache: no tensor of
// probabilities exists, and nothing but the inputs was saved. The generated header declares the tensors.

struct Params {
  rows: u32, // outer * inner
  classes: u32,
  inner: u32,
  ignored: i32,
  smoothing: f32,
  factor: f32, // of every gradient
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let member = lane % TEAM;
  let row = (group.y * groups.x + group.x) * (256u / TEAM) + lane / TEAM;
  let base = row / params.inner * params.classes * params.inner + row % params.inner;
  var end = params.classes;
  if (row >= params.rows) {
    end = 0u;
  }
  var own = neutral();
  for (var c = member; c < end; c += TEAM) {
    own.x = max(own.x, f32(x[base + c * params.inner]));
  }
  for (var c = member; c < end; c += TEAM) {
    let index = base + c * params.inner;
    own.y += exp(f32(x[index]) - own.x);
    own.w += targetWeight(index, row, c, params.classes, params.smoothing, params.ignored);
  }
  let state = mergeTeam(own, lane);
  let factor = params.factor * gradientOf(row);
  let scale = state.w / state.y;
  for (var c = member; c < end; c += TEAM) {
    let index = base + c * params.inner;
    let weight = targetWeight(index, row, c, params.classes, params.smoothing, params.ignored);
    dx[index] = Element(factor * (exp(f32(x[index]) - state.x) * scale - weight));
  }
}
