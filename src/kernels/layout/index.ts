export { expand, tile } from './expand.js'
export { permute, transpose } from './permute.js'
export { reshape, squeeze, unsqueeze } from './reshape.js'
export { flip, type SliceRange, slice } from './slice.js'
