// target[row, part] = scale * combine over this part of value[row, 0 .. length), rows contiguous.
//
// TEAM lanes (a power of two up to 256) share a row, so that short rows fill a workgroup and long ones use all of it.
// Each lane walks its row in strides of TEAM (neighbouring lanes read neighbouring memory), then lanes combine in a tree
// through workgroup memory: log2(TEAM) barriers, and rounding errors that grow with the logarithm of TEAM. Few long rows
// are cut into parts, which a second dispatch combines.

struct Params {
  rows: u32,
  length: u32,
  parts: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> value: array<Value>;
@group(0) @binding(1) var<storage, read_write> reduced: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> lanes: array<Accumulator, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let member = lane % TEAM;
  let task = (group.y * groups.x + group.x) * (256u / TEAM) + lane / TEAM;
  let row = task / params.parts;
  let span = (params.length + params.parts - 1u) / params.parts;
  let first = min((task % params.parts) * span, params.length);
  let count = min(span, params.length - first);
  let busy = row < params.rows && member < count;
  if (busy) {
    lanes[lane] = reduceStrided(row * params.length + first + member, TEAM, (count - member + TEAM - 1u) / TEAM);
  }
  for (var width = TEAM / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (busy && member < width && member + width < count) {
      lanes[lane] = combine(lanes[lane], lanes[lane + width]);
    }
  }
  if (row < params.rows && member == 0u) {
    var total = Accumulator(0);
    if (busy) {
      total = lanes[lane];
    }
    reduced[task] = Target(finish(total, params.scale));
  }
}
