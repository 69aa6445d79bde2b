// y = e^(x - max) / sum of e^(x - max) over each row of x [rows, length], or the logarithm of it with LOGARITHM.
//
// TEAM lanes share a row and walk it three times, from cache after the first: for the largest element of each lane, for
// the sum below it, and, when the lanes' pairs (max, sum) have met, for the result. x and y cross the memory bus once.
// The logarithm is (x - max) - log(sum): x minus the log-sum-exp would lose digits where x is large.
// Elements are vectors of four where the length allows; `length` counts them.

struct Params {
  rows: u32,
  length: u32,
}

alias State = vec2<f32>; // as in log-sum-exp.wgsl

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let member = lane % TEAM;
  let row = (group.y * groups.x + group.x) * (256u / TEAM) + lane / TEAM;
  let base = row * params.length;
  var end = base + params.length;
  if (row >= params.rows) {
    end = base;
  }
  var largestSeen = Vector(LOWEST);
  for (var i = base + member; i < end; i += TEAM) {
    largestSeen = max(largestSeen, Vector(x[i]));
  }
  let own = largest(largestSeen);
  var sum = Vector();
  for (var i = base + member; i < end; i += TEAM) {
    sum += exponentials(Vector(x[i]) - own);
  }
  let state = mergeTeam(State(own, total(sum)), lane);
  let logSum = logarithm(state.y);
  let scale = 1.0 / state.y;
  for (var i = base + member; i < end; i += TEAM) {
    let below = Vector(x[i]) - state.x;
    if (LOGARITHM) {
      y[i] = Element(below - logSum);
    } else {
      y[i] = Element(exp(below) * scale);
    }
  }
}
