// mergeTeam with subgroup shuffles: merges the states of the TEAM neighbouring lanes that share a row, and gives all of
// them the result. The kernel brings `State`, a commutative `merge(a, b)`, TEAM (a power of two up to 256) and SUBGROUP,
// the smallest subgroup of the adapter: larger subgroups are whole multiples of it. Precondition: lanes form subgroups
// in the order of their local index, which drivers do for workgroups of one axis.
//
// Within a subgroup a butterfly without any barrier; only teams of several subgroups meet in workgroup memory, once.
// Barriers cost a GPU little and a software adapter a great deal.

var<workgroup> teamStates: array<State, 256>;

fn mergeTeam(own: State, lane: u32) -> State {
  var state = own;
  for (var distance = 1u; distance < min(TEAM, SUBGROUP); distance *= 2u) {
    state = merge(state, subgroupShuffleXor(state, distance));
  }
  if (TEAM > SUBGROUP) {
    workgroupBarrier(); // an earlier call's states have been read
    if (lane % SUBGROUP == 0u) {
      teamStates[lane / SUBGROUP] = state;
    }
    workgroupBarrier();
    let first = lane / TEAM * (TEAM / SUBGROUP);
    state = teamStates[first];
    for (var k = 1u; k < TEAM / SUBGROUP; k++) {
      state = merge(state, teamStates[first + k]);
    }
  }
  return state;
}
