export { type Box3d, type BoxFill, type NoiseBox3d, paintBoxes } from './boxes3d.js'
