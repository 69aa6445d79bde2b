// mergeTeam, portable: merges the states of the TEAM neighbouring lanes that share a row, and gives all of them the
// result. The kernel brings `State`, `merge(a, b)` and TEAM, a power of two that divides the workgroup's 256 lanes.
//
// A tree through workgroup memory: log2(TEAM) barriers. Every lane of the workgroup must take part, busy or not.

var<workgroup> teamStates: array<State, 256>;

fn mergeTeam(own: State, lane: u32) -> State {
  if (TEAM == 1u) {
    return own;
  }
  let member = lane % TEAM;
  workgroupBarrier(); // an earlier call's result has been read
  teamStates[lane] = own;
  for (var width = TEAM / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (member < width) {
      teamStates[lane] = merge(teamStates[lane], teamStates[lane + width]);
    }
  }
  workgroupBarrier();
  return teamStates[lane - member];
}
