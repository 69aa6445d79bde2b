// norm = sqrt(sum of partials);  factor = min(1, limit / (norm + 1e-6)), PyTorch's clip_grad_norm_.
//
// One workgroup: lanes side by side, then a tree. A NaN norm makes a NaN factor.

struct Params {
  count: u32,
  limit: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> factor: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += 256u) {
    sum += partials[i];
  }
  sums[lane] = sum;
  for (var width = 128u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (lane < width) {
      sums[lane] += sums[lane + width];
    }
  }
  if (lane == 0u) {
    let length = sqrt(sums[0]);
    norm[0] = length;
    factor[0] = select(params.limit / (length + 1e-6), 1.0, length + 1e-6 <= params.limit);
  }
}
