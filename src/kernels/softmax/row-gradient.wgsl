// The gradient of softmax along rows: dx = y (dy - sum of y dy), or of its logarithm: dx = dy - e^y (sum of dy).
//
// TEAM lanes share a row of [rows, length] and walk it twice, the second time from cache. Elements are vectors of four
// where the length allows; `length` counts them.

struct Params {
  rows: u32,
  length: u32,
}

alias State = f32;

fn merge(a: State, b: State) -> State {
  return a + b;
}

@group(0) @binding(0) var<storage, read> dy: array<Element>;
@group(0) @binding(1) var<storage, read> y: array<Element>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;
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
  var sum = Vector();
  for (var i = base + member; i < end; i += TEAM) {
    if (LOGARITHM) {
      sum += Vector(dy[i]);
    } else {
      sum += Vector(dy[i]) * Vector(y[i]);
    }
  }
  let rowSum = mergeTeam(total(sum), lane);
  for (var i = base + member; i < end; i += TEAM) {
    let gradient = Vector(dy[i]);
    if (LOGARITHM) {
      dx[i] = Element(gradient - exponentials(Vector(y[i])) * rowSum);
    } else {
      dx[i] = Element(Vector(y[i]) * (gradient - rowSum));
    }
  }
}
