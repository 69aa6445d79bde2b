// exp and log that give NaN for NaN, which WGSL's own need not do: some adapters turn it into a number. By bits, because
// compilers may assume that floats are never NaN.

fn isNan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn exponential(x: f32) -> f32 {
  return select(exp(x), x, isNan(x));
}

fn logarithm(x: f32) -> f32 {
  return select(log(x), x, isNan(x));
}
