// A block of `x`, whose elements `rankOf` turns into unsigned integers of the wanted order.

fn foldBlock(first: Place, count: u32) -> State {
  var place = first;
  var best = State(rankOf(x[place.index]), place.position);
  for (var k = 1u; k < count; k++) {
    place = advance(place);
    best = merge(best, State(rankOf(x[place.index]), place.position));
  }
  return best;
}
