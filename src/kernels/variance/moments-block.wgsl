// Moments of a block of `values`.
//
// The block is shifted by its first element, which is a sample of it: the squares then cancel by no more than a factor
// of the block's length, and equal elements give exactly 0. One pass, no division per element.

fn foldBlock(start: Place, count: u32) -> State {
  var place = start;
  let origin = f32(values[place.outer * params.length * params.inner + place.inner]);
  let first = f32(values[place.index]);
  var sum = 0.0;
  var squares = 0.0;
  for (var k = 1u; k < count; k++) {
    place = advance(place);
    let deviation = f32(values[place.index]) - first;
    sum += deviation;
    squares += deviation * deviation;
  }
  let mean = sum / f32(count);
  return State(f32(count), (first - origin) + mean, max(squares - sum * mean, 0.0), origin);
}
