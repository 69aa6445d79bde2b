// dx = (dy * weight[c] - shift[n, c] - normal * slope[n, c]) * inverse[n, c], normal = (x - mean[n, c]) * inverse[n, c]:
// the gradient of group, instance and batch norm, once `shift` and `slope`, the means of dy weight and of
// dy weight normal over what was normalised together, are known and spread to samples and channels.
//
// One invocation makes one element, or a vector of four channels where their number allows; `channels` counts those.
// Bound by memory: dy, x and dx cross the bus once. The generated header declares the tensors.

struct Params {
  count: u32,     // elements or vectors of x
  perSample: u32, // places * channels
  channels: u32,
}

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
  let channel = i % params.channels;
  let entry = i / params.perSample * params.channels + channel;
  let inverse = inverses[entry];
  let normal = (Vector(x[i]) - means[entry]) * inverse;
  dx[i] = Element((Vector(dy[i]) * weightAt(channel) - shifts[entry] - normal * slopes[entry]) * inverse);
}
