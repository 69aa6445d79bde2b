export type { Padding } from './border.js'
export { type PadMode, type PadOptions, pad } from './pad.js'
