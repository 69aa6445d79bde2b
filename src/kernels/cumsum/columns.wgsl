// y[outer, i, inner] = sum over j <= i of x[outer, j, inner], from the far end with REVERSED.
//
// One invocation walks one column; neighbouring invocations have neighbouring `inner`, so reads coalesce. Blocks of 32
// are added up on their own, which keeps the rounding error of long columns near that of pairwise summation.

struct Params {
  columns: u32, // outer * inner
  inner: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = (group.y * groups.x + group.x) * 256u + lane;
  if (column >= params.columns) {
    return;
  }
  let base = column / params.inner * params.length * params.inner + column % params.inner;
  var before = Accumulator();
  var block = Accumulator();
  for (var i = 0u; i < params.length; i++) {
    if (i % 32u == 0u) {
      before += block;
      block = Accumulator();
    }
    let place = base + select(i, params.length - 1u - i, REVERSED) * params.inner;
    block += Accumulator(x[place]);
    y[place] = Element(before + block);
  }
}
