// An operand stored along its rows (A) or columns (B), of any extent: past the end, vectors repeat the last element.
// `Operand` stands for A or B.

alias OperandOuter = vec4<u32>; // of each element
alias OperandInner = u32;

fn operandOuter(batch: u32, outer: u32) -> OperandOuter {
  let elements = min(outer + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(operandExtent() - 1u));
  return batchOffset(batch, params.strideOperand) + elements;
}

fn operandInner(k: u32) -> OperandInner {
  return k * operandExtent();
}

fn operandLoad(outer: OperandOuter, inner: OperandInner) -> vec4<OperandType> {
  let at = outer + inner;
  return vec4<OperandType>(operand[at.x], operand[at.y], operand[at.z], operand[at.w]);
}
