// Four logits from their products: scale times the product of the directions, plus the shift. Rows of the block are whole
// 4-vectors; what stands behind the last text is never read as a logit.

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  let text = min(vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.gemm.n - 1u));
  let inverse = vec4f(textInverse(text.x), textInverse(text.y), textInverse(text.z), textInverse(text.w));
  logits[(i * params.strideResult + j) / 4u] = value * (factors[0] * imageInverse(i)) * inverse + shift();
}
