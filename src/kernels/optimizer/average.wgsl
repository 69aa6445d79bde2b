// average = decay average + (1 - decay) value, in place: an exponential moving average of parameters.
//
// One invocation owns four elements. The last vector may reach past the tensor, never past its buffer. batch.ts generates
// the bindings, the structs and `main`, which serves several tensors.

fn advance(own: Member, value: vec4<f32>, average: vec4<f32>) -> Written {
  return Written(own.decay * average + own.blend * value);
}
