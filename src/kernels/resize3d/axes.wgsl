// Shared by the resize kernels: which inputs an output is made of, and which outputs touch an input.
//
// The volume is [N, D, H, W, C], the resized one [N, D', H', W', C]; `channels` counts vectors of C. Along an axis,
// output o lies at p = max(0, factor * o + offset) / divisor. Integers make it exact: floor(p) is the quotient, the
// weight of the next input the remainder / divisor, and the outputs around an input are a range without guesswork.
// NEAREST takes floor(p). Precondition: extents and outputs are below 2^15, so that no product reaches 2^31.

struct Axis {
  extent: i32,
  outputs: i32,
  factor: i32,
  offset: i32,
  divisor: i32,
}

struct Params {
  count: u32,    // vectors to make
  channels: u32,
  axes: array<vec4i, 6>, // extent, outputs, factor, offset; divisor: depth, height, width
}

fn axisAt(k: u32) -> Axis {
  let a = params.axes[2u * k];
  return Axis(a.x, a.y, a.z, a.w, params.axes[2u * k + 1u].x);
}

// Inputs lower and upper; upper has `weight`, lower the rest. Where the weight is 0, upper is lower.
struct Pair {
  lower: i32,
  upper: i32,
  weight: f32,
}

fn pairOf(axis: Axis, output: i32) -> Pair {
  let position = max(0, axis.factor * output + axis.offset);
  let lower = position / axis.divisor;
  let remainder = position - lower * axis.divisor;
  if (NEAREST || remainder == 0 || lower + 1 >= axis.extent) {
    return Pair(lower, lower, 0.0);
  }
  return Pair(lower, lower + 1, f32(remainder) / f32(axis.divisor));
}

// The first and the last output that touch an input.
fn outputsOver(axis: Axis, input: i32) -> vec2i {
  var first = 0;
  var last = axis.outputs - 1;
  if (NEAREST) {
    first = (input * axis.divisor + axis.factor - 1) / axis.factor;
    last = ((input + 1) * axis.divisor - 1) / axis.factor;
    return vec2i(first, last);
  }
  if (input > 0) {
    let after = (input - 1) * axis.divisor - axis.offset; // factor * o is beyond it
    if (after >= 0) {
      first = after / axis.factor + 1;
    }
  }
  if (input < axis.extent - 1) {
    let before = (input + 1) * axis.divisor - axis.offset; // factor * o is below it
    if (before <= 0) {
      return vec2i(0, -1);
    }
    last = min(last, (before - 1) / axis.factor);
  }
  return vec2i(first, last);
}

// What `input` contributes to `output`.
fn weightOf(axis: Axis, input: i32, output: i32) -> f32 {
  let pair = pairOf(axis, output);
  return select(0.0, 1.0 - pair.weight, pair.lower == input) +
    select(0.0, pair.weight, pair.upper == input && pair.upper != pair.lower);
}

struct Place {
  at: vec3i,
  sample: u32,
  channel: u32,
}

// Vector i of an array [N, size, channels].
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

// The place of a sample's first vector of a channel in an array [N, size, channels].
fn originOf(place: Place, size: vec3i) -> u32 {
  let bounds = vec3u(size);
  return place.sample * bounds.x * bounds.y * bounds.z * params.channels + place.channel;
}
