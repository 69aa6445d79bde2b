// The second and later stages of a fold: the elements are `states` already.

fn foldBlock(first: Place, count: u32) -> State {
  var place = first;
  var state = states[place.index];
  for (var k = 1u; k < count; k++) {
    place = advance(place);
    state = merge(state, states[place.index]);
  }
  return state;
}
