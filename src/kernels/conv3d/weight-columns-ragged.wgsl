// Past the last column, that one again: no product with it is stored.

alias BOuter = vec4<u32>;

fn bOuter(batch: u32, column: u32) -> BOuter {
  let columns = min(column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.gemm.n - 1u));
  return batch * params.grid.w * params.weightRow + columns;
}

fn bLoad(outer: BOuter, inner: BInner) -> vec4<BType> {
  let at = outer + inner;
  return vec4<BType>(weightElement(at.x), weightElement(at.y), weightElement(at.z), weightElement(at.w));
}
