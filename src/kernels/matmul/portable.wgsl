// y[i, j] = sum over k of a[i, k] * b[k, j] (+ bias[j]), for any extents, on any adapter.
//
// Layouts: a is [m, k], or [k, m] with TRANSPOSE_A; b is [k, n], or [n, k] with TRANSPOSE_B; y is [m, n]. Batches step
// through a and b by the strides in Params. A workgroup of 8 x 8 makes 32 rows by 32 columns; an invocation makes 4 x 4
// (rows 8 apart and columns 8 apart, so that neighbours touch neighbouring memory) and reads 8 elements for 16
// multiply-adds.

struct Params {
  m: u32,
  n: u32,
  k: u32,
  batches: u32,
  batchExtents: vec4<u32>, // last axis first
  strideA: vec4<u32>,      // elements
  strideB: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> a: array<TypeA>;
@group(0) @binding(1) var<storage, read> b: array<TypeB>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let task = group.y * groups.x + group.x;
  let rowTiles = (params.m + 31u) / 32u;
  let columnTiles = (params.n + 31u) / 32u;
  let batch = task / (rowTiles * columnTiles);
  if (batch >= params.batches) {
    return;
  }
  let row = (task % rowTiles) * 32u + local.y;
  let column = (task / rowTiles) % columnTiles * 32u + local.x;
  let rows = row + vec4<u32>(0u, 8u, 16u, 24u);
  let columns = column + vec4<u32>(0u, 8u, 16u, 24u);

  var rest = batch;
  var offsets = vec2<u32>();
  for (var axis = 0u; axis < 4u; axis++) {
    let position = rest % params.batchExtents[axis];
    rest /= params.batchExtents[axis];
    offsets += position * vec2<u32>(params.strideA[axis], params.strideB[axis]);
  }
  let stepA = select(1u, params.m, TRANSPOSE_A);
  let stepB = select(params.n, 1u, TRANSPOSE_B);
  var atA = offsets.x + min(rows, vec4<u32>(params.m - 1u)) * select(params.k, 1u, TRANSPOSE_A);
  var atB = offsets.y + min(columns, vec4<u32>(params.n - 1u)) * select(1u, params.k, TRANSPOSE_B);

  var sums: mat4x4<f32>; // one column of y per column
  for (var k = 0u; k < params.k; k++) {
    let left = vec4<f32>(f32(a[atA.x]), f32(a[atA.y]), f32(a[atA.z]), f32(a[atA.w]));
    sums[0] += left * f32(b[atB.x]);
    sums[1] += left * f32(b[atB.y]);
    sums[2] += left * f32(b[atB.z]);
    sums[3] += left * f32(b[atB.w]);
    atA += stepA;
    atB += stepB;
  }

  for (var c = 0u; c < 4u; c++) {
    for (var r = 0u; r < 4u; r++) {
      if (rows[r] < params.m && columns[c] < params.n) {
        var value = sums[c][r];
        if (HAS_BIAS) {
          value += biasAt(columns[c]);
        }
        y[(batch * params.m + rows[r]) * params.n + columns[c]] = Output(value);
      }
    }
  }
}
