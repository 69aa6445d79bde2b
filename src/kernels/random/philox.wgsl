// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), word for word the function of numeric/philox.ts: a counter and a
// key give four random words. The counter is (vector, draw, 0, 0) and the key (seed, "voxg"), so that element n of a
// draw is word n % 4 of vector n / 4 on every adapter and on the host.

// High word of a 64-bit product, which WGSL lacks.
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let aLow = a & 0xffffu;
  let aHigh = a >> 16u;
  let bLow = b & 0xffffu;
  let bHigh = b >> 16u;
  let middle = aHigh * bLow + ((aLow * bLow) >> 16u);
  let cross = aLow * bHigh + (middle & 0xffffu);
  return aHigh * bHigh + (middle >> 16u) + (cross >> 16u);
}

fn randomWords(seed: u32, draw: u32, vector: u32) -> vec4<u32> {
  return philox(seed, vec4<u32>(vector, draw, 0u, 0u));
}

fn philox(seed: u32, start: vec4<u32>) -> vec4<u32> {
  var counter = start;
  var key = vec2<u32>(seed, 0x766f7867u);
  for (var round = 0u; round < 10u; round++) {
    let a = multiplyHigh(0xd2511f53u, counter.x);
    let b = multiplyHigh(0xcd9e8d57u, counter.z);
    counter = vec4<u32>(b ^ counter.y ^ key.x, 0xcd9e8d57u * counter.z, a ^ counter.w ^ key.y, 0xd2511f53u * counter.x);
    key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return counter;
}
