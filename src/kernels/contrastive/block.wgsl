// Shared by the kernels that read a block of logits: which one it is. Tensors with a row per image or per text are bound
// from the block's first row on, so that image and text count from 0 here.

const lowest = -3.4e38;

struct Params {
  rows: u32,       // images in the block
  columns: u32,    // texts in the block
  stride: u32,     // numbers in a row of the block
  offset: i32,     // text i + offset belongs to image i
  firstImage: u32, // of the block, among
  images: u32,     // all images
  firstText: u32,
  texts: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

// log(1 + x) without losing a small x.
fn logOnePlus(x: f32) -> f32 {
  return select(log(1.0 + x), x * (1.0 - x * (0.5 - x * (0.33333333 - x * 0.25))), x < 0.01);
}

fn logistic(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
