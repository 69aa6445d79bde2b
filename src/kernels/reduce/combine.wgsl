// Shared by the reduction kernels. MODE: 0 sum, 1 maximum, 2 minimum. NaN wins every comparison.

fn isNan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn combine(a: Accumulator, b: Accumulator) -> Accumulator {
  if (MODE == 0u) {
    return a + b;
  }
  if (isNan(f32(a))) {
    return a;
  }
  if (isNan(f32(b))) {
    return b;
  }
  if (MODE == 1u) {
    return max(a, b);
  }
  return min(a, b);
}

fn finish(total: Accumulator, scale: f32) -> Accumulator {
  if (SCALED) {
    return Accumulator(f32(total) * scale);
  }
  return total;
}

// Combines `count` > 0 elements. Blocks of 32 are added up on their own first, which keeps the rounding error of long
// sums near that of pairwise summation.
fn reduceStrided(first: u32, stride: u32, count: u32) -> Accumulator {
  var total = Accumulator(0);
  var i = 0u;
  var index = first;
  while (i < count) {
    let end = min(i + 32u, count);
    var block = Accumulator(value[index]);
    i++;
    index += stride;
    while (i < end) {
      block = combine(block, Accumulator(value[index]));
      i++;
      index += stride;
    }
    if (i <= 32u) {
      total = block;
    } else {
      total = combine(total, block);
    }
  }
  return total;
}
