// Up to four numbers of a gradient in rows of any length; ADD: of a block behind the first, to be added to what is there.

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  for (var e = 0u; e < min(4u, params.gemm.n - j); e++) {
    let at = i * params.strideResult + j + e;
    var sum = value[e];
    if (ADD) {
      sum += gradient[at];
    }
    gradient[at] = sum;
  }
}
