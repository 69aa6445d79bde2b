// winners[o, a, i] = 1 + the largest position j whose index names place a; 0, as the table starts, where there is none.
//
// Decides which source a scatter keeps where several name one place: the last, on every run. Integer atomics only. The
// index is [outer, length, inner]; indices outside [0, extent) are left out.

struct Params {
  count: u32,
  extent: u32,
  length: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> index: array<Index>;
@group(0) @binding(1) var<storage, read_write> winners: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.y * groups.x + group.x) * 256u + lane;
  if (n >= params.count) {
    return;
  }
  let id = u32(index[n]);
  if (id >= params.extent) {
    return;
  }
  let j = n / params.inner % params.length;
  let o = n / params.inner / params.length;
  atomicMax(&winners[(o * params.extent + id) * params.inner + n % params.inner], j + 1u);
}
