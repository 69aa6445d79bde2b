// The weight u_c of a class in a row's target, class weights k_c and smoothing included:
//   SOFT    u_c = k_c ((1 - smoothing) labels[index] + smoothing / classes)
//   else    u_c = k_c ((1 - smoothing) [c = labels[row]] + smoothing / classes), or 0 if that is the ignored label
// It comes in two parts, because the gradient at a label needs the hot one on its own.

struct Target {
  share: f32,   // 1 - smoothing
  evenly: f32,  // smoothing / classes
  hot: i32,     // the class that gets `hotPart` on top; -1 if targets are soft
  hotPart: f32,
}

fn targetOf(row: u32, classes: u32, smoothing: f32, ignored: i32) -> Target {
  let evenly = smoothing / f32(classes);
  if (SOFT) {
    return Target(1.0 - smoothing, evenly, -1, 0.0);
  }
  let label = i32(labels[row]);
  if (label == ignored) {
    return Target(0.0, 0.0, -1, 0.0);
  }
  let inside = label >= 0 && u32(label) < classes;
  let weight = classWeightAt(select(0u, u32(label), inside));
  return Target(1.0 - smoothing, evenly, label, select(0.0, (1.0 - smoothing) * weight, inside));
}

// What is spread over the classes, at one of them.
fn spreadWeight(index: u32, c: u32, wanted: Target) -> f32 {
  if (SOFT) {
    return classWeightAt(c) * (wanted.share * f32(labels[index]) + wanted.evenly);
  }
  return classWeightAt(c) * wanted.evenly;
}
