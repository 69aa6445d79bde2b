import { drawText, GLYPH_ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH } from './bitmap-font.js'
import { DataError } from './errors.js'
import { reorient } from './orientation.js'
import { spacingMm, type Volume, voxelAt } from './volume.js'

/** Eight-bit RGB pixels, row by row from the top, without padding. */
export interface RgbImage {
  width: number
  height: number
  data: Uint8Array
}

export interface IntensityWindow {
  /** The value that becomes middle grey. */
  center: number
  /** The range from black to white. */
  width: number
}

/** Display windows in HU; `unit` is for volumes scaled to -1 ... 1. */
export const windowPresets = {
  lung: { center: -600, width: 1500 },
  mediastinum: { center: 40, width: 400 },
  bone: { center: 400, width: 1800 },
  wide: { center: 0, width: 2000 },
  unit: { center: 0, width: 2 },
} as const satisfies Record<string, IntensityWindow>

export type WindowPreset = keyof typeof windowPresets

export interface SliceOptions {
  /** Default 'wide'. */
  window?: IntensityWindow | WindowPreset
  /** Labels on the same grid, drawn in colour over the image where they are not 0. */
  overlay?: Volume
  /** 0 (invisible) to 1 (opaque). Default 0.4. */
  overlayOpacity?: number
  /** Millimetres per pixel. Default: the smallest voxel spacing. */
  pixelMm?: number
}

type Colour = readonly [number, number, number]

/**
 * Colours of labels 1, 2, 3, ... and then from the start again. Told apart also by most colour-blind readers (Okabe and
 * Ito).
 */
const LABEL_COLOURS: readonly Colour[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
]

const TEXT_COLOUR: Colour = [255, 220, 90]
const GAP_PIXELS = 4
const MARGIN_PIXELS = 3

/** An upright line of the scale is one of these long. */
const SCALE_LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200]
const SCALE_HEIGHT_PIXELS = 3

/** Volume axes run toward left, posterior, inferior: rightward and downward in all three pictures. */
const DISPLAY_CODES = 'LPI'

/** A plane through the middle: which axes run across and down, which is fixed, and the letters of its four sides. */
const PLANES = [
  { across: 0, down: 1, left: 'R', right: 'L', top: 'A', bottom: 'P' },
  { across: 0, down: 2, left: 'R', right: 'L', top: 'S', bottom: 'I' },
  { across: 1, down: 2, left: 'A', right: 'P', top: 'S', bottom: 'I' },
] as const

/**
 * The central axial, coronal and sagittal planes side by side, as radiologists look at them: from the feet and from the
 * front, the patient's left on the right of the picture. Pixels are square; letters name the sides and a bar the scale.
 * Oblique volumes are cut along their own axes. Throws a DataError for an unknown window or an overlay of another
 * shape.
 */
export function renderOrthogonalSlices(volume: Volume, options: SliceOptions = {}): RgbImage {
  const { overlay, overlayOpacity = 0.4 } = options
  const window = resolveWindow(options.window ?? 'wide')
  if (overlay !== undefined && overlay.shape.join() !== volume.shape.join()) {
    throw new DataError(`the overlay is ${overlay.shape.join(' x ')}, the volume ${volume.shape.join(' x ')}`, {
      remedy: 'Resample the overlay to the grid of the volume',
    })
  }
  const shown = reorient(volume, DISPLAY_CODES)
  // The volume's own affine, so that both are turned alike even if the overlay's differs in its last digits.
  const labels = overlay && reorient({ ...overlay, affine: volume.affine }, DISPLAY_CODES)
  const spacing = spacingMm(shown)
  const { pixelMm = Math.min(...spacing) } = options
  if (!(pixelMm > 0 && Number.isFinite(pixelMm))) throw new DataError(`pixels of ${pixelMm} mm are not possible`)
  const pixels = shown.shape.map((size, axis) => Math.max(1, Math.round((size * spacing[axis]!) / pixelMm)))
  const [width, height] = [
    PLANES.reduce((sum, { across }) => sum + pixels[across]!, 0) + GAP_PIXELS * (PLANES.length - 1),
    Math.max(...PLANES.map(({ down }) => pixels[down]!)),
  ]
  const image: RgbImage = { width, height, data: new Uint8Array(width * height * 3) }
  let left = 0
  for (const plane of PLANES) {
    const box = { left, width: pixels[plane.across]!, height: pixels[plane.down]! }
    paintPlane(image, box, (sample) => {
      const grey = windowed(interpolate(shown, plane.across, plane.down, sample), window)
      const label = labels === undefined ? 0 : nearest(labels, plane.across, plane.down, sample)
      if (label === 0) return [grey, grey, grey]
      const colour = LABEL_COLOURS[Math.abs(label - 1) % LABEL_COLOURS.length]!
      const mix = (part: number) => Math.round(grey * (1 - overlayOpacity) + part * overlayOpacity)
      return [mix(colour[0]), mix(colour[1]), mix(colour[2])]
    })
    annotate(image, box, plane)
    left += box.width + GAP_PIXELS
  }
  drawScale(image, pixels[0]!, pixels[1]!, pixelMm)
  return image
}

type Plane = (typeof PLANES)[number]
type DisplayAxis = 0 | 1 | 2

interface Box {
  left: number
  width: number
  height: number
}

/** A place in a plane, as parts (0 to 1) of the two axes' extents, voxel edges included. */
interface PlanePoint {
  across: number
  down: number
}

function resolveWindow(window: IntensityWindow | WindowPreset): IntensityWindow {
  if (typeof window === 'string' && !Object.hasOwn(windowPresets, window)) {
    throw new DataError(`there is no window '${window}'`, {
      remedy: `Known are ${Object.keys(windowPresets).join(', ')}; or give { center, width }`,
    })
  }
  const { center, width } = typeof window === 'string' ? windowPresets[window] : window
  if (!(width > 0 && Number.isFinite(width) && Number.isFinite(center))) {
    throw new DataError(`a window of center ${center} and width ${width} is not possible`)
  }
  return { center, width }
}

/** Grey value 0 to 255. NaN is black. */
function windowed(value: number, { center, width }: IntensityWindow): number {
  const part = (value - center) / width + 0.5
  return part > 0 ? Math.round(255 * Math.min(part, 1)) : 0
}

function paintPlane(image: RgbImage, box: Box, colourAt: (sample: PlanePoint) => Colour): void {
  const sample: PlanePoint = { across: 0, down: 0 }
  for (let y = 0; y < box.height; y++) {
    sample.down = (y + 0.5) / box.height
    for (let x = 0; x < box.width; x++) {
      sample.across = (x + 0.5) / box.width
      setPixel(image, box.left + x, y, colourAt(sample))
    }
  }
}

/** Voxel position of a part of an axis, from -0.5 at its beginning. */
function position(volume: Volume, axis: DisplayAxis, part: number): number {
  return part * volume.shape[axis] - 0.5
}

/** The voxel value at (across, down) in the middle plane of the third axis. */
function planeValue(volume: Volume, across: DisplayAxis, down: DisplayAxis, a: number, d: number): number {
  const index: [number, number, number] = [0, 0, 0]
  const clamp = (value: number, axis: DisplayAxis) => Math.min(Math.max(value, 0), volume.shape[axis] - 1)
  const fixed = (3 - across - down) as DisplayAxis
  index[across] = clamp(a, across)
  index[down] = clamp(d, down)
  index[fixed] = Math.floor(volume.shape[fixed] / 2)
  return voxelAt(volume, ...index)
}

function nearest(volume: Volume, across: DisplayAxis, down: DisplayAxis, sample: PlanePoint): number {
  const [a, d] = [position(volume, across, sample.across), position(volume, down, sample.down)]
  return planeValue(volume, across, down, Math.round(a), Math.round(d))
}

function interpolate(volume: Volume, across: DisplayAxis, down: DisplayAxis, sample: PlanePoint): number {
  const [a, d] = [position(volume, across, sample.across), position(volume, down, sample.down)]
  const [a0, d0] = [Math.floor(a), Math.floor(d)]
  const row = (line: number) =>
    planeValue(volume, across, down, a0, line) * (1 - a + a0) +
    planeValue(volume, across, down, a0 + 1, line) * (a - a0)
  return row(d0) * (1 - d + d0) + row(d0 + 1) * (d - d0)
}

function setPixel({ width, height, data }: RgbImage, x: number, y: number, colour: Colour): void {
  if (x < 0 || y < 0 || x >= width || y >= height) return
  data.set(colour, (y * width + x) * 3)
}

/** Ink with a black shadow, legible on any grey. */
function writeText(image: RgbImage, text: string, left: number, top: number): void {
  drawText(text, (x, y) => setPixel(image, left + x + 1, top + y + 1, [0, 0, 0]))
  drawText(text, (x, y) => setPixel(image, left + x, top + y, TEXT_COLOUR))
}

function annotate(image: RgbImage, { left, width, height }: Box, plane: Plane): void {
  const middleX = left + Math.floor((width - GLYPH_WIDTH) / 2)
  const middleY = Math.floor((height - GLYPH_HEIGHT) / 2)
  writeText(image, plane.left, left + MARGIN_PIXELS, middleY)
  writeText(image, plane.right, left + width - MARGIN_PIXELS - GLYPH_WIDTH, middleY)
  writeText(image, plane.top, middleX, MARGIN_PIXELS)
  writeText(image, plane.bottom, middleX, height - MARGIN_PIXELS - GLYPH_HEIGHT)
}

/** A bar in the lower left corner of the first plane, at most a third of it long, with its length in mm. */
function drawScale(image: RgbImage, planeWidth: number, planeHeight: number, pixelMm: number): void {
  const lengthMm = SCALE_LENGTHS_MM.findLast((mm) => mm / pixelMm <= planeWidth / 3)
  if (lengthMm === undefined) return
  const bottom = planeHeight - MARGIN_PIXELS
  const length = Math.round(lengthMm / pixelMm)
  for (let x = 0; x < length; x++) {
    for (let y = 1; y <= SCALE_HEIGHT_PIXELS; y++) {
      setPixel(image, MARGIN_PIXELS + x, bottom - y, y === SCALE_HEIGHT_PIXELS ? [0, 0, 0] : TEXT_COLOUR)
    }
  }
  const text = `${lengthMm} mm`
  if (text.length * GLYPH_ADVANCE > planeWidth / 2) return
  writeText(image, text, MARGIN_PIXELS, bottom - SCALE_HEIGHT_PIXELS - GLYPH_HEIGHT - 2)
}
