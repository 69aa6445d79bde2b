// An operand of a product whose rows are whole 4-vectors. `Operand` stands for A or B; OPERAND_INNER: a row is one of k.

alias OperandOuter = u32; // in vectors
alias OperandInner = u32;

fn operandOuter(batch: u32, outer: u32) -> OperandOuter {
  return select(outer, outer * params.strideOperand, OPERAND_INNER) / 4u;
}

fn operandInner(k: u32) -> OperandInner {
  return select(k * params.strideOperand, k, OPERAND_INNER) / 4u;
}

fn operandLoad(outer: OperandOuter, inner: OperandInner) -> vec4<OperandType> {
  return operand[outer + inner];
}
