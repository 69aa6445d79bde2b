// dx = (dy * weight[c] - shift[n, c] - normal * slope[n, c]) * inverse[n, c], normal = (x - mean[n, c]) * inverse[n, c]:
// the gradient of group, instance and batch norm, once `shift` and `slope`, the means of dy weight and of
// dy weight normal over what was normalised together, are known and spread to samples and channels.
//
// A workgroup makes a block of 256 * ITEMS neighbouring elements of one sample, or vectors of four channels where their
// number allows; `channels` counts those. Channels are stepped along instead of divided out, because divisions cost more
// than the memory.
// Bound by memory: dy, x and dx cross the bus once. The generated header declares the tensors.

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
      let inverse = inverses[entry];
      let normal = (Vector(x[first + i]) - means[entry]) * inverse;
      let g = Vector(dy[first + i]) * weightAt(channel);
      dx[first + i] = Element((g - shifts[entry] - normal * slopes[entry]) * inverse);
    }
    i += 256u;
    channel += step;
    if (channel >= params.channels) {
      channel -= params.channels;
    }
  }
}
