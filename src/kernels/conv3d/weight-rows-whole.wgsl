// Columns of B are the rows of a weight [groups * n, k] with k a multiple of 4.

alias BOuter = u32; // in vectors
alias BInner = u32;

fn bOuter(batch: u32, column: u32) -> BOuter {
  return (batch * params.gemm.n + column) * (params.gemm.k / 4u);
}

fn bInner(k: u32) -> BInner {
  return k / 4u;
}

fn bLoad(outer: BOuter, inner: BInner) -> vec4<BType> {
  return weightQuad(outer + inner);
}
