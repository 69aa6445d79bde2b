// The same running sums as columns.wgsl, for few long columns: a workgroup walks one column in segments of 2,048.
//
// In a segment each lane adds up 8 neighbours, the lanes' sums are scanned through workgroup memory (8 steps, each
// doubling the distance), and each lane runs over its neighbours again from the sum before them. `carry` goes from
// segment to segment.

const ITEMS = 8u;

struct Params {
  columns: u32, // outer * inner
  inner: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<array<Accumulator, 256>, 2>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = group.y * groups.x + group.x;
  if (column >= params.columns) {
    return;
  }
  let base = column / params.inner * params.length * params.inner + column % params.inner;
  var carry = Accumulator();
  for (var start = 0u; start < params.length; start += 256u * ITEMS) {
    let first = min(start + lane * ITEMS, params.length);
    let last = min(first + ITEMS, params.length);
    var own = Accumulator();
    for (var i = first; i < last; i++) {
      own += Accumulator(x[base + select(i, params.length - 1u - i, REVERSED) * params.inner]);
    }
    sums[0][lane] = own;
    workgroupBarrier();
    var side = 0u;
    for (var distance = 1u; distance < 256u; distance *= 2u) {
      var sum = sums[side][lane];
      if (lane >= distance) {
        sum += sums[side][lane - distance];
      }
      side = 1u - side;
      sums[side][lane] = sum;
      workgroupBarrier();
    }
    var running = carry;
    if (lane > 0u) {
      running += sums[side][lane - 1u];
    }
    carry += sums[side][255];
    workgroupBarrier(); // the next segment overwrites the sums
    for (var i = first; i < last; i++) {
      let place = base + select(i, params.length - 1u - i, REVERSED) * params.inner;
      running += Accumulator(x[place]);
      y[place] = Element(running);
    }
  }
}
