// Rows of A are windows, and k runs through their elements.

alias AOuter = Window;
alias AInner = Taps;

fn aOuter(batch: u32, row: u32) -> AOuter {
  var window = windowOf(row);
  window.at += i32(batch) * params.extents.w;
  return window;
}

fn aInner(k: u32) -> AInner {
  return tapsOf(0u, k, params.gemm.k);
}

fn aLoad(window: AOuter, taps: AInner) -> vec4<AType> {
  return windowQuad(window, taps);
}
