// dx[q] = sum of dy[p] over all positions p that border.wgsl fills from q.
//
// The transpose of border.wgsl without atomics: along each axis the positions that map to q are a short list (one
// inside, up to three near a reflected or circular border) or a run (the replicated edge), and the sum goes through the
// product of the lists in a fixed order. One invocation owns one element of dx. f32 accumulation.

struct Params {
  count: u32,
  extents: array<vec4<u32>, 2>, // of the padded side, last axis first
  sources: array<vec4<i32>, 2>, // of dx
  before: array<vec4<i32>, 2>,
}

@group(0) @binding(0) var<storage, read> dy: array<Element>;
@group(0) @binding(1) var<storage, read_write> dx: array<Element>;
@group(1) @binding(0) var<uniform> params: Params;

// The positions along one axis; for replicate, only the first of a run.
struct Choices {
  count: u32,
  positions: array<i32, 3>,
}

fn addChoice(choices: ptr<function, Choices>, position: i32, extent: i32, wanted: bool) {
  if (wanted && position >= 0 && position < extent) {
    (*choices).positions[(*choices).count] = position;
    (*choices).count++;
  }
}

fn choicesOf(q: i32, n: i32, extent: i32, before: i32) -> Choices {
  var choices: Choices;
  if (MODE == 0u) {
    let first = max(0, select(q + before, 0, q == 0));
    let last = min(extent - 1, select(q + before, extent - 1, q == n - 1));
    choices.positions[0] = first;
    choices.count = u32(max(0, last - first + 1));
  } else if (MODE == 1u) {
    addChoice(&choices, q + before, extent, true);
    addChoice(&choices, before - q, extent, q > 0);
    addChoice(&choices, before + 2 * (n - 1) - q, extent, q < n - 1);
  } else {
    addChoice(&choices, q + before - n, extent, true);
    addChoice(&choices, q + before, extent, true);
    addChoice(&choices, q + before + n, extent, true);
  }
  return choices;
}

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
  var lists: array<Choices, RANK>;
  var rest = i;
  var total = 1u;
  for (var axis = 0u; axis < RANK; axis++) {
    let n = params.sources[axis / 4u][axis % 4u];
    let q = i32(rest % u32(n));
    rest /= u32(n);
    lists[axis] = choicesOf(q, n, i32(params.extents[axis / 4u][axis % 4u]), params.before[axis / 4u][axis % 4u]);
    total *= lists[axis].count;
  }
  var sum = 0.0;
  for (var k = 0u; k < total; k++) {
    var choice = k;
    var position = 0u;
    var stride = 1u;
    for (var axis = 0u; axis < RANK; axis++) {
      let pick = choice % lists[axis].count;
      choice /= lists[axis].count;
      if (MODE == 0u) {
        position += (u32(lists[axis].positions[0]) + pick) * stride;
      } else {
        position += u32(lists[axis].positions[pick]) * stride;
      }
      stride *= params.extents[axis / 4u][axis % 4u];
    }
    sum += f32(dy[position]);
  }
  dx[i] = Element(sum);
}
