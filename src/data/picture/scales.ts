import { type Box, type RgbImage, setPixel, TEXT_COLOUR, textSize, writeText } from './canvas.js'
import { type IntensityWindow, windowed } from './windows.js'

const MARGIN_PIXELS = 3

/** The bar of the scale is one of these long. */
const SCALE_LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200]
const SCALE_HEIGHT_PIXELS = 3

/** A bar in the lower left corner of a box, at most a third of it long, with its length in mm. */
export function drawScaleBar(image: RgbImage, box: Box, pixelMm: number): void {
  const lengthMm = SCALE_LENGTHS_MM.findLast((mm) => mm / pixelMm <= box.width / 3)
  if (lengthMm === undefined) return
  const bottom = box.height - MARGIN_PIXELS
  const left = box.left + MARGIN_PIXELS
  const length = Math.round(lengthMm / pixelMm)
  for (let x = 0; x < length; x++) {
    for (let y = 1; y <= SCALE_HEIGHT_PIXELS; y++) {
      setPixel(image, left + x, bottom - y, y === SCALE_HEIGHT_PIXELS ? [0, 0, 0] : TEXT_COLOUR)
    }
  }
  const text = `${lengthMm} mm`
  const { width, height } = textSize(text)
  if (width > box.width / 2) return
  writeText(image, text, left, bottom - SCALE_HEIGHT_PIXELS - height - 2)
}

const BAR_WIDTH_PIXELS = 10

/** What the colour bar shows: its ends and its middle. */
function barLabels({ center, width }: IntensityWindow): { text: string; part: number }[] {
  const rounded = (value: number) => {
    const digits = width >= 20 ? 0 : Math.min(4, Math.max(1, 2 - Math.floor(Math.log10(width))))
    return (value.toFixed(digits) === `-${(0).toFixed(digits)}` ? 0 : value).toFixed(digits)
  }
  return [0, 0.5, 1].map((part) => ({ text: rounded(center + (part - 0.5) * width), part }))
}

/** Pixels across that the colour bar takes. */
export function colourBarWidth(window: IntensityWindow): number {
  const widest = Math.max(...barLabels(window).map(({ text }) => textSize(text).width))
  return BAR_WIDTH_PIXELS + 3 * MARGIN_PIXELS + widest
}

/** The greys of the window from bottom to top, with the values of both ends and of the middle. */
export function drawColourBar(image: RgbImage, box: Box, window: IntensityWindow): void {
  const top = MARGIN_PIXELS
  const height = box.height - 2 * MARGIN_PIXELS
  for (let y = 0; y < height; y++) {
    const value = window.center + window.width * (0.5 - (y + 0.5) / height)
    const grey = windowed(value, window)
    for (let x = 0; x < BAR_WIDTH_PIXELS; x++)
      setPixel(image, box.left + MARGIN_PIXELS + x, top + y, [grey, grey, grey])
  }
  for (const { text, part } of barLabels(window)) {
    const size = textSize(text)
    const middle = Math.round(top + (1 - part) * (height - size.height))
    if (size.height * 4 > height && part === 0.5) continue
    writeText(image, text, box.left + BAR_WIDTH_PIXELS + 2 * MARGIN_PIXELS, middle)
  }
}
