// The weight u_c of a class in the target, class weights k_c and smoothing included:
//   SOFT    u_c = k_c ((1 - smoothing) labels[index] + smoothing / classes)
//   else    u_c = k_c ((1 - smoothing) [c = labels[row]] + smoothing / classes), or 0 if that is the ignored label
// It comes in two parts, because the gradient at a label needs the hot one on its own.

struct Target {
  classes: u32,
  smoothing: f32,
  ignored: i32,
}

// What is spread over the classes.
fn spreadWeight(index: u32, row: u32, c: u32, wanted: Target) -> f32 {
  let evenly = wanted.smoothing / f32(wanted.classes);
  if (SOFT) {
    return classWeightAt(c) * ((1.0 - wanted.smoothing) * f32(labels[index]) + evenly);
  }
  return select(classWeightAt(c) * evenly, 0.0, i32(labels[row]) == wanted.ignored);
}

// The class that gets `hotWeight` on top; none has this number if targets are soft.
fn hotClass(row: u32) -> i32 {
  if (SOFT) {
    return -1;
  }
  return i32(labels[row]);
}

fn hotWeight(row: u32, wanted: Target) -> f32 {
  let label = hotClass(row);
  if (SOFT || label == wanted.ignored || label < 0 || u32(label) >= wanted.classes) {
    return 0.0;
  }
  return classWeightAt(u32(label)) * (1.0 - wanted.smoothing);
}
