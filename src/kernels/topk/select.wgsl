// The k largest elements of each row, in descending order, with their positions; of equals the first ones.
//
// x is [outer, length, inner], a row runs along `length`; values and indices are [outer, k, inner]. One workgroup owns
// one row. Every element is a pair (order of its value, complement of its position): all different, larger is better.
//   Selection: the k-th largest pair is found digit by digit (8 bits, from the top) by histograms of the elements that
//   share the digits so far. It ends as soon as the bins at hand hold exactly what is still wanted, which without ties
//   is before the positions' digits come into play. Elements at or above the pair so found are collected in any order.
//   Sorting: a bitonic network over the k pairs, padded to a power of two with pairs below all others; in workgroup
//   memory if they fit (LOCAL), else in `scratch`.
// The histograms count with integer atomics, so the result does not depend on the order in which lanes run.

struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  k: u32,
  padded: u32, // the next power of two
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> values: array<Element>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<vec2<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> collected: atomic<u32>;
var<workgroup> nearby: array<vec2<u32>, LOCAL_PAIRS>;
// The digits of the k-th pair found so far, how many pairs with these digits are wanted, and whether that is all.
var<workgroup> search: vec4<u32>;

fn pairAt(base: u32, i: u32) -> vec2<u32> {
  return vec2<u32>(orderOf(f32(x[base + i * params.inner])), ~i);
}

fn atLeast(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.x > b.x || (a.x == b.x && a.y >= b.y);
}

fn load(row: u32, i: u32) -> vec2<u32> {
  if (LOCAL) {
    return nearby[i];
  }
  return scratch[row * params.padded + i];
}

fn store(row: u32, i: u32, pair: vec2<u32>) {
  if (LOCAL) {
    nearby[i] = pair;
  } else {
    scratch[row * params.padded + i] = pair;
  }
}

fn meet() {
  if (LOCAL) {
    workgroupBarrier();
  } else {
    storageBarrier();
  }
}

// The bits above digit `digit` (0 is the highest of 8).
fn maskAbove(digit: u32) -> vec2<u32> {
  if (digit == 0u) {
    return vec2<u32>();
  }
  if (digit < 4u) {
    return vec2<u32>(0xffffffffu << (32u - 8u * digit), 0u);
  }
  if (digit == 4u) {
    return vec2<u32>(0xffffffffu, 0u);
  }
  return vec2<u32>(0xffffffffu, 0xffffffffu << (64u - 8u * digit));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let base = row / params.inner * params.length * params.inner + row % params.inner;
  if (lane == 0u) {
    search = vec4<u32>(0u, 0u, params.k, 0u);
    atomicStore(&collected, 0u);
  }
  for (var digit = 0u; digit < 8u; digit++) {
    let state = workgroupUniformLoad(&search);
    if (state.w == 1u) {
      break;
    }
    atomicStore(&bins[lane], 0u);
    workgroupBarrier();
    let mask = maskAbove(digit);
    let shift = 24u - 8u * (digit % 4u);
    for (var i = lane; i < params.length; i += 256u) {
      let pair = pairAt(base, i);
      if (all((pair & mask) == state.xy)) {
        atomicAdd(&bins[(select(pair.y, pair.x, digit < 4u) >> shift) & 255u], 1u);
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var wanted = state.z;
      var bin = 255u;
      var count = atomicLoad(&bins[bin]);
      while (count < wanted && bin > 0u) {
        wanted -= count;
        bin -= 1u;
        count = atomicLoad(&bins[bin]);
      }
      let found = select(vec2<u32>(0u, bin << shift), vec2<u32>(bin << shift, 0u), digit < 4u);
      search = vec4<u32>(state.xy | found, wanted, select(0u, 1u, count == wanted));
    }
  }
  let threshold = workgroupUniformLoad(&search).xy;
  for (var i = lane; i < params.length; i += 256u) {
    let pair = pairAt(base, i);
    if (atLeast(pair, threshold)) {
      store(row, atomicAdd(&collected, 1u), pair);
    }
  }
  for (var i = params.k + lane; i < params.padded; i += 256u) {
    store(row, i, vec2<u32>());
  }
  for (var size = 2u; size <= params.padded; size *= 2u) {
    for (var distance = size / 2u; distance > 0u; distance /= 2u) {
      meet();
      for (var t = lane; t < params.padded / 2u; t += 256u) {
        let low = t / distance * distance * 2u + t % distance;
        let a = load(row, low);
        let b = load(row, low + distance);
        let descending = (low & size) == 0u;
        if (atLeast(a, b) != descending) {
          store(row, low, b);
          store(row, low + distance, a);
        }
      }
    }
  }
  meet();
  let first = row / params.inner * params.k * params.inner + row % params.inner;
  for (var i = lane; i < params.k; i += 256u) {
    let position = ~load(row, i).y;
    values[first + i * params.inner] = x[base + position * params.inner];
    indices[first + i * params.inner] = i32(position);
  }
}
