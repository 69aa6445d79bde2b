import { elementCount } from './shape.js'

/** Where the elements of a tensor lie. */
export interface StridedLayout {
  readonly shape: readonly number[]
  /** In elements, one for each axis, none negative. */
  readonly strides: readonly number[]
}

/** Array classes for elements that are moved, not looked at. Floats could change a NaN on the way. */
const carriers = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const

/** The values of a strided tensor in C order, from the bytes of its span: element 0 is the first of them. */
export function gather(bytes: Uint8Array, itemBytes: number, layout: StridedLayout): Uint8Array<ArrayBuffer> {
  const Carrier = carriers[itemBytes as keyof typeof carriers]
  // Where they lie decides whether they can be viewed as elements.
  const aligned = bytes.byteOffset % itemBytes === 0 ? bytes : new Uint8Array(bytes)
  const from = new Carrier(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / itemBytes)
  const shape = [1, ...layout.shape]
  const strides = [0, ...layout.strides]
  const to = new Carrier(elementCount(shape))
  const inner = shape.length - 1
  const [length, stride] = [shape[inner]!, strides[inner]!]
  const index = new Array<number>(shape.length).fill(0)
  let row = 0
  for (let out = 0; out < to.length; out += length) {
    for (let n = 0, at = row; n < length; n++, at += stride) to[out + n] = from[at]!
    // The next row: count up the outer axes.
    for (let axis = inner - 1; axis >= 0; axis--) {
      row += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      row -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return new Uint8Array(to.buffer)
}

/** Whether the values lie in C order without gaps; strides of axes of length 1 mean nothing. */
export function isContiguous({ shape, strides }: StridedLayout): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue
    if (strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** Elements from the first to the last, both included; 0 for none. */
export function spanOf({ shape, strides }: StridedLayout): number {
  if (elementCount(shape) === 0) return 0
  return shape.reduce((span, size, axis) => span + (size - 1) * strides[axis]!, 1)
}
