// What the loss of each own row needs of its logits s[j] against all other rows, gathered block by block:
//
//   statistics[2 i]     = (largest s, sum over others of exp(s - largest), largest positive s, the same sum over positives)
//   statistics[2 i + 1] = (sum of targets, sum of targets * (s - largest), sum of (s - largest), number of logits)
//
// Where positives stand apart (APART: one match each, or the sum inside the logarithm) `others` are the rows that are no
// positives, so that a confident row's small loss keeps its digits; elsewhere they are all rows. For the pairwise
// loss (PAIRWISE) statistics[2 i] = (sum of softplus(s) - t s, sum of sigmoid(s) - t, 0, 0).
//
// OF_IMAGES: own rows are rows of the block; a workgroup owns one, its invocations walk it side by side and put their parts
// together through workgroup memory. Otherwise they are columns, and an invocation owns one. Either way neighbours read
// neighbours. What earlier blocks left is read and merged (CONTINUED). A single match (SINGLE) is looked up, not searched.
// The second vector is gathered where something is made of it (RESTED); WHOLE: no walk has less than BLOCK logits left.

struct State {
  head: vec4f,
  rest: vec4f,
}

var<workgroup> parts: array<State, LANES>;

fn nothing() -> State {
  return State(select(vec4f(lowest, 0.0, lowest, 0.0), vec4f(), PAIRWISE), vec4f());
}

fn logitAt(own: u32, other: u32) -> f32 {
  return logits[select(other * params.stride + own, own * params.stride + other, OF_IMAGES)];
}

fn positiveAt(own: u32, other: u32) -> bool {
  return isPositive(select(other, own, OF_IMAGES), select(own, other, OF_IMAGES));
}

fn targetAt(own: u32, other: u32) -> f32 {
  if (OF_IMAGES) {
    return imageTarget(own, other);
  }
  return textTarget(other, own);
}

fn within(other: u32, others: u32) -> u32 {
  return select(min(other, others - 1u), other, WHOLE);
}

// Moves the sums of s - largest to another largest.
fn moved(rest: vec4f, by: f32) -> vec4f {
  // Nothing has been summed yet where `by` is beyond all measure.
  return rest + select(vec4f(), vec4f(0.0, rest.x * by, rest.w * by, 0.0), rest.w > 0.0);
}

fn merged(a: State, b: State) -> State {
  if (PAIRWISE) {
    return State(a.head + b.head, vec4f());
  }
  let top = max(a.head.x, b.head.x);
  let positive = max(a.head.z, b.head.z);
  let others = a.head.y * exp(a.head.x - top) + b.head.y * exp(b.head.x - top);
  let positives = a.head.w * exp(a.head.z - positive) + b.head.w * exp(b.head.z - positive);
  return State(
    vec4f(top, others, positive, positives),
    moved(a.rest, a.head.x - top) + moved(b.rest, b.head.x - top),
  );
}

// BLOCK logits more, every `step`-th from `first` on.
fn added(state: State, own: u32, first: u32, step: u32, others: u32) -> State {
  var s: array<f32, BLOCK>;
  var top = state.head.x;
  for (var c = 0u; c < BLOCK; c++) {
    let other = first + c * step;
    s[c] = select(lowest, logitAt(own, within(other, others)), WHOLE || other < others);
    top = max(top, s[c]);
  }
  var head = state.head;
  if (PAIRWISE) {
    for (var c = 0u; c < BLOCK; c++) {
      let other = first + c * step;
      let t = select(0.0, 1.0, positiveAt(own, within(other, others)));
      let loss = max(s[c], 0.0) + logOnePlus(exp(-abs(s[c]))) - t * s[c];
      head += select(vec4f(), vec4f(loss, logistic(s[c]) - t, 0.0, 0.0), WHOLE || other < others);
    }
    return State(head, state.rest);
  }
  var topPositive = head.z;
  if (APART && !SINGLE) {
    for (var c = 0u; c < BLOCK; c++) {
      let other = within(first + c * step, others);
      topPositive = max(topPositive, select(lowest, s[c], positiveAt(own, other)));
    }
    head.w *= exp(head.z - topPositive);
  }
  var rest = vec4f();
  if (RESTED) {
    rest = moved(state.rest, head.x - top);
  }
  head.y *= exp(head.x - top);
  for (var c = 0u; c < BLOCK; c++) {
    let there = WHOLE || first + c * step < others;
    let other = within(first + c * step, others);
    let e = select(0.0, exp(s[c] - top), there);
    if (APART) {
      let positive = positiveAt(own, other);
      head.y += select(e, 0.0, positive);
      if (!SINGLE) {
        head.w += select(0.0, exp(s[c] - topPositive), positive && there);
      }
      if (RESTED) {
        rest += select(vec4f(), vec4f(0.0, 0.0, s[c] - top, 1.0), there);
      }
    } else {
      let weight = targetAt(own, other);
      head.y += e;
      rest += select(vec4f(), vec4f(weight, weight * (s[c] - top), s[c] - top, 1.0), there);
    }
  }
  return State(vec4f(top, head.y, topPositive, head.w), rest);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let task = group.y * groups.x + group.x;
  let count = select(params.columns, params.rows, OF_IMAGES);
  let others = select(params.rows, params.columns, OF_IMAGES);
  let firstOwn = task * select(LANES, 1u, OF_IMAGES);
  if (firstOwn >= count) {
    return;
  }
  let own = min(firstOwn + select(lane, 0u, OF_IMAGES), count - 1u);
  let step = select(1u, LANES, OF_IMAGES);
  var state = nothing();
  for (var first = select(0u, lane, OF_IMAGES); first < others; first += BLOCK * step) {
    state = added(state, own, first, step, others);
  }
  if (SINGLE && (!OF_IMAGES || lane == 0u)) {
    let other = i32(own) + select(-params.offset, params.offset, OF_IMAGES);
    if (other >= 0 && other < i32(others)) {
      state.head.z = logitAt(own, u32(other));
      state.head.w = 1.0;
    }
  }
  if (OF_IMAGES) {
    parts[lane] = state;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) {
        parts[lane] = merged(parts[lane], parts[lane + half]);
      }
    }
    state = parts[0];
  }
  if (select(firstOwn + lane < count, lane == 0u, OF_IMAGES)) {
    if (CONTINUED) {
      state = merged(state, State(statistics[2u * own], statistics[2u * own + 1u]));
    }
    statistics[2u * own] = state.head;
    statistics[2u * own + 1u] = state.rest;
  }
}
