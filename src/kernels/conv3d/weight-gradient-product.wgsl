// The gradient of a weight as a product over windows: k runs through the windows, rows of A are elements of a window, and
// columns of B channels of the volume that has one voxel per window.

alias AOuter = Taps;
alias AInner = Window;

fn aOuter(batch: u32, row: u32) -> AOuter {
  return tapsOf(batch, row, params.gemm.m);
}

fn aInner(k: u32) -> AInner {
  return windowOf(k);
}

fn aLoad(taps: AOuter, window: AInner) -> vec4<AType> {
  return windowQuad(window, taps);
}

alias BInner = u32; // in elements

fn bInner(k: u32) -> BInner {
  return params.resultFirst + k * params.resultChannels;
}
