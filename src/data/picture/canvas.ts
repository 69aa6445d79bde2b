import { drawText, GLYPH_ADVANCE, GLYPH_HEIGHT } from './bitmap-font.js'

/** Eight-bit RGB pixels, row by row from the top, without padding. */
export interface RgbImage {
  width: number
  height: number
  data: Uint8Array
}

export type Colour = readonly [red: number, green: number, blue: number]

export const TEXT_COLOUR: Colour = [255, 220, 90]
const SHADOW_COLOUR: Colour = [0, 0, 0]

/** A part of an image, its upper edge at the top of the image. */
export interface Box {
  left: number
  width: number
  height: number
}

export function blankImage(width: number, height: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3) }
}

/** Sets a pixel; those outside the image are ignored. */
export function setPixel({ width, height, data }: RgbImage, x: number, y: number, colour: Colour): void {
  if (x < 0 || y < 0 || x >= width || y >= height) return
  data.set(colour, (y * width + x) * 3)
}

/** Ink with a black shadow, legible on any grey. */
export function writeText(image: RgbImage, text: string, left: number, top: number): void {
  drawText(text, (x, y) => setPixel(image, left + x + 1, top + y + 1, SHADOW_COLOUR))
  drawText(text, (x, y) => setPixel(image, left + x, top + y, TEXT_COLOUR))
}

/** Pixels that a text covers. */
export function textSize(text: string): { width: number; height: number } {
  return { width: text.length * GLYPH_ADVANCE, height: GLYPH_HEIGHT }
}
