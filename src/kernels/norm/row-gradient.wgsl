// The gradient of row.wgsl with respect to x. With n = (x - mean) * inverse and g = dy * weight:
//   0 layer norm   dx = inverse * (g - mean of g - n * mean of g n)
//   1 RMS norm     dx = inverse * (g - n * mean of g n)
//   2 unit length  dx = inverse * (g - n * sum of g n), or inverse * g where epsilon replaced the length
//
// The generated header declares dy, x, the weight if there is one, mean (layer norm) and inverse of each row, and dx.
// TEAM lanes share a row and walk it twice, the second time from cache; n is made anew from x.
// Elements are vectors of four where the length allows; `loads` counts them.

struct Params {
  rows: u32,
  loads: u32,
  length: f32,
  epsilon: f32,
}

alias State = vec2<f32>; // sums of g and of g n

fn merge(a: State, b: State) -> State {
  return a + b;
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
  let base = row * params.loads;
  var end = params.loads;
  var mean = 0.0;
  var inverse = 0.0;
  if (row < params.rows) {
    mean = meanOf(row);
    inverse = inverses[row];
  } else {
    end = 0u;
  }
  var gradients = Vector();
  var products = Vector();
  for (var i = member; i < end; i += TEAM) {
    let g = Vector(dy[base + i]) * weightAt(i);
    gradients += g;
    products += g * (Vector(x[base + i]) - mean) * inverse;
  }
  var sums = mergeTeam(State(total(gradients), total(products)), lane);
  if (KIND == 2u) {
    sums = select(vec2<f32>(0.0, sums.y), vec2<f32>(), inverse >= 1.0 / params.epsilon);
  } else {
    sums /= params.length;
    if (KIND == 1u) {
      sums.x = 0.0;
    }
  }
  for (var i = member; i < end; i += TEAM) {
    let normal = (Vector(x[base + i]) - mean) * inverse;
    dx[base + i] = Element((Vector(dy[base + i]) * weightAt(i) - sums.x - normal * sums.y) * inverse);
  }
}
