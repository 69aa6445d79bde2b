// Writes up to four columns of a row; `tensor` stands for the name of an output.

fn tensorWrite(row: u32, j: u32, value: vec4f) {
  for (var e = 0u; e < min(4u, params.gemm.n - j); e++) {
    tensor[row + j + e] = YType(value[e]);
  }
}
