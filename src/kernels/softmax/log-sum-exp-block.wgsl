// A block of `x` is read twice, the second time from cache: one exponential per element instead of two.

fn foldBlock(first: Place, count: u32) -> State {
  var place = first;
  var largest = LOWEST;
  for (var k = 0u; k < count; k++) {
    largest = max(largest, f32(x[place.index]));
    place = advance(place);
  }
  place = first;
  var sum = 0.0;
  for (var k = 0u; k < count; k++) {
    sum += exponential(f32(x[place.index]) - largest);
    place = advance(place);
  }
  return State(largest, sum);
}
