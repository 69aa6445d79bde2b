// Shared by the kernels that fill boxes: the table, and the noise of a box.
//
// boxes is [B, 8]: first depth, height, width; sizes; seed and index of a draw. Element e of a box (row-major, channels
// last) has the normal number of word e % 4 of the block (e / 4, index, 0, 0): the same wherever the box lies in a
// batch. The header declares philox.wgsl and distributions.wgsl.

struct Box {
  first: vec3i,
  size: vec3u,
  seed: u32,
  draw: u32,
}

fn boxAt(b: u32) -> Box {
  let at = 8u * b;
  return Box(
    vec3i(boxes[at], boxes[at + 1u], boxes[at + 2u]),
    vec3u(vec3i(boxes[at + 3u], boxes[at + 4u], boxes[at + 5u])),
    u32(boxes[at + 6u]),
    u32(boxes[at + 7u]),
  );
}

fn noiseOf(box: Box, vector: u32) -> vec4f {
  let words = randomWords(box.seed, box.draw, vector);
  return vec4f(normalPair(words.xy), normalPair(words.zw));
}
