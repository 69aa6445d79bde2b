// Moments: State = (count, mean, sum of squared deviations, 0). Two sets of elements meet by Chan's formula.

fn neutral() -> State {
  return State();
}

fn merge(a: State, b: State) -> State {
  let count = a.x + b.x;
  if (count == 0.0) {
    return State();
  }
  let shift = b.y - a.y;
  let part = b.x / count;
  return State(count, a.y + shift * part, a.z + b.z + shift * shift * a.x * part, 0.0);
}
