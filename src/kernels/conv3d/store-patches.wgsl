// What becomes of a voxel that is spread over a patch of y: column j of the product is an element of the patch, counted
// along depth, height, and then `patch.x` elements along width and channels. WHOLE_PATCHES: four of them never straddle.

fn patchElement(j: u32) -> u32 {
  let line = j / params.spread.x;
  return line / params.spread.y * params.spread.z + line % params.spread.y * params.spread.w + j % params.spread.x;
}

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  let position = gridPosition(i) * params.result;
  let first = params.resultFirst + position.x + position.y + position.z + position.w;
  let count = min(4u, params.gemm.n - j);
  var result: vec4f;
  for (var e = 0u; e < count; e++) {
    result[e] = activate(value[e] + biasAt((j + e) % params.resultChannels, 1u).x);
  }
  if (WHOLE_PATCHES) {
    write(first + patchElement(j), 4u, result);
    return;
  }
  for (var e = 0u; e < count; e++) {
    write(first + patchElement(j + e), 1u, vec4f(result[e]));
  }
}
