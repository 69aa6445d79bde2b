// following[n] = the next position of the same line with the same index, or `length`: second step, after chain.wgsl.
//
// Two searches run side by side and the first to end wins: a scan of the positions behind j, which ends after a few
// steps where an index is frequent, and a walk of the index's whole list, which is short where it is rare. Either gives
// the same answer, whatever the order of the list. About the square root of `length` steps for the worst random index.

struct Params {
  count: u32,
  extent: u32,
  length: u32,
  inner: u32,
  ignored: i32,
}

@group(0) @binding(0) var<storage, read> index: array<Index>;
@group(0) @binding(1) var<storage, read> heads: array<u32>;
@group(0) @binding(2) var<storage, read> chains: array<u32>;
@group(0) @binding(3) var<storage, read_write> following: array<u32>;
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
  let own = index[n];
  let id = u32(own);
  if (id >= params.extent || i32(id) == params.ignored) {
    return;
  }
  let i = n % params.inner;
  let j = n / params.inner % params.length;
  let o = n / params.inner / params.length;
  let line = o * params.length * params.inner + i;
  var listed = heads[(o * params.extent + id) * params.inner + i];
  var nearest = params.length;
  var scanned = j + 1u;
  loop {
    if (scanned >= params.length) {
      nearest = params.length;
      break;
    }
    if (index[line + scanned * params.inner] == own) {
      nearest = scanned;
      break;
    }
    scanned++;
    if (listed == 0u) {
      break;
    }
    let position = listed - 1u;
    if (position > j) {
      nearest = min(nearest, position);
    }
    listed = chains[line + position * params.inner];
  }
  following[n] = nearest;
}
