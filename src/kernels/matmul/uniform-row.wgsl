// y[i, j] = sum over k of a[i, k] * b[k, j] (+ bias[j]), for extents of which those along memory are multiples of 4.
//
// Layouts: a is [m, k], or [k, m] with TRANSPOSE_A; b is [k, n], or [n, k] with TRANSPOSE_B; y is [m, n]. All are read
// and written as 4-vectors along their last axis. Batches step through a and b by the strides in Params.
//
// A workgroup of 32 makes ROWS rows by 128 columns; an invocation makes ROWS x 4. All invocations of a workgroup read
// the same elements of a at the same time, which a CPU does once per vector of lanes and a GPU broadcasts; each element
// of b serves ROWS rows from registers. No workgroup memory, no barrier: on software adapters those cost more than the
// reads they save. Rows past the end are computed from the last row and not stored.
//
// Workgroups are numbered with row tiles fastest, so that a panel of 128 columns of b stays in cache for all rows.

struct Params {
  m: u32,
  n: u32,
  k: u32,
  batches: u32,
  batchExtents: vec4<u32>, // last axis first
  strideA: vec4<u32>,      // elements
  strideB: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<TypeA>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<TypeB>>;
@group(1) @binding(0) var<uniform> params: Params;

fn columnsOfB(base: u32, k: u32, j: u32) -> mat4x4<f32> {
  if (TRANSPOSE_B) {
    let step = params.k / 4u;
    let first = base + j * step + k / 4u;
    return transpose(mat4x4<f32>(
      vec4<f32>(b[first]),
      vec4<f32>(b[first + step]),
      vec4<f32>(b[first + 2u * step]),
      vec4<f32>(b[first + 3u * step]),
    ));
  }
  let step = params.n / 4u;
  let first = base + k * step + j / 4u;
  return mat4x4<f32>(
    vec4<f32>(b[first]),
    vec4<f32>(b[first + step]),
    vec4<f32>(b[first + 2u * step]),
    vec4<f32>(b[first + 3u * step]),
  );
}

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let task = group.y * groups.x + group.x;
  let rowTiles = (params.m + ROWS - 1u) / ROWS;
  let columnTiles = (params.n + 127u) / 128u;
  let batch = task / (rowTiles * columnTiles);
  if (batch >= params.batches) {
    return;
  }
  let row = (task % rowTiles) * ROWS;
  let column = min((task / rowTiles) % columnTiles * 128u + lane * 4u, params.n - 4u);

  var rest = batch;
  var offsets = vec2<u32>();
  for (var axis = 0u; axis < 4u; axis++) {
    let position = rest % params.batchExtents[axis];
    rest /= params.batchExtents[axis];
    offsets += position * vec2<u32>(params.strideA[axis], params.strideB[axis]) / 4u;
  }

  var sums: array<vec4<f32>, ROWS>;
  for (var k = 0u; k < params.k; k += 4u) {
    let block = columnsOfB(offsets.y, k, column);
    if (TRANSPOSE_A) {
      let step = params.m / 4u;
      let first = offsets.x + k * step;
      for (var r = 0u; r < ROWS; r += 4u) {
        let i = first + min(row + r, params.m - 4u) / 4u;
        let rows = transpose(mat4x4<f32>(
          vec4<f32>(a[i]),
          vec4<f32>(a[i + step]),
          vec4<f32>(a[i + 2u * step]),
          vec4<f32>(a[i + 3u * step]),
        ));
        sums[r] += block * rows[0];
        sums[r + 1u] += block * rows[1];
        sums[r + 2u] += block * rows[2];
        sums[r + 3u] += block * rows[3];
      }
    } else {
      for (var r = 0u; r < ROWS; r++) {
        let i = min(row + r, params.m - 1u);
        sums[r] += block * vec4<f32>(a[offsets.x + (i * params.k + k) / 4u]);
      }
    }
  }

  var shift = vec4<f32>();
  if (HAS_BIAS) {
    shift = biasAt(column / 4u);
  }
  for (var r = 0u; r < ROWS; r++) {
    if (row + r < params.m) {
      y[((batch * params.m + row + r) * params.n + column) / 4u] = vec4<Output>(sums[r] + shift);
    }
  }
}
