// Copies an array of 16-byte vectors, each workgroup a stretch of its own, `rounds` times.

struct Params {
  rounds: u32,
  share: u32, // vectors of an invocation
}

@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = workgroup.x * params.share * 64u + lane;
  for (var round = 0u; round < params.rounds; round++) {
    for (var i = 0u; i < params.share; i++) {
      result[first + i * 64u] = source[first + i * 64u];
    }
  }
}
