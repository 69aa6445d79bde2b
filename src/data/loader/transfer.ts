/**
 * A value made ready to be moved to another thread, and the buffers to move. Only plain objects and arrays are looked
 * into. Typed arrays that are part of a larger buffer are copied out of it first: sending them would send all of it, and
 * moving it would take it from whoever else uses it.
 */
export function prepareTransfer(value: unknown): { value: unknown; buffers: ArrayBuffer[] } {
  const buffers = new Set<ArrayBuffer>()
  return { value: prepare(value, buffers), buffers: [...buffers] }
}

function prepare(value: unknown, buffers: Set<ArrayBuffer>): unknown {
  if (ArrayBuffer.isView(value)) {
    if (!(value.buffer instanceof ArrayBuffer)) return value
    const whole = value.byteLength === value.buffer.byteLength && !Buffer.isBuffer(value)
    const own = whole ? value : copyOut(value)
    buffers.add(own.buffer as ArrayBuffer)
    return own
  }
  if (Array.isArray(value)) return value.map((item) => prepare(item, buffers))
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, prepare(field, buffers)]))
  }
  return value
}

/** A view of the same kind on a buffer of its own. */
function copyOut(view: ArrayBufferView): ArrayBufferView {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice()
  if (view instanceof DataView) return new DataView(bytes.buffer)
  // A Buffer comes out as what it is to everyone else.
  if (Buffer.isBuffer(view)) return bytes
  const Kind = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView
  return new Kind(bytes.buffer)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
