// Reads workgroup memory as fast as it comes: four independent 16-byte loads per step, neighbours by neighbours, so that
// no two lanes of a subgroup meet in a bank.

struct Params {
  steps: u32,
}

@group(0) @binding(0) var<storage, read_write> result: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

const VECTORS = 512u;

var<workgroup> tile: array<vec4<f32>, VECTORS>;

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < VECTORS; i += 128u) {
    tile[i] = vec4<f32>(f32(i));
  }
  workgroupBarrier();
  var a = vec4<f32>();
  var b = vec4<f32>();
  var c = vec4<f32>();
  var d = vec4<f32>();
  for (var step = 0u; step < params.steps; step++) {
    // The offset moves with the step, or the loads would leave the loop.
    let index = lane + step;
    a += tile[index & (VECTORS - 1u)];
    b += tile[(index + 128u) & (VECTORS - 1u)];
    c += tile[(index + 256u) & (VECTORS - 1u)];
    d += tile[(index + 384u) & (VECTORS - 1u)];
  }
  result[lane] = (a + b) + (c + d);
}
