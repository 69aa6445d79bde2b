export { blendWindow, type WindowPlace } from './blend.js'
