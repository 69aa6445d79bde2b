// An operand whose last axis is whole 4-vectors. `Operand` stands for A or B; OPERAND_INNER: that axis is k.

alias OperandOuter = u32; // in vectors
alias OperandInner = u32;

fn operandRow() -> u32 {
  return select(operandExtent(), params.gemm.k, OPERAND_INNER) / 4u;
}

fn operandOuter(batch: u32, outer: u32) -> OperandOuter {
  return batchOffset(batch, params.strideOperand) / 4u + select(outer / 4u, outer * operandRow(), OPERAND_INNER);
}

fn operandInner(k: u32) -> OperandInner {
  return select(k * operandRow(), k / 4u, OPERAND_INNER);
}

fn operandLoad(outer: OperandOuter, inner: OperandInner) -> vec4<OperandType> {
  return operand[outer + inner];
}
