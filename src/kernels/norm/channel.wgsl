// y = (x - mean[n, c]) * inverse[n, c] * weight[c] + bias[c] for x [samples, places, channels]: what group, instance and
// batch norm do once their statistics are known, which are spread to one pair per sample and channel.
//
// One invocation makes one element, or a vector of four channels where their number allows; `channels` counts those.
// Bound by memory: x and y cross the bus once, everything else stays in cache. The generated header declares the tensors.

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
  y[i] = Element((Vector(x[i]) - means[entry]) * inverses[entry] * weightAt(channel) + biasAt(channel));
}
