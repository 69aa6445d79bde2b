// Four outer indices of an operand whose 4-vectors lie along k. `Operand` stands for A or B.

alias OperandQuad = array<OperandOuter, 4>;

// Past the end, the last one again: it is computed and not stored.
fn operandQuad(batch: u32, first: u32) -> OperandQuad {
  let last = operandExtent() - 1u;
  return OperandQuad(
    operandOuter(batch, min(first, last)),
    operandOuter(batch, min(first + 1u, last)),
    operandOuter(batch, min(first + 2u, last)),
    operandOuter(batch, min(first + 3u, last)),
  );
}

// Elements k to k + 3 of the quad: column e holds k + e.
fn operandBlock(quad: OperandQuad, k: u32) -> mat4x4<OperandType> {
  let inner = operandInner(k);
  return transpose(mat4x4<OperandType>(
    operandLoad(quad[0], inner),
    operandLoad(quad[1], inner),
    operandLoad(quad[2], inner),
    operandLoad(quad[3], inner),
  ));
}
