// Subgroup-matrix multiply-accumulate with operands and accumulators in registers: four accumulators, each in a chain of
// its own, and eight products per round.
//
// The second right operand is the negative of the first, so that accumulators stay small however long this runs. Zeros
// would do as well and draw less power, hence run at clock speeds that no real work reaches. Operands are read once, as
// 16-byte-aligned arrays of `Stored`; narrow integers lie packed in words, so `STRIDE` counts elements of `Stored`.
// Preconditions: the workgroup is a whole number of subgroups; it reports how many in `subgroups[0]`.

struct Params {
  rounds: u32,
}

@group(0) @binding(0) var<storage, read> left: array<Stored>;
@group(0) @binding(1) var<storage, read> right: array<Stored>;
@group(0) @binding(2) var<storage, read_write> result: array<ResultScalar>;
@group(0) @binding(3) var<storage, read_write> subgroups: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(num_subgroups) count: u32) {
  let l0 = subgroupMatrixLoad<Left, row_major>(&left, 0u, STRIDE_LEFT);
  let l1 = subgroupMatrixLoad<Left, row_major>(&left, M * STRIDE_LEFT, STRIDE_LEFT);
  let l2 = subgroupMatrixLoad<Left, row_major>(&left, 2u * M * STRIDE_LEFT, STRIDE_LEFT);
  let l3 = subgroupMatrixLoad<Left, row_major>(&left, 3u * M * STRIDE_LEFT, STRIDE_LEFT);
  let plus = subgroupMatrixLoad<Right, row_major>(&right, 0u, STRIDE_RIGHT);
  let minus = subgroupMatrixLoad<Right, row_major>(&right, K * STRIDE_RIGHT, STRIDE_RIGHT);
  var a = Result();
  var b = Result();
  var c = Result();
  var d = Result();
  for (var round = 0u; round < params.rounds; round++) {
    a = subgroupMatrixMultiplyAccumulate(l0, plus, a);
    b = subgroupMatrixMultiplyAccumulate(l1, plus, b);
    c = subgroupMatrixMultiplyAccumulate(l2, plus, c);
    d = subgroupMatrixMultiplyAccumulate(l3, plus, d);
    a = subgroupMatrixMultiplyAccumulate(l0, minus, a);
    b = subgroupMatrixMultiplyAccumulate(l1, minus, b);
    c = subgroupMatrixMultiplyAccumulate(l2, minus, c);
    d = subgroupMatrixMultiplyAccumulate(l3, minus, d);
  }
  subgroupMatrixStore<row_major>(&result, 0u, a, N);
  subgroupMatrixStore<row_major>(&result, M * N, b, N);
  subgroupMatrixStore<row_major>(&result, 2u * M * N, c, N);
  subgroupMatrixStore<row_major>(&result, 3u * M * N, d, N);
  if (lane == 0u) {
    subgroups[0] = count;
  }
}
