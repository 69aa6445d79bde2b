// Numbers from random words. The transcendental functions are polynomials of our own: WGSL allows its sin and cos an
// error of 2^-11, and every adapter has another one, while a seed should give the same numbers everywhere (here to a
// few units in the last place).

// ln x for 2^-126 <= x: x = m 2^e with m near 1, ln m by the odd series in (m - 1) / (m + 1) (fdlibm's logf).
fn logarithm(x: f32) -> f32 {
  let shifted = bitcast<u32>(x) + (0x3f800000u - 0x3f3504f3u);
  let exponent = f32(i32(shifted >> 23u) - 127);
  let f = bitcast<f32>((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let series = z * (0.66666662693 + z * (0.40000972152 + z * (0.28498786688 + z * 0.24279078841)));
  let half = 0.5 * f * f;
  return exponent * 0.69313812256 - ((half - (s * (half + series) + exponent * 9.0580006145e-6)) - f);
}

// (cos, sin) of 2 pi k / 2^24: the nearest quarter turn is taken off exactly, the rest by Taylor-like polynomials.
fn direction(k: u32) -> vec2<f32> {
  let quarter = (k + 0x200000u) >> 22u;
  let angle = f32(i32(k) - i32(quarter << 22u)) * (1.5707963268 / 4194304.0);
  let z = angle * angle;
  let odd = z * (-0.16666666642 + z * (0.0083333293859 + z * (-0.00019839334836 + z * 2.7183114940e-6)));
  let sine = angle + angle * odd;
  let cosine = 1.0 + z * (-0.49999999725 + z * (0.041666623324 + z * (-0.0013886763775 + z * 0.000024390448796)));
  switch (quarter & 3u) {
    case 0u: { return vec2<f32>(cosine, sine); }
    case 1u: { return vec2<f32>(-sine, cosine); }
    case 2u: { return vec2<f32>(-cosine, -sine); }
    default: { return vec2<f32>(sine, -cosine); }
  }
}

// Box and Muller: two normal numbers of two words. The radius takes (0, 1], so its logarithm is finite.
fn normalPair(words: vec2<u32>) -> vec2<f32> {
  let radial = f32((words.x >> 8u) + 1u) * 5.9604644775e-8;
  return sqrt(-2.0 * logarithm(radial)) * direction(words.y >> 8u);
}

// Inverse of erf in single precision (Giles, GPU Computing Gems 2, 2011); |x| < 1.
fn inverseErf(x: f32) -> f32 {
  var w = -logarithm((1.0 - x) * (1.0 + x));
  if (w < 5.0) {
    w -= 2.5;
    return x * (1.50140941 + w * (0.246640727 + w * (-0.00417768164 + w * (-0.00125372503 + w * (0.00021858087
      + w * (-4.39150654e-6 + w * (-3.5233877e-6 + w * (3.43273939e-7 + w * 2.81022636e-8))))))));
  }
  w = sqrt(w) - 3.0;
  return x * (2.83297682 + w * (1.00167406 + w * (0.00943887047 + w * (-0.0076224613 + w * (0.00573950773
    + w * (-0.00367342844 + w * (0.00134934322 + w * (0.000100950558 - w * 0.000200214257))))))));
}

// Words as numbers in (-1, 1), symmetric about 0 and never at the ends.
fn symmetric(words: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(vec4<i32>((words >> vec4<u32>(8u)) * 2u + 1u) - 0x1000000) * 5.9604644775e-8;
}
