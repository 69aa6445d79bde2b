alias BOuter = u32; // in elements

fn bOuter(batch: u32, column: u32) -> BOuter {
  return batch * params.grid.w * params.weightRow + column;
}

fn bLoad(outer: BOuter, inner: BInner) -> vec4<BType> {
  return weightQuad((outer + inner) / 4u);
}
