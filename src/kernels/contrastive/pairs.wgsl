// Shared by the contrastive kernels: logits of own rows and other rows, block by block, and which pairs belong together.
//
// logit(i, j) = scale * own[i] . other[j] + shift. Both are [count, D]; `Value` is a 4-vector where D is a multiple of
// 4, else a number, and params.columns of them make a row. An invocation owns ROWS rows, LANES apart; all invocations
// walk the same COLS other rows at a time, which come through workgroup memory CHUNK columns at a time, so that one read
// serves a vector of invocations times ROWS. The COLS * ROWS logits stay in registers (on a CPU: on the stack); there is no
// tensor of logits. Loops over ROWS, COLS and DEPTH are meant to be unrolled by the compiler.
//
// Preconditions: CHUNK is a multiple of DEPTH; COLS * CHUNK vectors fit in workgroup memory. The header declares own, other,
// scale, shiftOf, groups or target as the case may be, and isPositive, ownTarget and otherTarget.

const lowest = -3.4e38;

struct Params {
  ownCount: u32,
  otherCount: u32,
  columns: u32,
  offset: i32,     // own row i belongs to other row i + offset
  smoothing: f32,  // part of a target that is spread over all
  share: f32,      // of this direction in the loss
}

@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> tile: array<Value, COLS * CHUNK>;

alias Block = array<array<f32, COLS>, ROWS>;

fn ownRow(first: u32, r: u32) -> u32 {
  return min(first + r * LANES, params.ownCount - 1u);
}

// Other rows start .. start + COLS, columns chunk .. chunk + CHUNK; zeros behind the last column. Two barriers.
fn stage(lane: u32, start: u32, chunk: u32) {
  workgroupBarrier();
  for (var i = lane; i < COLS * CHUNK; i += LANES) {
    let column = chunk + i % CHUNK;
    let row = min(start + i / CHUNK, params.otherCount - 1u);
    let value = Value(other[row * params.columns + min(column, params.columns - 1u)]);
    tile[i] = select(Value(), value, column < params.columns);
  }
  workgroupBarrier();
}

fn logits(lane: u32, first: u32, start: u32) -> Block {
  var sums = Block();
  for (var chunk = 0u; chunk < params.columns; chunk += CHUNK) {
    stage(lane, start, chunk);
    for (var next = 0u; next < CHUNK && chunk + next < params.columns; next += DEPTH) {
      var mine: array<array<Value, DEPTH>, ROWS>;
      for (var r = 0u; r < ROWS; r++) {
        for (var k = 0u; k < DEPTH; k++) {
          // The tile has zeros there; what is read here only has to exist, and to be finite.
          let column = min(chunk + next + k, params.columns - 1u);
          mine[r][k] = Value(own[ownRow(first, r) * params.columns + column]);
        }
      }
      for (var c = 0u; c < COLS; c++) {
        for (var k = 0u; k < DEPTH; k++) {
          let theirs = tile[c * CHUNK + next + k];
          for (var r = 0u; r < ROWS; r++) {
            sums[r][c] += inner(mine[r][k], theirs);
          }
        }
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLS; c++) {
      sums[r][c] = sums[r][c] * scale[0] + shiftOf();
    }
  }
  return sums;
}

// log(1 + x) without losing a small x.
fn logOnePlus(x: f32) -> f32 {
  return select(log(1.0 + x), x * (1.0 - x * (0.5 - x * (0.33333333 - x * 0.25))), x < 0.01);
}

fn logistic(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
