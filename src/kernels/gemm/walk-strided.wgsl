// A walk along k with a quad of an operand that is strided along k: an address is stepped, and nothing else has to be known.
// `Operand` stands for A or B.

alias OperandWalk = OperandOuter;

fn operandStride() -> u32 {
  return operandInner(1u);
}

fn operandWalk(quad: OperandQuad, k: u32) -> OperandWalk {
  return quad + operandInner(k);
}

// The elements of the quad where the walk stands: column e holds k + e.
fn operandHere(quad: OperandQuad, walk: OperandWalk, stride: u32) -> mat4x4<OperandType> {
  return mat4x4<OperandType>(
    operandLoad(walk, 0u),
    operandLoad(walk, stride),
    operandLoad(walk, 2u * stride),
    operandLoad(walk, 3u * stride),
  );
}
