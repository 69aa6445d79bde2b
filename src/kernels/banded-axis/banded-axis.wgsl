// y[s, o, n, i] = sum over t of weights[s, n, t] * x[s, o, first[s, n] + t, i]: a banded matrix along one axis.
//
// x is [samples, outer, extent, inner] and y [samples, outer, outputs, inner], by vectors of the inner axis; the tables
// have one matrix for all samples, or one for each. One invocation owns one vector of y; neighbours own neighbouring
// inner vectors, or else neighbouring outputs, whose bands overlap, so that loads come from cache. f32 accumulation.
// Weights of 0 pad the shorter bands, and their elements are not read: they may be past the end, or not finite.

struct Params {
  count: u32,   // vectors of y
  inner: u32,   // vectors
  extent: u32,
  outputs: u32,
  outer: u32,
  taps: u32,
  matrices: u32, // 1, or one for each sample
}

@group(0) @binding(0) var<storage, read> x: array<Source>;
@group(0) @binding(1) var<storage, read> first: array<i32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.count) {
    return;
  }
  let place = i % params.inner;
  let line = i / params.inner;
  let output = line % params.outputs;
  let block = line / params.outputs; // sample * outer + outer index
  let row = ((block / params.outer) % params.matrices) * params.outputs + output;
  let start = (block * params.extent + u32(first[row])) * params.inner + place;
  var sum = Vector();
  for (var t = 0u; t < params.taps; t++) {
    let weight = weights[row * params.taps + t];
    if (weight != 0.0) {
      sum += weight * Vector(x[start + t * params.inner]);
    }
  }
  y[i] = Target(sum);
}
