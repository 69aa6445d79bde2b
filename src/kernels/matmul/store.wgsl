// Four columns of y from their sums: the client's `store` for the skeletons of kernels/gemm.

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  let row = (batch * params.gemm.m + i) * params.gemm.n;
  yWrite(row, j, epilogue(row, j, value));
}
