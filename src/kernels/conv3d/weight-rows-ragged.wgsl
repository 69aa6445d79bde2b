// Columns of B are the rows of a weight [groups * n, k].

alias BOuter = u32;
alias BInner = u32;

fn bOuter(batch: u32, column: u32) -> BOuter {
  return (batch * params.gemm.n + column) * params.gemm.k;
}

fn bInner(k: u32) -> BInner {
  return k;
}

fn weightBefore(outer: BOuter, k: u32) -> BType {
  return select(BType(), weightElement(outer + min(k, params.gemm.k - 1u)), k < params.gemm.k);
}

fn bLoad(outer: BOuter, k: BInner) -> vec4<BType> {
  return vec4<BType>(
    weightBefore(outer, k),
    weightBefore(outer, k + 1u),
    weightBefore(outer, k + 2u),
    weightBefore(outer, k + 3u),
  );
}
