// Moments: State = (count, mean - origin, sum of squared deviations, origin). Two sets of elements meet by Chan's formula.
//
// Means are kept relative to an element of the set (`origin`), which all lanes of an output share: where the mean is
// much larger than the deviation, a mean itself would not have the digits to tell two blocks apart.

fn neutral() -> State {
  return State();
}

fn merge(a: State, b: State) -> State {
  if (a.x == 0.0) {
    return b;
  }
  if (b.x == 0.0) {
    return a;
  }
  let count = a.x + b.x;
  let shift = (b.y - a.y) + (b.w - a.w);
  let part = b.x / count;
  return State(count, a.y + shift * part, a.z + b.z + shift * shift * a.x * part, a.w);
}
