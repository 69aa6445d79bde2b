// Shared by the pooling kernels: which elements a window takes, and which windows take an element.
//
// The volume is [N, D, H, W, C], the pooled volume [N, D', H', W', C]; `channels` counts vectors of C. Sliding windows
// start at o * stride - padding and take `kernel` positions, `dilation` apart. ADAPTIVE windows run from
// floor(o * extent / outputs) to ceil((o + 1) * extent / outputs). Preconditions: padding is at most half of the window's
// span; extents and outputs of adaptive axes are below 2^15, so that their products are exact in i32.

struct Axis {
  extent: i32,
  outputs: i32,
  kernel: i32,
  stride: i32,
  padding: i32,
  dilation: i32,
  countsPadding: i32,
  unused: i32,
}

struct Params {
  count: u32,    // vectors to make
  channels: u32,
  lowest: f32,   // -infinity, which WGSL cannot write
  unused: u32,
  axes: array<Axis, 3>, // depth, height, width
}

// Positions first, first + dilation, ... below end, all inside; an average divides by divisor.
struct Window {
  first: i32,
  end: i32,
  divisor: i32,
}

fn windowOf(axis: Axis, output: i32) -> Window {
  if (ADAPTIVE) {
    let first = output * axis.extent / axis.outputs;
    let end = ((output + 1) * axis.extent + axis.outputs - 1) / axis.outputs;
    return Window(first, end, end - first);
  }
  let start = output * axis.stride - axis.padding;
  let skipped = (max(-start, 0) + axis.dilation - 1) / axis.dilation;
  let first = start + skipped * axis.dilation;
  let end = min(start + (axis.kernel - 1) * axis.dilation + 1, axis.extent);
  let padded = min(start + axis.kernel, axis.extent + axis.padding) - start;
  return Window(first, end, max(1, select(end - first, padded, axis.countsPadding != 0)));
}

// The first and the last output whose window spans a position.
fn windowsOver(axis: Axis, position: i32) -> vec2i {
  if (ADAPTIVE) {
    let end = ((position + 1) * axis.outputs + axis.extent - 1) / axis.extent;
    return vec2i(position * axis.outputs / axis.extent, end - 1);
  }
  let reach = position + axis.padding;
  let first = max(reach - (axis.kernel - 1) * axis.dilation, 0);
  return vec2i((first + axis.stride - 1) / axis.stride, min(reach / axis.stride, axis.outputs - 1));
}

fn extents() -> vec3i {
  return vec3i(params.axes[0].extent, params.axes[1].extent, params.axes[2].extent);
}

fn outputs() -> vec3i {
  return vec3i(params.axes[0].outputs, params.axes[1].outputs, params.axes[2].outputs);
}

struct Place {
  at: vec3i,
  sample: u32,
  channel: u32,
}

// Vector i of an array [N, extents, channels].
fn placeOf(i: u32, size: vec3i) -> Place {
  let bounds = vec3u(size);
  var rest = i / params.channels;
  let channel = i % params.channels;
  let w = rest % bounds.z;
  rest /= bounds.z;
  let h = rest % bounds.y;
  rest /= bounds.y;
  return Place(vec3i(i32(rest % bounds.x), i32(h), i32(w)), rest / bounds.x, channel);
}

// The place of a sample's first vector of a channel in an array [N, extents, channels].
fn originOf(place: Place, size: vec3i) -> u32 {
  let bounds = vec3u(size);
  return place.sample * bounds.x * bounds.y * bounds.z * params.channels + place.channel;
}
