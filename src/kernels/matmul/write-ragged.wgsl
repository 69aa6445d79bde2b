// Writes up to four columns of a row of y.

fn write(row: u32, j: u32, value: vec4f) {
  for (var e = 0u; e < min(4u, params.gemm.n - j); e++) {
    y[row + j + e] = YType(value[e]);
  }
}
