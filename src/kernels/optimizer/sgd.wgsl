// Stochastic gradient descent, in place, in PyTorch's convention:
//   p -= lr (gradientScale g + weightDecay p)
//
// One invocation owns four elements. The last vector may reach past the tensor, never past its buffer. batch.ts generates
// the bindings, the structs and `main`, which serves several parameters.

fn advance(own: Member, gradient: vec4<f32>, p: vec4<f32>) -> Written {
  return Written(p - own.lr * (own.gradientScale * gradient + own.weightDecay * p));
}
