// bordered[p] = source[q] where every axis has q = fold(p - before): into the source's extent by MODE
//   0 replicate: the nearest edge    1 reflect: mirrored at the edge element    2 circular: from the other end.
//
// Padding, cropping (before < 0) and rolling (circular, before = shift = -after). Axes that keep their extent were
// merged on the host, and an innermost one of those became units of up to 16 bytes (Element). One invocation writes one
// unit. Precondition: p - before lies in (-n, 2n - 1), for circular in [-n, 2n), so that one fold suffices; n is the
// extent.

struct Params {
  count: u32,
  extents: array<vec4<u32>, 2>, // of the result, last axis first
  sources: array<vec4<i32>, 2>, // extents of the source
  before: array<vec4<i32>, 2>,
}

@group(0) @binding(0) var<storage, read> source: array<Element>;
@group(0) @binding(1) var<storage, read_write> bordered: array<Element>;
@group(1) @binding(0) var<uniform> params: Params;

fn fold(s: i32, n: i32) -> i32 {
  if (MODE == 0u) {
    return clamp(s, 0, n - 1);
  }
  if (MODE == 1u) {
    return select(abs(s), 2 * (n - 1) - s, s >= n);
  }
  return s + select(select(0, n, s < 0), -n, s >= n);
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
  var rest = i;
  var origin = 0u;
  var stride = 1u;
  for (var axis = 0u; axis < RANK; axis++) {
    let extent = params.extents[axis / 4u][axis % 4u];
    let n = params.sources[axis / 4u][axis % 4u];
    let s = i32(rest % extent) - params.before[axis / 4u][axis % 4u];
    rest /= extent;
    origin += u32(fold(s, n)) * stride;
    stride *= u32(n);
  }
  bordered[i] = source[origin];
}
