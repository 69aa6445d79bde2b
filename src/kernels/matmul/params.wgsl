// Operands of a matrix product in storage, for the skeletons of kernels/gemm.
//
// A is stored [m, k] or [k, m], B [k, n] or [n, k]; both are read along their last axis. Batches step through A and B by
// the strides in Params, in elements.

struct Params {
  gemm: Gemm,
  batchExtents: vec4<u32>, // last axis first
  strideA: vec4<u32>,
  strideB: vec4<u32>,
  factor: f32, // of the epilogue
}

@group(1) @binding(0) var<uniform> params: Params;

fn batchOffset(batch: u32, stride: vec4<u32>) -> u32 {
  if (!BATCHED) {
    return 0u;
  }
  var rest = batch;
  var offset = 0u;
  for (var axis = 0u; axis < 4u; axis++) {
    offset += rest % params.batchExtents[axis] * stride[axis];
    rest /= params.batchExtents[axis];
  }
  return offset;
}
