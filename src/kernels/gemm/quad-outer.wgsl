// Four outer indices of an operand whose 4-vectors lie along them. `Operand` stands for A or B. Constant: WHOLE_QUADS.

alias OperandQuad = OperandOuter;

// Past the end, the last one again: it is computed and not stored.
fn operandQuad(batch: u32, first: u32) -> OperandQuad {
  return operandOuter(batch, min(first, (operandExtent() - 1u) / 4u * 4u));
}

fn operandAt(quad: OperandQuad, k: u32) -> vec4<OperandType> {
  if (WHOLE_QUADS) {
    return operandLoad(quad, operandInner(k));
  }
  let value = operandLoad(quad, operandInner(min(k, params.gemm.k - 1u)));
  return select(vec4<OperandType>(), value, k < params.gemm.k);
}

// Elements k to k + 3 of the quad: column e holds k + e.
fn operandBlock(quad: OperandQuad, k: u32) -> mat4x4<OperandType> {
  return mat4x4<OperandType>(
    operandAt(quad, k),
    operandAt(quad, k + 1u),
    operandAt(quad, k + 2u),
    operandAt(quad, k + 3u),
  );
}
