// Four columns of a matrix with rows of any length; those past the end repeat the last one. `tensor` stands for its name,
// `row` is its row's first element.

fn tensorAt(row: u32, j: u32) -> vec4f {
  let at = row + min(j + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.gemm.n - 1u));
  return vec4f(f32(tensor[at.x]), f32(tensor[at.y]), f32(tensor[at.z]), f32(tensor[at.w]));
}
