// Writes four columns of a row of y that is whole 4-vectors.

fn write(row: u32, j: u32, value: vec4f) {
  y[(row + j) / 4u] = vec4<YType>(value);
}
