// AdamW (Loshchilov, Hutter: "Decoupled weight decay regularization", 2019) in one pass, in place:
//   g *= gradientScale;  p *= decay;  m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
//   p -= rate m / (sqrt(v) correction + epsilon)
//
// The host puts the step's numbers together in float64: decay = 1 - lr weightDecay, rate = lr / (1 - beta1^t),
// correction = 1 / sqrt(1 - beta2^t). One invocation owns four elements; bound by memory: 16 bytes read and 12 written
// per element. The last vector may reach past the tensor, never past its buffer. batch.ts generates the bindings, the
// structs and `main`, which serves several parameters.

fn advance(own: Member, gradient: vec4<f32>, p: vec4<f32>, m: vec4<f32>, v: vec4<f32>) -> Written {
  let g = own.gradientScale * gradient;
  let first = m + own.blend1 * (g - m);
  let second = own.beta2 * v + own.blend2 * g * g;
  let parameter = p * own.decay - own.rate * first / (sqrt(second) * own.correction + own.epsilon);
  return Written(parameter, first, second);
}
