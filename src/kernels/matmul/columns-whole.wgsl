// Four columns of a matrix whose rows are whole 4-vectors; `tensor` stands for its name, `row` is its row's first element.

fn tensorAt(row: u32, j: u32) -> vec4f {
  return vec4f(tensor[(row + j) / 4u]);
}
