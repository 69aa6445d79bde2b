import { DataError } from '../errors.js'
import { applyAffine, invertAffine, type Triple } from '../geometry.js'
import { reorient } from '../orientation.js'
import { spacingMm, type Volume, voxelAt } from '../volume.js'
import { GLYPH_HEIGHT, GLYPH_WIDTH } from './bitmap-font.js'
import { type Box, blankImage, type RgbImage, setPixel, writeText } from './canvas.js'
import { isOnBorder, type LabelStyle, overlaid } from './labels.js'
import { colourBarWidth, drawColourBar, drawScaleBar } from './scales.js'
import { type IntensityWindow, resolveWindow, type WindowPreset, windowed } from './windows.js'

export interface SliceOptions {
  /** Default 'wide'. */
  window?: IntensityWindow | WindowPreset
  /** The place, in RAS+ mm, that the three planes go through. Default: the middle of the volume. */
  pointMm?: Readonly<Triple>
  /** Labels on the same grid, drawn in colour over the image where they are not 0. */
  overlay?: Volume
  /** 0 (invisible) to 1 (opaque). Default 0.4. */
  overlayOpacity?: number
  /** Draw the outer pixels of every label opaque. Default false. */
  overlayOutline?: boolean
  /** Millimetres per pixel. Default: the smallest voxel spacing. */
  pixelMm?: number
  /** A bar beside the planes that tells which value has which grey. Default false. */
  colourBar?: boolean
  /** Letters that name the sides, and the bar of the scale. Default true. */
  annotations?: boolean
}

const GAP_PIXELS = 4
const MARGIN_PIXELS = 3

/** Past any screen; a pixel size in the wrong unit ends here. */
const MOST_PIXELS = 2 ** 26

/** Volume axes run toward left, posterior, inferior: rightward and downward in all three pictures. */
const DISPLAY_CODES = 'LPI'

/** Which axes of a plane run across and down, and the letters of its four sides. */
const PLANES = [
  { across: 0, down: 1, left: 'R', right: 'L', top: 'A', bottom: 'P' },
  { across: 0, down: 2, left: 'R', right: 'L', top: 'S', bottom: 'I' },
  { across: 1, down: 2, left: 'A', right: 'P', top: 'S', bottom: 'I' },
] as const

type Plane = (typeof PLANES)[number]
type DisplayAxis = 0 | 1 | 2

/**
 * An axial, a coronal and a sagittal plane side by side, as radiologists look at them: from the feet and from the
 * front, the patient's left on the right of the picture. Pixels are square; letters name the sides and a bar the scale.
 * Oblique volumes are cut along their own axes.
 *
 * Throws a DataError for an unknown window, an overlay of another shape, and a point outside the volume.
 */
export function renderOrthogonalSlices(volume: Volume, options: SliceOptions = {}): RgbImage {
  const { overlay, overlayOpacity = 0.4, overlayOutline = false, colourBar = false, annotations = true } = options
  const window = resolveWindow(options.window ?? 'wide', volume)
  if (overlay !== undefined && overlay.shape.join() !== volume.shape.join()) {
    throw new DataError(`the overlay is ${overlay.shape.join(' x ')}, the volume ${volume.shape.join(' x ')}`, {
      remedy: 'Resample the overlay to the grid of the volume',
    })
  }
  if (!(overlayOpacity >= 0 && overlayOpacity <= 1))
    throw new DataError(`an opacity of ${overlayOpacity} is not 0 to 1`)
  const shown = reorient(volume, DISPLAY_CODES)
  // The volume's own affine, so that both are turned alike even if the overlay's differs in its last digits.
  const labels = overlay && reorient({ ...overlay, affine: volume.affine }, DISPLAY_CODES)
  const cut = cutPlanes(shown, options.pointMm)
  const { pixelMm = Math.min(...spacingMm(shown)) } = options
  const pixels = pixelCounts(shown, pixelMm)
  const planesWidth = PLANES.reduce((sum, { across }) => sum + pixels[across], 0) + GAP_PIXELS * (PLANES.length - 1)
  const width = planesWidth + (colourBar ? GAP_PIXELS + colourBarWidth(window) : 0)
  const height = Math.max(...PLANES.map(({ down }) => pixels[down]))
  if (!(width * height <= MOST_PIXELS)) {
    throw new DataError(`pixels of ${pixelMm} mm would give a picture of ${width} x ${height}`, {
      remedy: 'Is the pixel size in millimetres?',
    })
  }

  const image = blankImage(width, height)
  let left = 0
  for (const plane of PLANES) {
    const box = { left, width: pixels[plane.across], height: pixels[plane.down] }
    const style = { opacity: overlayOpacity, outline: overlayOutline }
    paintPlane(image, box, { shown, labels, plane, cut, window, style })
    if (annotations) annotate(image, box, plane)
    left += box.width + GAP_PIXELS
  }
  if (annotations) drawScaleBar(image, { left: 0, width: pixels[0], height: pixels[1] }, pixelMm)
  if (colourBar) drawColourBar(image, { left, width: width - left, height }, window)
  return image
}

/** The voxel planes of a point in the patient. */
function cutPlanes(volume: Volume, pointMm: Readonly<Triple> | undefined): Triple {
  if (pointMm === undefined) return volume.shape.map((size) => Math.floor(size / 2)) as Triple
  const index = applyAffine(invertAffine(volume.affine), pointMm).map(Math.round) as Triple
  if (index.every((voxel, axis) => voxel >= 0 && voxel < volume.shape[axis]!)) return index
  const corners = [[0, 0, 0] as Triple, volume.shape.map((size) => size - 1) as Triple]
  const [first, last] = corners.map((corner) => applyAffine(volume.affine, corner).map((mm) => Math.round(mm)))
  throw new DataError(`the point (${pointMm.join(', ')}) mm is outside the volume`, {
    remedy: `Its corners are at (${first!.join(', ')}) and (${last!.join(', ')}) mm, right, anterior and superior positive`,
  })
}

function pixelCounts(volume: Volume, pixelMm: number): Triple {
  if (!(pixelMm > 0 && Number.isFinite(pixelMm))) throw new DataError(`pixels of ${pixelMm} mm are not possible`)
  const spacing = spacingMm(volume)
  return volume.shape.map((size, axis) => Math.max(1, Math.round((size * spacing[axis]!) / pixelMm))) as Triple
}

interface PlanePicture {
  shown: Volume
  labels: Volume | undefined
  plane: Plane
  /** Voxel index of the three planes. */
  cut: Readonly<Triple>
  window: IntensityWindow
  style: LabelStyle
}

function paintPlane(image: RgbImage, box: Box, { shown, labels, plane, cut, window, style }: PlanePicture): void {
  const sampled = samplePixels(box, shown.shape[plane.across], shown.shape[plane.down], (a, d) =>
    interpolate((across, down) => planeValue(shown, plane, cut, across, down), a, d),
  )
  const areas =
    labels &&
    samplePixels(box, shown.shape[plane.across], shown.shape[plane.down], (a, d) =>
      planeValue(labels, plane, cut, Math.round(a), Math.round(d)),
    )
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const n = y * box.width + x
      const label = areas?.[n] ?? 0
      const border = label !== 0 && style.outline && isOnBorder(areas!, box.width, x, y)
      setPixel(image, box.left + x, y, overlaid(windowed(sampled[n]!, window), label, border, style))
    }
  }
}

/** Values at the middles of all pixels of a box, from their positions in voxels, where -0.5 is the outer edge. */
function samplePixels(
  { width, height }: Box,
  across: number,
  down: number,
  at: (across: number, down: number) => number,
): Float64Array {
  const values = new Float64Array(width * height)
  for (let y = 0; y < height; y++) {
    const d = ((y + 0.5) / height) * down - 0.5
    for (let x = 0; x < width; x++) values[y * width + x] = at(((x + 0.5) / width) * across - 0.5, d)
  }
  return values
}

/** The voxel value at (across, down) of a plane, the edge repeated. */
function planeValue(volume: Volume, { across, down }: Plane, cut: Readonly<Triple>, a: number, d: number): number {
  const index: Triple = [...cut]
  const clamp = (value: number, axis: DisplayAxis) => Math.min(Math.max(value, 0), volume.shape[axis] - 1)
  index[across] = clamp(a, across)
  index[down] = clamp(d, down)
  return voxelAt(volume, ...index)
}

function interpolate(value: (across: number, down: number) => number, a: number, d: number): number {
  const [a0, d0] = [Math.floor(a), Math.floor(d)]
  const row = (line: number) => value(a0, line) * (1 - a + a0) + value(a0 + 1, line) * (a - a0)
  return row(d0) * (1 - d + d0) + row(d0 + 1) * (d - d0)
}

function annotate(image: RgbImage, { left, width, height }: Box, plane: Plane): void {
  const middleX = left + Math.floor((width - GLYPH_WIDTH) / 2)
  const middleY = Math.floor((height - GLYPH_HEIGHT) / 2)
  writeText(image, plane.left, left + MARGIN_PIXELS, middleY)
  writeText(image, plane.right, left + width - MARGIN_PIXELS - GLYPH_WIDTH, middleY)
  writeText(image, plane.top, middleX, MARGIN_PIXELS)
  writeText(image, plane.bottom, middleX, height - MARGIN_PIXELS - GLYPH_HEIGHT)
}
