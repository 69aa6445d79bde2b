// y = (x - mean[n, c]) * inverse[n, c] * weight[c] + bias[c] for x [samples, places, channels]: what group, instance and
// batch norm do once their statistics are known, which are spread to one pair per sample and channel.
//
// A workgroup makes a block of 256 * ITEMS neighbouring elements of one sample, or vectors of four channels where their
// number allows; `channels` counts those. Channels are stepped along instead of divided out, because divisions cost more
// than the memory.
// Bound by memory: x and y cross the bus once, everything else stays in cache. The generated header declares the tensors.

struct Params {
  perSample: u32, // elements or vectors of a sample
  channels: u32,
  blocks: u32,    // of a sample
  samples: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let task = group.y * groups.x + group.x;
  let sample = task / params.blocks;
  if (sample >= params.samples) {
    return;
  }
  let first = sample * params.perSample;
  var i = task % params.blocks * (256u * ITEMS) + lane;
  var channel = i % params.channels;
  let step = 256u % params.channels;
  for (var k = 0u; k < ITEMS; k++) {
    if (i < params.perSample) {
      let entry = sample * params.channels + channel;
      y[first + i] = Element((Vector(x[first + i]) - means[entry]) * inverses[entry] * weightAt(channel) + biasAt(channel));
    }
    i += 256u;
    channel += step;
    if (channel >= params.channels) {
      channel -= params.channels;
    }
  }
}
