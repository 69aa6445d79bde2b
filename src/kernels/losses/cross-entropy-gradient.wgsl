// The gradient of the cross-entropy of the rows along `classes` of x [outer, classes, inner], times a number of the row:
// dx_c = w p_c - u_c with p = softmax(x), the target's weights u as cross-entropy-target.wgsl defines them, w their sum.
// At a label, whose hot weight h is part of both, h (p - 1) is -h (sum of the other p): near a probability of 1 the
// difference itself would have no digits left.
//
// TEAM lanes share a row; with inner > 1 a lane has a row of its own, and neighbouring lanes have neighbouring rows.
// The softmax is made anew, in two more passes over a row that the later ones find in cache: no tensor of probabilities
// exists, and nothing but the inputs was saved. The generated header declares the tensors.

struct Params {
  rows: u32, // outer * inner
  classes: u32,
  inner: u32,
  ignored: i32,
  smoothing: f32,
  factor: f32, // of every gradient
}

// (largest logit m, sum of e^(x_c - m), the same without the hot class, sum of the spread weights)
alias State = vec4<f32>;

const LOWEST = -3.4028234e38;

fn merge(a: State, b: State) -> State {
  let m = max(a.x, b.x);
  let sums = a.yz * exp(a.x - m) + b.yz * exp(b.x - m);
  return State(m, sums, a.w + b.w);
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
  var end = 0u;
  var factor = 0.0;
  var wanted = Target(0.0, 0.0, -1, 0.0);
  if (row < params.rows) {
    end = params.classes;
    wanted = targetOf(row, params.classes, params.smoothing, params.ignored);
    factor = params.factor * gradientOf(row);
  }
  var own = State(LOWEST, 0.0, 0.0, 0.0);
  for (var c = member; c < end; c += TEAM) {
    own.x = max(own.x, f32(x[base + c * params.inner]));
  }
  for (var c = member; c < end; c += TEAM) {
    let index = base + c * params.inner;
    let e = exponential(f32(x[index]) - own.x);
    own.y += e;
    own.z += select(e, 0.0, i32(c) == wanted.hot);
    own.w += spreadWeight(index, c, wanted);
  }
  let state = mergeTeam(own, lane);
  let scale = 1.0 / state.y;
  for (var c = member; c < end; c += TEAM) {
    let index = base + c * params.inner;
    let p = exp(f32(x[index]) - state.x) * scale;
    let hotDifference = wanted.hotPart * select(p, -state.z * scale, i32(c) == wanted.hot);
    dx[index] = Element(factor * (state.w * p - spreadWeight(index, c, wanted) + hotDifference));
  }
}
