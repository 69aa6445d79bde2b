// Cross-entropy of one row: State = (m, s, d, w) with
//   m  largest logit
//   s  sum of e^(x_c - m)
//   w  sum of u_c, the weight that class c has in the target
//   d  sum of u_c (m - x_c)
// so that sum of u_c (log-sum-exp - x_c) = d + w log(s): differences only, which keep their digits at any magnitude.

const LOWEST = -3.4028234e38;

fn neutral() -> State {
  return State(LOWEST, 0.0, 0.0, 0.0);
}

fn merge(a: State, b: State) -> State {
  let m = max(a.x, b.x);
  let s = a.y * exp(a.x - m) + b.y * exp(b.x - m);
  let d = a.z + b.z + a.w * (m - a.x) + b.w * (m - b.x);
  return State(m, s, d, a.w + b.w);
}
