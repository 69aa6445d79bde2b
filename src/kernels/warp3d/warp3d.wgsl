// y[n, o] = x[n] at the place maps[n] * (o, 1) (+ bend[n](o)), between voxels by nearest, linear or cubic interpolation.
//
// Arrays are [N, D, H, W, C] by vectors of channels; maps is [N, 24], twelve numbers in fixed point: a whole part and a
// fraction of 2^-32. Places are sums of integers, hence the same on every adapter and within 2^-20 of float64 for any
// volume; f32 places would be off by 3e-5 voxels at 512. The bend (BEND) is a grid of control points [N, gd, gh, gw, 3]
// in voxels, from the first to the last voxel centre of y, between which a cubic B-spline of the displacement runs.
//
// Beyond the outermost centres the edge is repeated; with a value for the outside, that holds from half a voxel on.
// CUBIC is the Catmull-Rom spline. Neighbours of weight 0 are not read: infinity times 0 would be NaN. One invocation
// makes one vector of y; neighbours own neighbouring places, whose inputs are mostly the same, from cache.

struct Params {
  size: vec4u,    // of x: depth, height, width; channels (vectors)
  target_size: vec4u, // of y: depth, height, width; count of vectors
  bend: vec4u,    // control points: depth, height, width
  outside: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Source>;
@group(0) @binding(1) var<storage, read> maps: array<i32>;
@group(0) @binding(2) var<storage, read> control: array<Control>;
@group(0) @binding(3) var<storage, read_write> y: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

// A place along an axis: a voxel and the way from it to the next one, in 2^-32.
struct Place {
  whole: i32,
  part: u32,
}

fn high(a: u32, b: u32) -> u32 {
  let aLow = a & 0xffffu;
  let aHigh = a >> 16u;
  let bLow = b & 0xffffu;
  let bHigh = b >> 16u;
  let middle = aHigh * bLow + ((aLow * bLow) >> 16u);
  let cross = aLow * bHigh + (middle & 0xffffu);
  return aHigh * bHigh + (middle >> 16u) + (cross >> 16u);
}

fn plus(a: Place, b: Place) -> Place {
  let part = a.part + b.part;
  return Place(a.whole + b.whole + select(0, 1, part < a.part), part);
}

fn number(sample: u32, n: u32) -> Place {
  return Place(maps[sample * 24u + 2u * n], u32(maps[sample * 24u + 2u * n + 1u]));
}

fn times(a: Place, index: u32) -> Place {
  return Place(a.whole * i32(index) + i32(high(a.part, index)), a.part * index);
}

fn placeOf(sample: u32, axis: u32, at: vec3u) -> Place {
  let row = 4u * axis;
  let line = plus(times(number(sample, row), at.x), number(sample, row + 3u));
  return plus(line, plus(times(number(sample, row + 1u), at.y), times(number(sample, row + 2u), at.z)));
}

fn moved(place: Place, by: f32) -> Place {
  let whole = floor(by);
  let part = u32(min(by - whole, 0.99999994) * 4294967296.0);
  return plus(place, Place(i32(whole), part));
}

fn spline(part: f32) -> vec4f {
  let rest = 1.0 - part;
  let square = part * part;
  return vec4f(
    rest * rest * rest,
    3.0 * square * part - 6.0 * square + 4.0,
    3.0 * (part + square - square * part) + 1.0,
    square * part,
  ) * (1.0 / 6.0);
}

// The displacement at voxel `at` of y. Control points beyond the grid are those at its end.
fn bendAt(sample: u32, at: vec3u) -> vec3f {
  let points = vec3i(params.bend.xyz);
  var below: vec3i;
  var weights: array<vec4f, 3>;
  for (var k = 0u; k < 3u; k++) {
    let steps = max(params.target_size[k], 2u) - 1u;
    let position = at[k] * (params.bend[k] - 1u);
    below[k] = i32(position / steps);
    weights[k] = spline(f32(position % steps) / f32(steps));
  }
  let last = points - vec3i(1);
  var sum = vec3f();
  for (var a = 0; a < 4; a++) {
    let i = clamp(below.x + a - 1, 0, last.x);
    for (var b = 0; b < 4; b++) {
      let j = clamp(below.y + b - 1, 0, last.y);
      for (var c = 0; c < 4; c++) {
        let k = clamp(below.z + c - 1, 0, last.z);
        let p = 3u * u32(((i32(sample) * points.x + i) * points.y + j) * points.z + k);
        sum += weights[0][a] * weights[1][b] * weights[2][c] * vec3f(f32(control[p]), f32(control[p + 1u]), f32(control[p + 2u]));
      }
    }
  }
  return sum;
}

fn isInside(place: Place, size: u32) -> bool {
  let last = i32(size) - 1;
  let after = place.whole > -1 || (place.whole == -1 && place.part >= 0x80000000u);
  return after && (place.whole < last || (place.whole == last && place.part <= 0x80000000u));
}

fn clamped(place: Place, size: u32) -> Place {
  if (place.whole < 0) {
    return Place(0, 0u);
  }
  if (place.whole >= i32(size) - 1) {
    return Place(i32(size) - 1, 0u);
  }
  return place;
}

// Weights of the voxels before, at, after and beyond a place.
fn shares(part: f32) -> vec4f {
  if (!CUBIC) {
    return vec4f(0.0, 1.0 - part, part, 0.0);
  }
  let square = part * part;
  let cube = square * part;
  return vec4f(
    -0.5 * cube + square - 0.5 * part,
    1.5 * cube - 2.5 * square + 1.0,
    -1.5 * cube + 2.0 * square + 0.5 * part,
    0.5 * cube - 0.5 * square,
  );
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.target_size.w) {
    return;
  }
  let channels = params.size.w;
  var rest = i / channels;
  let w = rest % params.target_size.z;
  rest /= params.target_size.z;
  let h = rest % params.target_size.y;
  rest /= params.target_size.y;
  let at = vec3u(rest % params.target_size.x, h, w);
  let sample = rest / params.target_size.x;
  let origin = sample * params.size.x * params.size.y * params.size.z * channels + i % channels;

  var places: array<Place, 3>;
  var inside = true;
  for (var k = 0u; k < 3u; k++) {
    places[k] = placeOf(sample, k, at);
  }
  if (BEND) {
    let bend = bendAt(sample, at);
    for (var k = 0u; k < 3u; k++) {
      places[k] = moved(places[k], bend[k]);
    }
  }
  for (var k = 0u; k < 3u; k++) {
    inside = inside && isInside(places[k], params.size[k]);
    if (NEAREST) {
      // Halfway between two voxels the upper one, as ITK rounds.
      places[k] = Place(places[k].whole + i32(places[k].part >> 31u), 0u);
    }
    places[k] = clamped(places[k], params.size[k]);
  }
  if (OUTSIDE && !inside) {
    y[i] = Target(Vector(params.outside));
    return;
  }
  let size = vec3i(params.size.xyz);
  let below = vec3i(places[0].whole, places[1].whole, places[2].whole);
  if (NEAREST) {
    y[i] = Target(x[origin + u32((below.x * size.y + below.y) * size.z + below.z) * channels]);
    return;
  }
  let part = vec3f(f32(places[0].part), f32(places[1].part), f32(places[2].part)) * 2.3283064365e-10;
  let depth = shares(part.x);
  let height = shares(part.y);
  let width = shares(part.z);
  var sum = Vector();
  for (var a = 0; a < 4; a++) {
    let p = clamp(below.x + a - 1, 0, size.x - 1);
    for (var b = 0; b < 4; b++) {
      let share = depth[a] * height[b];
      if (share == 0.0) {
        continue;
      }
      let q = p * size.y + clamp(below.y + b - 1, 0, size.y - 1);
      for (var c = 0; c < 4; c++) {
        let weight = share * width[c];
        if (weight != 0.0) {
          let r = q * size.z + clamp(below.z + c - 1, 0, size.z - 1);
          sum += weight * Vector(x[origin + u32(r) * channels]);
        }
      }
    }
  }
  y[i] = Target(sum);
}
