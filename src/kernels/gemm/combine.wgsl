// Second pass of a product whose k was cut into parts: adds the parts and finishes.
//
// Partial results are f32 [parts, batches, m, quads of columns], columns padded to a multiple of 4. An invocation makes
// one quad: neighbours read neighbouring vectors, and the order of additions is fixed.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let quads = (params.gemm.n + 3u) / 4u;
  let count = params.gemm.batches * params.gemm.m * quads;
  if (i >= count) {
    return;
  }
  var sum = vec4f();
  for (var part = 0u; part < params.gemm.parts; part++) {
    sum += partials[part * count + i];
  }
  let row = i / quads;
  store(row / params.gemm.m, row % params.gemm.m, i % quads * 4u, sum);
}
