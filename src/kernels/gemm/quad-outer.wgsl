// Four outer indices of an operand whose 4-vectors lie along them. `Operand` stands for A or B. Constant: WHOLE_QUADS.

alias OperandQuad = OperandOuter;

// Past the end, the last one again: it is computed and not stored.
fn operandQuad(batch: u32, first: u32) -> OperandQuad {
  return operandOuter(batch, min(first, (operandExtent() - 1u) / 4u * 4u));
}

// What is known of k to k + 3, for all quads.
struct OperandStep {
  inner: array<OperandInner, 4>,
  count: u32, // of them that are below the end
}

fn operandStep(k: u32) -> OperandStep {
  if (WHOLE_QUADS) {
    let inner = array<OperandInner, 4>(operandInner(k), operandInner(k + 1u), operandInner(k + 2u), operandInner(k + 3u));
    return OperandStep(inner, 4u);
  }
  let last = params.gemm.k - 1u;
  let inner = array<OperandInner, 4>(
    operandInner(min(k, last)),
    operandInner(min(k + 1u, last)),
    operandInner(min(k + 2u, last)),
    operandInner(min(k + 3u, last)),
  );
  return OperandStep(inner, params.gemm.k - min(k, params.gemm.k));
}

fn operandAt(quad: OperandQuad, step: OperandStep, e: u32) -> vec4<OperandType> {
  let value = operandLoad(quad, step.inner[e]);
  if (WHOLE_QUADS) {
    return value;
  }
  return select(vec4<OperandType>(), value, e < step.count);
}

// The step's elements of the quad: column e holds the step's k + e.
fn operandBlockAt(quad: OperandQuad, step: OperandStep) -> mat4x4<OperandType> {
  return mat4x4<OperandType>(
    operandAt(quad, step, 0u),
    operandAt(quad, step, 1u),
    operandAt(quad, step, 2u),
    operandAt(quad, step, 3u),
  );
}

fn operandBlock(quad: OperandQuad, k: u32) -> mat4x4<OperandType> {
  return operandBlockAt(quad, operandStep(k));
}
