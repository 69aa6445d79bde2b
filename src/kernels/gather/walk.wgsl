// total[o, a, i] = base[o, a, i] + sum over the positions j that name place a of value[o, j, i]: last step.
//
// Follows the links of chain.wgsl and next.wgsl, so the sum has one owner and a fixed order: the same on every run.
//   SHARED: one list of links for all lines (the gradients of indexSelect and embedding)    else: links per element
// Every element of the result is written, touched or not. Sums of 32 are added up on their own first, which keeps
// rounding errors of long lists small. Neighbouring invocations have neighbouring i. Header: baseOf(n), or 0.

struct Params {
  count: u32,
  extent: u32,
  length: u32,
  inner: u32,
}

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
  let i = n % params.inner;
  let a = n / params.inner % params.extent;
  let o = n / params.inner / params.extent;
  let line = o * params.length * params.inner + i;
  let first = firsts[select(n, a, SHARED)];
  var sum = Accumulator(0);
  if (first != 0u) {
    var j = params.length - first;
    while (j < params.length) {
      var block = Accumulator(0);
      for (var k = 0u; k < 32u && j < params.length; k++) {
        let position = line + j * params.inner;
        block += Accumulator(value[position]);
        j = following[select(position, j, SHARED)];
      }
      sum += block;
    }
  }
  total[n] = Target(baseOf(n) + sum);
}
