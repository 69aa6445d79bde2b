// A walk along k with a quad of an operand: where it stands is a value that is stepped, four of k at a time.
// `Operand` stands for A or B.

alias OperandWalk = u32; // k

fn operandStride() -> u32 {
  return 1u;
}

fn operandWalk(quad: OperandQuad, k: u32) -> OperandWalk {
  return k;
}

// The elements of the quad where the walk stands: column e holds k + e.
fn operandHere(quad: OperandQuad, walk: OperandWalk, stride: u32) -> mat4x4<OperandType> {
  return operandBlock(quad, walk);
}
