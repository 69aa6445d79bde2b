export { type RopeTableOptions, rope3d, ropeAngles3d, ropeTable3d } from './rope3d.js'
