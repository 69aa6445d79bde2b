// An operand stored along k, of any extent: vectors that reach past the end of k are filled with zeros.
// `Operand` stands for A or B.

alias OperandOuter = u32; // in elements
alias OperandInner = u32;

fn operandOuter(batch: u32, outer: u32) -> OperandOuter {
  return batchOffset(batch, params.strideOperand) + outer * params.gemm.k;
}

fn operandInner(k: u32) -> OperandInner {
  return k;
}

fn operandElement(outer: u32, k: u32) -> OperandType {
  return select(OperandType(), operand[outer + min(k, params.gemm.k - 1u)], k < params.gemm.k);
}

fn operandLoad(outer: OperandOuter, k: OperandInner) -> vec4<OperandType> {
  return vec4<OperandType>(
    operandElement(outer, k),
    operandElement(outer, k + 1u),
    operandElement(outer, k + 2u),
    operandElement(outer, k + 3u),
  );
}
