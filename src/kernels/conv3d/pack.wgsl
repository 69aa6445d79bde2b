// Weights as gather.wgsl wants them: packed[group, tap, c, o] with the output channels o of a group padded by zeros to
// a multiple of 4, from weight[first, tap, last], where either the first or the last axis holds the output channels.
//
// One invocation makes one element. Weights are small beside the volumes they are applied to.

struct Params {
  count: u32,      // elements of packed
  taps: u32,
  contracted: u32, // channels c of a group
  outputs: u32,    // channels o of a group
  padded: u32,
}

@group(0) @binding(0) var<storage, read> weight: array<Weight>;
@group(0) @binding(1) var<storage, read_write> packed: array<Weight>;
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
  let o = i % params.padded;
  let c = i / params.padded % params.contracted;
  let tap = i / (params.padded * params.contracted) % params.taps;
  let channelGroup = i / (params.padded * params.contracted * params.taps);
  var value = Weight();
  if (o < params.outputs) {
    if (OUTPUTS_FIRST) {
      value = weight[((channelGroup * params.outputs + o) * params.taps + tap) * params.contracted + c];
    } else {
      value = weight[((channelGroup * params.contracted + c) * params.taps + tap) * params.outputs + o];
    }
  }
  packed[i] = value;
}
