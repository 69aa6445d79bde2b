// Turns a block of logits into what the embeddings' gradients are products with: g[i, j] * scale / (|image i| |text j|), where
// g is the gradient of the loss with respect to the logit (i, j), as part of the loss of image i (OF_IMAGE) and of that of text
// j (OF_TEXT). In place; the columns that only fill up the last 4-vector become 0.
//
// An invocation owns a column and walks ROWS rows of it: neighbours are neighbours in memory, a text's coefficients stay
// in registers, and those of an image are read by all invocations at once. The gradient of the loss itself is a factor that
// comes last, in embedding-gradient.wgsl: these weights can then be made before it is known.

// One direction's part of g: s the logit, with the coefficients of the row whose softmax it is (finish.wgsl).
fn partOf(s: f32, head: vec4f, rest: vec4f, weight: f32, positive: bool) -> f32 {
  let p = exp(s - head.x) * head.y;
  if (SINGLE) {
    return select(p - head.w, rest.z - rest.y, positive);
  }
  if (APART) {
    return select(p - head.w, rest.z - exp(s - rest.x) * rest.y, positive);
  }
  return p - weight * head.z - head.w;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let width = (params.columns + 3u) / 4u * 4u;
  let tiles = (width + LANES - 1u) / LANES;
  let task = group.y * groups.x + group.x;
  let firstRow = task / tiles * ROWS;
  let column = task % tiles * LANES + lane;
  if (firstRow >= params.rows || column >= width) {
    return;
  }
  let text = min(column, params.columns - 1u);
  let textHead = textCoefficient(2u * text);
  let textRest = textCoefficient(2u * text + 1u);
  let factor = select(0.0, factors[0] * textInverse(text), column < params.columns);
  for (var image = firstRow; image < min(firstRow + ROWS, params.rows); image++) {
    let at = image * params.stride + column;
    let s = logits[at];
    let head = imageCoefficient(2u * image);
    let positive = isPositive(image, text);
    var g = 0.0;
    if (PAIRWISE) {
      g = head.x * (logistic(s) - select(0.0, 1.0, positive));
    } else {
      if (OF_IMAGE) {
        g += partOf(s, head, imageCoefficient(2u * image + 1u), imageTarget(image, text), positive);
      }
      if (OF_TEXT) {
        g += partOf(s, textHead, textRest, textTarget(image, text), positive);
      }
    }
    // A factor of 0 must hide what a product may have left behind the last column.
    logits[at] = select(g * factor * imageInverse(image), 0.0, column >= params.columns);
  }
}
