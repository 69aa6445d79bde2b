// Lists, for every place an index can name, the positions that name it: first step of a sum without float atomics.
//
// The index is [outer, length, inner]; position j of a line names place id of that line's `extent` places. `heads` and
// `chains` form linked lists of positions + 1 (0 ends one) in whatever order the invocations arrive; next.wgsl puts
// them in order. `firsts` holds length - j of the smallest position j. Both tables start as zeros, and 0 remains where
// nobody came. Indices outside [0, extent), and the index `ignored`, are left out.

struct Params {
  count: u32,
  extent: u32,
  length: u32,
  inner: u32,
  ignored: i32,
}

@group(0) @binding(0) var<storage, read> index: array<Index>;
@group(0) @binding(1) var<storage, read_write> heads: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read_write> firsts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> chains: array<u32>;
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
  if (id >= params.extent || i32(id) == params.ignored) {
    return;
  }
  let i = n % params.inner;
  let j = n / params.inner % params.length;
  let o = n / params.inner / params.length;
  let place = (o * params.extent + id) * params.inner + i;
  chains[n] = atomicExchange(&heads[place], j + 1u);
  atomicMax(&firsts[place], params.length - j);
}
