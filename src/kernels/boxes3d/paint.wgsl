// y = x, where the last box of a sample that covers an element fills it: with a value, with noise, or from `source`.
//
// Arrays are [N, D, H, W, C]; the boxes of sample n are those from ranges[n] to ranges[n + 1] (boxes.wgsl has their
// table). One invocation owns one element and asks the boxes from the last to the first, so that overlaps have an
// order without any between invocations. Noise is scaled so that the extremes of its box become LOW and HIGH.

struct Params {
  count: u32,    // elements
  depth: u32,
  height: u32,
  width: u32,
  channels: u32,
  low: f32,      // the value, or the ends of the noise
  high: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> boxes: array<i32>;
@group(0) @binding(2) var<storage, read> ranges: array<i32>;
@group(0) @binding(3) var<storage, read> extremes: array<vec2f>;
@group(0) @binding(4) var<storage, read> source: array<Element>;
@group(0) @binding(5) var<storage, read_write> y: array<Element>;
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
  var rest = i / params.channels;
  let w = i32(rest % params.width);
  rest /= params.width;
  let h = i32(rest % params.height);
  rest /= params.height;
  let at = vec3i(i32(rest % params.depth), h, w);
  let sample = rest / params.depth;
  for (var b = ranges[sample + 1u] - 1; b >= ranges[sample]; b--) {
    let box = boxAt(u32(b));
    let inside = at - box.first;
    if (any(inside < vec3i()) || any(inside >= vec3i(box.size))) {
      continue;
    }
    if (COPY) {
      y[i] = source[i];
      return;
    }
    var value = params.low;
    if (NOISE) {
      let place = vec3u(inside);
      let element = ((place.x * box.size.y + place.y) * box.size.z + place.z) * params.channels + channel;
      let ends = extremes[b];
      // A box of one element has no range.
      if (ends.y > ends.x) {
        value += (params.high - params.low) * (noiseOf(box, element / 4u)[element % 4u] - ends.x) / (ends.y - ends.x);
      }
    }
    y[i] = Element(value);
    return;
  }
  y[i] = x[i];
}
