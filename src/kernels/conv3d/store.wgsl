// What becomes of a window: bias and activation, at its place in y. LINEAR: windows and voxels of y are numbered alike.

fn store(batch: u32, i: u32, j: u32, value: vec4f) {
  let channel = batch * params.gemm.n + j;
  var voxel = i * params.resultChannels;
  if (!LINEAR) {
    let position = gridPosition(i) * params.result;
    voxel = position.x + position.y + position.z + position.w;
  }
  let sum = value + biasAt(channel, params.gemm.n - j);
  let result = vec4f(activate(sum.x), activate(sum.y), activate(sum.z), activate(sum.w));
  write(params.resultFirst + voxel + channel, params.gemm.n - j, result);
}
