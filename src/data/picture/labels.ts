import type { Colour } from './canvas.js'

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

export function labelColour(label: number): Colour {
  return LABEL_COLOURS[Math.abs(Math.round(label) - 1) % LABEL_COLOURS.length]!
}

/** How a label map lies over an image. */
export interface LabelStyle {
  /** Of the areas: 0 (invisible) to 1 (opaque). */
  opacity: number
  /** Whether their outer pixels are drawn opaque. */
  outline: boolean
}

/** The colour of a pixel of label `label` over a grey value. 0 is no label. */
export function overlaid(grey: number, label: number, onBorder: boolean, { opacity, outline }: LabelStyle): Colour {
  if (label === 0 || Number.isNaN(label)) return [grey, grey, grey]
  const colour = labelColour(label)
  if (outline && onBorder) return colour
  const mix = (part: number) => Math.round(grey * (1 - opacity) + part * opacity)
  return [mix(colour[0]), mix(colour[1]), mix(colour[2])]
}

/** Whether a pixel of a label has a neighbour, up, down, left or right, that is another; beyond the picture is. */
export function isOnBorder(labels: Float64Array, width: number, x: number, y: number): boolean {
  const height = labels.length / width
  const own = labels[y * width + x]
  const at = (dx: number, dy: number) => {
    const [column, row] = [x + dx, y + dy]
    return column < 0 || row < 0 || column >= width || row >= height ? 0 : labels[row * width + column]
  }
  return at(-1, 0) !== own || at(1, 0) !== own || at(0, -1) !== own || at(0, 1) !== own
}
