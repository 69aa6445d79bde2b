// The place of the largest element: State = (rank, position), a higher rank wins, then the lower position.

fn neutral() -> State {
  return State(0u, 0xffffffffu);
}

fn merge(a: State, b: State) -> State {
  let wins = a.x > b.x || (a.x == b.x && a.y < b.y);
  return select(b, a, wins);
}
