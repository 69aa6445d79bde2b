// Eight independent multiply-add chains per component of `Vector`, all in registers: nothing but arithmetic limits them.
//
// `advance(x, scale, shift)` comes with the specialisation, as `fma` or as a product and a sum: compilers differ in which one
// they turn into the machine's instruction. With scale 0.5 and shift 0.25, chains tend to 0.5: no denormal, no infinity.
// Each invocation does 32 steps per round: 64 operations per component of `Vector`.

struct Params {
  rounds: u32,
}

@group(0) @binding(0) var<storage, read> constants: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<Vector>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
  let scale = Vector(Scalar(constants[0]));
  let shift = Vector(Scalar(constants[1]));
  let start = Vector(Scalar(f32(lane) / 128.0));
  var a = start;
  var b = start + shift;
  var c = start + scale;
  var d = start - shift;
  var e = start - scale;
  var f = start * shift;
  var g = start * scale;
  var h = scale - start;
  for (var round = 0u; round < params.rounds; round++) {
    for (var unrolled = 0u; unrolled < 4u; unrolled++) {
      a = advance(a, scale, shift);
      b = advance(b, scale, shift);
      c = advance(c, scale, shift);
      d = advance(d, scale, shift);
      e = advance(e, scale, shift);
      f = advance(f, scale, shift);
      g = advance(g, scale, shift);
      h = advance(h, scale, shift);
    }
  }
  result[lane] = ((a + b) + (c + d)) + ((e + f) + (g + h));
}
