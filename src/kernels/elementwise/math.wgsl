// Functions that WGSL lacks, or that drivers compute with cancellation or overflow. f32 throughout.

// exp(x) - 1 without cancellation near zero: a degree-7 Taylor polynomial below 0.35 (error 3e-9 relative).
fn expMinusOne(x: f32) -> f32 {
  let series = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * (0.0013888889 + x * 0.0001984127))))));
  return select(exp(x) - 1.0, series, abs(x) < 0.35);
}

// log(1 + x): the rounding error of 1 + x is divided out (Goldberg, theorem 4).
fn logOnePlus(x: f32) -> f32 {
  let sum = 1.0 + x;
  let corrected = log(sum) * (x / (sum - 1.0));
  return select(corrected, x, sum == 1.0);
}

// Never overflows: the exponential's argument is not positive.
fn hyperbolicTangent(x: f32) -> f32 {
  let decay = expMinusOne(-2.0 * abs(x));
  return sign(x) * (-decay / (decay + 2.0));
}

fn logistic(x: f32) -> f32 {
  let decay = exp(-abs(x));
  return select(decay, 1.0, x >= 0.0) / (1.0 + decay);
}

// log(1 + exp(x))
fn softPlus(x: f32) -> f32 {
  return max(x, 0.0) + logOnePlus(exp(-abs(x)));
}

// Maclaurin series below 1 (error 4e-8), Abramowitz and Stegun 7.1.26 with five terms above (absolute error 1.5e-7).
fn errorFunction(x: f32) -> f32 {
  let s = x * x;
  let series = x * (1.1283792 + s * (-0.37612639 + s * (0.11283792 + s * (-0.026866171 + s * (0.0052239776
    + s * (-0.00085483270 + s * (0.00012055333 + s * (-0.0000149256 + s * 0.0000016462)))))))) ;
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return select(sign(x) * (1.0 - tail * exp(-s)), series, s < 1.0);
}

fn normalDensity(x: f32) -> f32 {
  return 0.3989422804 * exp(-0.5 * x * x);
}

fn normalDistribution(x: f32) -> f32 {
  return 0.5 * (1.0 + errorFunction(x * 0.70710678));
}

// x^e with the sign rules of real powers: an integer exponent takes negative bases.
fn power(x: f32, e: f32) -> f32 {
  if (e == 0.0) { return 1.0; }
  if (e == 1.0) { return x; }
  if (e == 2.0) { return x * x; }
  if (e == 3.0) { return x * x * x; }
  if (e == -1.0) { return 1.0 / x; }
  if (e == -2.0) { return 1.0 / (x * x); }
  if (e == 0.5) { return sqrt(x); }
  let magnitude = pow(abs(x), e);
  let odd = (i32(e) & 1) == 1;
  if (x >= 0.0) { return magnitude; }
  return select(sqrt(x), select(magnitude, -magnitude, odd), floor(e) == e);
}

fn geluTanhSlope(x: f32) -> f32 {
  let t = hyperbolicTangent(0.7978845608 * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608 * (1.0 + 0.134145 * x * x);
}

// A test on bits, because compilers may assume that floats are never NaN.
fn isNotANumber(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// f(x), or x itself where that is NaN.
fn keepNan(x: f32, result: f32) -> f32 {
  return select(result, x, isNotANumber(x));
}

// NaN wins.
fn larger(x: f32, y: f32) -> f32 {
  return select(select(select(y, x, x > y), y, isNotANumber(y)), x, isNotANumber(x));
}

// x minus the nearest multiple of pi/2, which is taken off in three parts (Cody and Waite), and the multiple's number.
// WGSL lets sin and cos be off by 5e-4, and some adapters use that; these are within 2e-7 up to |x| of some thousands.
fn quarterTurns(x: f32) -> vec2<f32> {
  let n = round(x * 0.63661977);
  return vec2<f32>(((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.549789954891883e-8, n);
}

fn sineNearZero(r: f32) -> f32 {
  let s = r * r;
  return r + r * s * (-0.16666667 + s * (0.0083333333 + s * (-0.00019841270 + s * 0.0000027557319)));
}

fn cosineNearZero(r: f32) -> f32 {
  let s = r * r;
  return 1.0 + s * (-0.5 + s * (0.041666667 + s * (-0.0013888889 + s * (0.000024801587 - s * 2.7557319e-7))));
}

fn sineOfQuarter(r: f32, quarter: i32) -> f32 {
  let magnitude = select(sineNearZero(r), cosineNearZero(r), (quarter & 1) == 1);
  return select(magnitude, -magnitude, (quarter & 2) == 2);
}

fn sine(x: f32) -> f32 {
  let turned = quarterTurns(x);
  return sineOfQuarter(turned.x, i32(turned.y));
}

fn cosine(x: f32) -> f32 {
  let turned = quarterTurns(x);
  return sineOfQuarter(turned.x, i32(turned.y) + 1);
}
