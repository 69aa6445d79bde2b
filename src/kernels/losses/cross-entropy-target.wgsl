// The weight u_c of a class in the target, smoothing and class weights k_c included.
//   SOFT    u_c = k_c ((1 - smoothing) labels[index] + smoothing / classes)
//   else    u_c = k_c ((1 - smoothing) [c = labels[row]] + smoothing / classes), or 0 if that is the ignored label

fn targetWeight(index: u32, row: u32, classIndex: u32, classes: u32, smoothing: f32, ignored: i32) -> f32 {
  let evenly = smoothing / f32(classes);
  if (SOFT) {
    return classWeightAt(classIndex) * ((1.0 - smoothing) * f32(labels[index]) + evenly);
  }
  let label = i32(labels[row]);
  if (label == ignored) {
    return 0.0;
  }
  return classWeightAt(classIndex) * (select(0.0, 1.0 - smoothing, label == i32(classIndex)) + evenly);
}
