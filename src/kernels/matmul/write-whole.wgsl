// Writes four columns of a row that is whole 4-vectors; `tensor` stands for the name of an output.

fn tensorWrite(row: u32, j: u32, value: vec4f) {
  tensor[(row + j) / 4u] = vec4<YType>(value);
}
