// An operand on its way into workgroup memory as 16-byte words along k. `Operand` stands for A or B.

// Four outer indices by one word of k each; zeros past the end of k.
fn operandWords(quad: OperandQuad, k: u32, end: u32) -> array<vec4<u32>, 4> {
  var near: mat4x4<OperandType>;
  var far: mat4x4<OperandType>;
  if (k < end) {
    near = transpose(operandBlock(quad, k));
  }
  if (WORD == 8u && k + 4u < end) {
    far = transpose(operandBlock(quad, k + 4u));
  }
  return array<vec4<u32>, 4>(
    word(near[0], far[0]),
    word(near[1], far[1]),
    word(near[2], far[2]),
    word(near[3], far[3]),
  );
}

fn operandShare(quads: array<OperandQuad, STEPS_OPERAND>, k: u32, end: u32) -> array<array<vec4<u32>, 4>, STEPS_OPERAND> {
  var words: array<array<vec4<u32>, 4>, STEPS_OPERAND>;
  for (var s = 0u; s < STEPS_OPERAND; s++) {
    words[s] = operandWords(quads[s], k, end);
  }
  return words;
}
