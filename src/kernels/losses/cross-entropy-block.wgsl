// A block of the logits `x` of one row, read twice, the second time from cache.

fn foldBlock(first: Place, count: u32) -> State {
  var place = first;
  var largest = LOWEST;
  for (var k = 0u; k < count; k++) {
    largest = max(largest, f32(x[place.index]));
    place = advance(place);
  }
  place = first;
  let row = place.outer * params.inner + place.inner;
  let wanted = targetOf(row, params.length, params.options.x, i32(params.options.y));
  var state = State(largest, 0.0, 0.0, 0.0);
  for (var k = 0u; k < count; k++) {
    let below = f32(x[place.index]) - largest;
    var weight = spreadWeight(place.index, place.position, wanted);
    if (i32(place.position) == wanted.hot) {
      weight += wanted.hotPart;
    }
    state.y += exponential(below);
    state.z -= weight * below;
    state.w += weight;
    place = advance(place);
  }
  return state;
}
