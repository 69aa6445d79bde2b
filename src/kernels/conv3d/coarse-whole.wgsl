alias BOuter = u32; // in elements

fn bOuter(batch: u32, column: u32) -> BOuter {
  return batch * params.gemm.n + column;
}

fn bLoad(outer: BOuter, inner: BInner) -> vec4<BType> {
  return coarseQuad((outer + inner) / 4u);
}
