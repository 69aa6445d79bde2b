// An operand of a product with rows of any length: zeros past the end of k, repetitions past the last row or column.
// `Operand` stands for A or B; OPERAND_INNER: a row is one of k.

alias OperandOuter = u32;
alias OperandInner = u32;

fn operandOuter(batch: u32, outer: u32) -> OperandOuter {
  return outer;
}

fn operandInner(k: u32) -> OperandInner {
  return k;
}

fn operandElement(outer: u32, k: u32) -> OperandType {
  let along = min(outer, operandExtent() - 1u);
  let depth = min(k, params.gemm.k - 1u);
  let at = select(depth * params.strideOperand + along, along * params.strideOperand + depth, OPERAND_INNER);
  return select(OperandType(), operand[at], k < params.gemm.k);
}

fn operandLoad(outer: OperandOuter, k: OperandInner) -> vec4<OperandType> {
  let o = select(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(), OPERAND_INNER) + outer;
  let d = select(vec4<u32>(), vec4<u32>(0u, 1u, 2u, 3u), OPERAND_INNER) + k;
  return vec4<OperandType>(
    operandElement(o.x, d.x),
    operandElement(o.y, d.y),
    operandElement(o.z, d.z),
    operandElement(o.w, d.w),
  );
}
