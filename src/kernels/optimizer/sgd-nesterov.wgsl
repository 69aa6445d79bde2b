// Stochastic gradient descent with Nesterov's momentum, in place, in PyTorch's convention:
//   d = gradientScale g + weightDecay p;  b = momentum b + blend d;  p -= lr (d + momentum b)
//
// blend is 1 - dampening, and 1 at the first step, where b starts as zeros. One invocation owns four elements. The last
// vector may reach past the tensor, never past its buffer. batch.ts generates the bindings, the structs and `main`, which
// serves several parameters.

fn advance(own: Member, gradient: vec4<f32>, p: vec4<f32>, buffer: vec4<f32>) -> Written {
  let direction = own.gradientScale * gradient + own.weightDecay * p;
  let b = own.momentum * buffer + own.blend * direction;
  return Written(p - own.lr * (direction + own.momentum * b), b);
}
