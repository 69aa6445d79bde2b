// Columns of B are the last axis of a weight [channels, taps of the whole kernel, n], channels of all groups; k runs through
// the taps that Params pick, and fastest through the channels of a group.

alias BInner = u32; // in elements

fn bInner(k: u32) -> BInner {
  let t = k / params.grid.w;
  let position = tapPosition(t) * params.weightTaps.xyz;
  let tap = params.weightTap + position.x + position.y + position.z;
  return (k - t * params.grid.w) * params.weightRow + tap * params.gemm.n;
}
