// One axis of [outer, length, inner] folded into a state: sums of functions, moments, log-sum-exp, extremes with index.
//
// The generated header brings the mathematics: `State`, `neutral()`, `merge(a, b)`, `foldBlock(place, count)` for up to
// 32 neighbouring elements of a lane, and `emit(at, state)`. States of blocks are merged rather than elements, which
// keeps rounding errors near those of pairwise summation and lets a block be shifted by its own first element.
//
// TEAM lanes share one of outer * parts * inner tasks. Few tasks of a long axis are cut into `parts`, whose states a
// second dispatch folds. A part is a run of `span` positions; with few columns, parts interleave instead, so that
// neighbouring lanes still read neighbouring memory.

struct Params {
  outer: u32,
  length: u32,
  inner: u32,
  parts: u32,
  span: u32,   // positions of a part, unless parts interleave
  period: u32, // of operands that repeat over the elements
  options: vec4<f32>, // at byte 32
}

// Where a lane stands: index = (outer * length + position) * params.inner + inner.
struct Place {
  index: u32,
  outer: u32,
  position: u32,
  inner: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

// From one position of a lane to its next.
fn step() -> u32 {
  if (INTERLEAVED) {
    return params.parts;
  }
  return TEAM;
}

// The lane's next element.
fn advance(place: Place) -> Place {
  return Place(place.index + step() * params.inner, place.outer, place.position + step(), place.inner);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let member = lane % TEAM;
  let task = (group.y * groups.x + group.x) * (256u / TEAM) + lane / TEAM;
  let inner = task % params.inner;
  let part = task / params.inner % params.parts;
  let outer = task / (params.inner * params.parts);
  let valid = outer < params.outer;
  var position = part + member;
  var end = params.length;
  if (!INTERLEAVED) {
    position = part * params.span + member;
    end = min((part + 1u) * params.span, params.length);
  }
  if (!valid) {
    end = 0u;
  }
  var state = neutral();
  while (position < end) {
    let count = min(32u, (end - position + step() - 1u) / step());
    let index = (outer * params.length + position) * params.inner + inner;
    state = merge(state, foldBlock(Place(index, outer, position, inner), count));
    position += count * step();
  }
  state = mergeTeam(state, lane);
  if (member == 0u && valid) {
    emit(task, state);
  }
}
