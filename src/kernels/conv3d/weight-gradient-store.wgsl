// dweight is [groups * n, m]: a column of the product is a row of it.

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  let row = batch * params.gemm.n + j;
  for (var e = 0u; e < min(4u, params.gemm.n - j); e++) {
    dweight[(row + e) * params.gemm.m + i] = WeightType(value[e]);
  }
}
