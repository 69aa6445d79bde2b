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

// What is known of k to k + 3, for all quads.
alias OperandStep = OperandInner;

fn operandStep(k: u32) -> OperandStep {
  return operandInner(k);
}

// The step's elements of the quad: column e holds the step's k + e.
fn operandBlockAt(quad: OperandQuad, step: OperandStep) -> mat4x4<OperandType> {
  return transpose(mat4x4<OperandType>(
    operandLoad(quad[0], step),
    operandLoad(quad[1], step),
    operandLoad(quad[2], step),
    operandLoad(quad[3], step),
  ));
}

fn operandBlock(quad: OperandQuad, k: u32) -> mat4x4<OperandType> {
  return operandBlockAt(quad, operandStep(k));
}
