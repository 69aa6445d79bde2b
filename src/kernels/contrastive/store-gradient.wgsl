// Four numbers of a gradient; ADD: of a block behind the first, to be added to what is there.

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  let at = (i * params.strideResult + j) / 4u;
  var sum = value;
  if (ADD) {
    sum += gradient[at];
  }
  gradient[at] = sum;
}
