// Writes one number: the next dispatch that writes it has to wait, as kernels of one tensor after another do.

@group(0) @binding(0) var<storage, read_write> result: array<u32>;

@compute @workgroup_size(1)
fn main() {
  result[0] += 1u;
}
