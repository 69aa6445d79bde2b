/**
 * The names that a checkpoint may use, and what each stands for here. The rebuild functions are those of PyTorch's
 * torch/_utils.py; nothing is run.
 */
import { UnsafePickleError } from '../pickle/errors.js'
import type { PickleHost } from '../pickle/machine.js'
import {
  describeValue,
  PickleGlobal,
  PickleProblem,
  PickleRecord,
  PickleTuple,
  type PickleValue,
} from '../pickle/values.js'
import { storageDtypes, type TorchDtype, torchDtypes } from './dtypes.js'
import { numpyGlobals } from './numpy-globals.js'
import { StorageClass, type StorageRegistry } from './storages.js'
import { count, counts, StorageReference, TorchTensor, unreadable } from './tensor.js'

/** What to do with classes that are not on the list. */
export type UnknownClasses = 'refuse' | 'record'

/** The host that reads a checkpoint. */
export function torchHost(storages: StorageRegistry, path: string, unknownClasses: UnknownClasses): PickleHost {
  return {
    global: (name) => allowed.get(name) ?? unknownGlobal(name, path, unknownClasses),
    persistent: (id) => storages.persistent(id),
  }
}

function unknownGlobal(name: string, path: string, unknownClasses: UnknownClasses): PickleGlobal {
  if (unknownClasses === 'record') return new PickleGlobal(name, undefined, (args) => new PickleRecord(name, args))
  const remedy =
    "Save only the weights (a state dict), or, if you know the file, open it with unknownClasses: 'record' (convert " +
    '--unknown-classes), which keeps unknown objects as plain data'
  throw new UnsafePickleError(name, path, remedy)
}

type Args = readonly PickleValue[]

/** A class whose objects are kept as what was stored in them. */
const record = (name: string) => {
  const make = (args: Args) => new PickleRecord(name, args)
  return new PickleGlobal(name, make, make)
}
const callable = (name: string, call: (args: Args) => PickleValue) => new PickleGlobal(name, call)
const mentioned = (name: string) => new PickleGlobal(name)

const parameterClasses = new Set(['torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer'])

const list: readonly PickleGlobal[] = [
  callable('collections.OrderedDict', ([pairs]) => dictionary(pairs)),
  callable('collections.defaultdict', ([, pairs]) => dictionary(pairs)),
  callable('collections.Counter', ([pairs]) => dictionary(pairs)),
  callable('builtins.set', ([items = []]) => new Set(listItems(items))),
  callable('builtins.frozenset', ([items = []]) => new Set(listItems(items))),
  callable('builtins.bytearray', ([bytes = new Uint8Array()]) => bytes),
  callable('_codecs.encode', ([text, encoding]) => latin1(text, encoding)),
  // Default factories of a defaultdict.
  ...['list', 'dict', 'int', 'float', 'str', 'tuple', 'bool'].map((name) => mentioned(`builtins.${name}`)),
  ...['builtins.complex', 'builtins.slice', 'builtins.range', 'builtins.xrange'].map(record),
  ...['argparse.Namespace', 'types.SimpleNamespace'].map(record),
  ...['datetime.datetime', 'datetime.date', 'datetime.timedelta'].map(record),
  ...['pathlib', 'pathlib._local'].flatMap((module) =>
    ['PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath'].map((name) => record(`${module}.${name}`)),
  ),
  callable('torch.Size', ([sizes]) => new PickleTuple(listItems(sizes ?? null))),
  callable('torch.device', (args) => args.map(String).join(':')),
  callable('torch.serialization._get_layout', ([name = null]) => name),
  callable('torch._utils._rebuild_tensor', rebuild),
  callable('torch._utils._rebuild_tensor_v2', ([storage, offset, shape, strides, , , metadata]) =>
    rebuild([storage!, offset!, shape!, strides!], undefined, metadata),
  ),
  callable('torch._utils._rebuild_tensor_v3', ([storage, offset, shape, strides, , , dtype, metadata]) =>
    rebuild([storage!, offset!, shape!, strides!], dtypeOf(dtype), metadata),
  ),
  callable('torch._utils._rebuild_parameter', ([data]) => tensorOf(data)),
  callable('torch._utils._rebuild_parameter_with_state', ([data]) => tensorOf(data)),
  callable('torch._tensor._rebuild_from_type_v2', rebuildFromType),
  callable('torch._utils._rebuild_meta_tensor_no_storage', ([dtype, shape]) =>
    unreadable(dtypeOf(dtype), counts(shape, 'shape'), 'lies on the meta device and has no values'),
  ),
  callable('torch._utils._rebuild_sparse_tensor', ([, parts]) => {
    const values = parts instanceof PickleTuple ? parts.items : []
    return unreadable(tensorOf(values[1]).dtype, counts(values[2], 'shape'), 'is sparse')
  }),
  callable('torch._utils._rebuild_qtensor', ([storage, , shape]) =>
    unreadable(storageOf(storage).storage.dtype ?? torchDtypes.get('uint8')!, counts(shape, 'shape'), 'is quantized'),
  ),
  ...[...parameterClasses].map(mentioned),
  ...['per_tensor_affine', 'per_channel_affine', 'per_tensor_symmetric', 'per_channel_symmetric'].map((name) =>
    mentioned(`torch.${name}`),
  ),
  ...[...torchDtypes.keys()].map((name) => mentioned(`torch.${name}`)),
  ...Object.entries(storageDtypes).flatMap(([name, dtype]) =>
    ['torch', 'torch.cuda'].map((module) => new StorageClass(`${module}.${name}`, torchDtypes.get(dtype))),
  ),
  ...['torch.storage.UntypedStorage', 'torch.UntypedStorage'].map((name) => new StorageClass(name, undefined)),
  ...numpyGlobals,
]

const allowed: ReadonlyMap<string, PickleGlobal> = new Map(list.map((global) => [global.name, global]))

function dictionary(pairs: PickleValue | undefined): Map<PickleValue, PickleValue> {
  if (pairs instanceof Map) return new Map(pairs)
  const made = new Map<PickleValue, PickleValue>()
  for (const pair of listItems(pairs ?? [])) {
    const items = listItems(pair)
    if (items.length !== 2) throw new PickleProblem('a dictionary is made of something else than pairs')
    made.set(items[0]!, items[1]!)
  }
  return made
}

function listItems(value: PickleValue): PickleValue[] {
  if (Array.isArray(value)) return [...value]
  if (value instanceof PickleTuple) return [...value.items]
  throw new PickleProblem(`${describeValue(value)} is no list`)
}

/** Protocol 2 writes bytes as text that is to be encoded. */
function latin1(text: PickleValue | undefined, encoding: PickleValue | undefined): Uint8Array {
  if (typeof text !== 'string' || encoding !== 'latin1') throw new PickleProblem('bytes are encoded in a strange way')
  const bytes = new Uint8Array(text.length)
  for (let n = 0; n < bytes.length; n++) {
    const code = text.charCodeAt(n)
    if (code > 0xff) throw new PickleProblem('bytes are encoded in a strange way')
    bytes[n] = code
  }
  return bytes
}

function dtypeOf(value: PickleValue | undefined): TorchDtype {
  const dtype = value instanceof PickleGlobal ? torchDtypes.get(value.name.replace(/^torch\./, '')) : undefined
  if (!dtype) throw new PickleProblem(`${describeValue(value)} is no element type`)
  return dtype
}

function storageOf(value: PickleValue | undefined): StorageReference {
  if (!(value instanceof StorageReference)) throw new PickleProblem(`${describeValue(value)} is no storage`)
  return value
}

function tensorOf(value: PickleValue | undefined): TorchTensor {
  if (!(value instanceof TorchTensor)) throw new PickleProblem(`${describeValue(value)} is no tensor`)
  return value
}

/** The tensor of a storage; whether it fits is checked later, when its name is known. */
function rebuild(args: Args, dtype?: TorchDtype, metadata?: PickleValue): TorchTensor {
  const { storage, offset } = storageOf(args[0])
  const type = dtype ?? storage.dtype
  if (!type) throw new PickleProblem('a tensor of plain bytes has no element type')
  const [shape, strides] = [counts(args[2], 'shape'), counts(args[3], 'strides')]
  if (shape.length !== strides.length) throw new PickleProblem('a tensor has not one stride for each axis')
  const start = offset + count(args[1], 'offset of a tensor')
  if (metadata instanceof Map && metadata.get('neg') === true) return unreadable(type, shape, 'is a negated view')
  return new TorchTensor(type, shape, strides, start, storage)
}

/** A tensor with attributes, or of a class of its own. */
function rebuildFromType([make, type, args]: Args): PickleValue {
  if (!(type instanceof PickleGlobal && parameterClasses.has(type.name))) {
    throw new PickleProblem(`tensors of class ${describeValue(type)} are not supported`)
  }
  // Its own name is left out, or calls could nest without end.
  const known = make instanceof PickleGlobal && make.name.startsWith('torch._utils._rebuild_')
  if (!(known && make.call && args instanceof PickleTuple)) {
    throw new PickleProblem(`a tensor is made by ${describeValue(make)}`)
  }
  return make.call(args.items)
}
