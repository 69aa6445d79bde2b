// y = (x - mean) * inverse * weight + bias along each row of x [rows, length], where KIND says what is normal:
//   0 layer norm   mean of the row, inverse = 1 / sqrt(variance + epsilon)
//   1 RMS norm     mean = 0, inverse = 1 / sqrt(mean of squares + epsilon)
//   2 unit length  mean = 0, inverse = 1 / max(root of the sum of squares, epsilon)
//
// The generated header declares the tensors that exist: x, weight and bias [length], y, and for the backward pass the
// mean and inverse of each row instead of a normalised copy of x.
// TEAM lanes share a row and walk it three times, from cache after the first: for the mean, for the squares around it,
// and for the result. x and y cross the memory bus once. Two passes, and elements seen from the first one of their row
// (`origin`), lose no digits where the mean is much larger than the deviation.
// Elements are vectors of four where the length allows; `loads` counts them.

struct Params {
  rows: u32,
  loads: u32,
  length: f32,
  epsilon: f32,
}

alias State = f32;

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
  var end = 0u;
  var origin = 0.0;
  if (row < params.rows) {
    end = params.loads;
    if (KIND == 0u) {
      origin = first(Vector(x[base]));
    }
  }
  var mean = 0.0; // from the origin
  if (KIND == 0u) {
    var sum = Vector();
    for (var i = member; i < end; i += TEAM) {
      sum += Vector(x[base + i]) - origin;
    }
    mean = mergeTeam(total(sum), lane) / params.length;
  }
  var squares = Vector();
  for (var i = member; i < end; i += TEAM) {
    let deviation = Vector(x[base + i]) - origin - mean;
    squares += deviation * deviation;
  }
  let power = mergeTeam(total(squares), lane);
  var inverse = 1.0 / sqrt(power / params.length + params.epsilon);
  if (KIND == 2u) {
    inverse = 1.0 / max(sqrt(power), params.epsilon);
  }
  for (var i = member; i < end; i += TEAM) {
    y[base + i] = Element((Vector(x[base + i]) - origin - mean) * inverse * weightAt(i) + biasAt(i));
  }
  if (member == 0u && row < params.rows) {
    saveRow(row, origin + mean, inverse);
  }
}
