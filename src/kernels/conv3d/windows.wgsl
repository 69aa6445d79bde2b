// Windows of a channels-last volume [N, D, H, W, C], for products that never lay them out: element (window, tap, channel)
// is volume[window's origin + tap's place, channel], and 0 where that lies outside.
//
// A window and a tap each know their share of the address and of the coordinates, so that an element costs two additions
// and, where windows may reach outside (CHECKED), one comparison. Windows are numbered along W, H, D, N; taps along
// channel, W, H, D. Preconditions: addresses are below 2^31 elements.

struct Params {
  gemm: Gemm,
  extents: vec4<i32>,   // of the volume: D, H, W; channels from one group to the next
  strides: vec4<i32>,   // of the volume: N, D, H, W, in elements
  grid: vec4<u32>,      // windows along D, H, W; channels of a tap
  step: vec4<i32>,      // from window to window, in voxels; the volume's first element in its binding
  origin: vec4<i32>,    // of the first window's first tap
  taps: vec4<u32>,      // along D, H, W
  reach: vec4<i32>,     // from tap to tap, in voxels
  result: vec4<u32>,    // element strides of what windows become: N, D, H, W
  resultFirst: u32,     // element of the first window
  resultChannels: u32,  // of all groups
  weightRow: u32,       // elements of the weight from one channel that is summed over to the next
  weightTap: u32,       // first tap
  weightTaps: vec4<u32>, // from tap to tap along D, H, W
  spread: vec4<u32>,    // of a result that is spread: elements of a line, lines of a slice; strides of slices and of lines
}

@group(1) @binding(0) var<uniform> params: Params;

struct Window {
  at: i32,
  place: vec3<i32>,
}

struct Tap {
  at: i32,
  place: vec3<i32>,
}

// Position of window `row` on the grid: N, D, H, W.
fn gridPosition(row: u32) -> vec4<u32> {
  let w = row % params.grid.z;
  let line = row / params.grid.z;
  let h = line % params.grid.y;
  let slice = line / params.grid.y;
  return vec4<u32>(slice / params.grid.x, slice % params.grid.x, h, w);
}

fn windowOf(row: u32) -> Window {
  let position = vec4<i32>(gridPosition(row));
  let place = position.yzw * params.step.xyz + params.origin.xyz;
  let at = position.x * params.strides.x + place.x * params.strides.y + place.y * params.strides.z
    + place.z * params.strides.w;
  return Window(at + params.step.w, place);
}

// Coordinates of tap `t`, channels left out.
fn tapPosition(t: u32) -> vec3<u32> {
  let line = t / params.taps.z;
  return vec3<u32>(line / params.taps.y, line % params.taps.y, t % params.taps.z);
}

// Element i of a window.
fn tapOf(group: u32, i: u32) -> Tap {
  let t = i / params.grid.w;
  let place = vec3<i32>(tapPosition(t)) * params.reach.xyz;
  let at = place.x * params.strides.y + place.y * params.strides.z + place.z * params.strides.w;
  return Tap(at + i32(i - t * params.grid.w) + i32(group) * params.extents.w, place);
}

fn isInside(window: Window, tap: Tap) -> bool {
  return !CHECKED || all(vec3<u32>(window.place + tap.place) < vec3<u32>(params.extents.xyz));
}
