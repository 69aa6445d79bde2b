/** NumPy's numbers and arrays, which training scripts leave in checkpoints beside the weights. */
import {
  describeValue,
  PickleGlobal,
  PickleObject,
  PickleProblem,
  PickleRecord,
  PickleTuple,
  type PickleValue,
} from '../pickle/values.js'

/** An element type such as `f8`, whose byte order comes with its state. */
class NumpyDtype extends PickleObject {
  byteOrder = '|'

  constructor(readonly code: string) {
    super()
  }

  get className(): string {
    return `numpy.dtype(${this.byteOrder}${this.code})`
  }

  override setState(state: PickleValue): void {
    const order = state instanceof PickleTuple ? state.items[1] : undefined
    if (typeof order !== 'string') throw new PickleProblem('a numpy dtype has no byte order')
    this.byteOrder = order
  }
}

/** Scalars by code, at the start of a view. */
const scalars = new Map<string, (view: DataView, little: boolean) => PickleValue>(
  Object.entries({
    b1: (view: DataView) => view.getUint8(0) !== 0,
    i1: (view: DataView) => view.getInt8(0),
    u1: (view: DataView) => view.getUint8(0),
    i2: (view: DataView, little: boolean) => view.getInt16(0, little),
    u2: (view: DataView, little: boolean) => view.getUint16(0, little),
    i4: (view: DataView, little: boolean) => view.getInt32(0, little),
    u4: (view: DataView, little: boolean) => view.getUint32(0, little),
    i8: (view: DataView, little: boolean) => narrow(view.getBigInt64(0, little)),
    u8: (view: DataView, little: boolean) => narrow(view.getBigUint64(0, little)),
    f4: (view: DataView, little: boolean) => view.getFloat32(0, little),
    f8: (view: DataView, little: boolean) => view.getFloat64(0, little),
  }),
)

const modules = ['numpy.core.multiarray', 'numpy._core.multiarray']

export const numpyGlobals: readonly PickleGlobal[] = [
  new PickleGlobal('numpy.dtype', ([code]) => {
    if (typeof code !== 'string') throw new PickleProblem('a numpy dtype is not given by its code')
    return new NumpyDtype(code)
  }),
  new PickleGlobal('numpy.ndarray'),
  ...modules.map((module) => new PickleGlobal(`${module}.scalar`, ([dtype, bytes]) => scalar(dtype, bytes))),
  // Kept as plain data: shape, element type and bytes are in its state.
  ...modules.map((module) => new PickleGlobal(`${module}._reconstruct`, () => new PickleRecord('numpy.ndarray', []))),
]

function scalar(dtype: PickleValue | undefined, bytes: PickleValue | undefined): PickleValue {
  if (!(dtype instanceof NumpyDtype)) throw new PickleProblem(`${describeValue(dtype)} is no numpy dtype`)
  const read = scalars.get(dtype.code)
  // Half floats, text and dates mean nothing to a loader of weights.
  if (!read) return new PickleRecord(`numpy.${dtype.code}`, [bytes ?? null])
  if (!(bytes instanceof Uint8Array) || bytes.length !== Number(dtype.code.slice(1))) {
    throw new PickleProblem('a numpy number has the wrong length')
  }
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), dtype.byteOrder !== '>')
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
