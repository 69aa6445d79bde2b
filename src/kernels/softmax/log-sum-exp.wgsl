// Log-sum-exp: State = (largest, sum of e^(x - largest)). No exponent is ever positive, so nothing overflows.

const LOWEST = -3.4028234e38;

fn neutral() -> State {
  return State(LOWEST, 0.0);
}

fn merge(a: State, b: State) -> State {
  let largest = max(a.x, b.x);
  return State(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest));
}
