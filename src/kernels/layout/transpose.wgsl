// The strided copy of copy.wgsl where the target is contiguous along one axis ("column") and the source along another
// ("row"): a batch of 2-D transposes.
//
// A workgroup owns a tile of 32 rows x 32 columns: it reads along the source's contiguous axis, waits, and writes along
// the target's, so that both sides touch whole cache lines. Tile lines are padded to 33 elements, which spreads a
// column over all banks of workgroup memory. The batch index is the same for the whole workgroup. Preconditions:
// Element is one element (f16, or u32 for all 4-byte types); workgroups from `tiles` on do nothing.

struct Params {
  tiles: u32,
  sourceBase: u32,
  targetBase: u32,
  rows: u32,         // extent of the source's contiguous axis
  columns: u32,      // extent of the target's contiguous axis
  columnStride: u32, // of the source
  rowStride: u32,    // of the target
  extents: array<vec4<u32>, 2>, // batch axes, last first
  sourceStrides: array<vec4<u32>, 2>,
  targetStrides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> source: array<Element>;
@group(0) @binding(1) var<storage, read_write> copied: array<Element>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> tile: array<Element, 1056>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  if (index >= params.tiles) {
    return;
  }
  let tileColumns = (params.columns + 31u) / 32u;
  let tileRows = (params.rows + 31u) / 32u;
  let firstColumn = (index % tileColumns) * 32u;
  let firstRow = (index / tileColumns % tileRows) * 32u;
  var rest = index / (tileColumns * tileRows);
  var origin = params.sourceBase;
  var goal = params.targetBase;
  for (var axis = 0u; axis < BATCH_RANK; axis++) {
    let extent = params.extents[axis / 4u][axis % 4u];
    let position = rest % extent;
    rest /= extent;
    origin += position * params.sourceStrides[axis / 4u][axis % 4u];
    goal += position * params.targetStrides[axis / 4u][axis % 4u];
  }
  let near = lane % 32u;
  for (var far = lane / 32u; far < 32u; far += 8u) {
    let row = firstRow + near;
    let column = firstColumn + far;
    if (row < params.rows && column < params.columns) {
      tile[far * 33u + near] = source[origin + column * params.columnStride + row];
    }
  }
  workgroupBarrier();
  for (var far = lane / 32u; far < 32u; far += 8u) {
    let row = firstRow + far;
    let column = firstColumn + near;
    if (row < params.rows && column < params.columns) {
      copied[goal + row * params.rowStride + column] = tile[near * 33u + far];
    }
  }
}
