// The biases of four channels, of which `count` are there.
fn biasAt(channel: u32, count: u32) -> vec4f {
  let at = channel + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(count - 1u));
  return vec4f(
    f32(biasElement(at.x)),
    f32(biasElement(at.y)),
    f32(biasElement(at.z)),
    f32(biasElement(at.w)),
  );
}
