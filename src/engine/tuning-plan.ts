/** Which kernels have something to tune in some work, and on which problems: found without launching anything. */
import type { Cost } from './cost.js'
import type { Device } from './device.js'
import { withoutLaunching } from './dispatch.js'
import { bytesPerElement, type DType } from './dtype.js'
import { DeviceLostError } from './errors.js'
import { chooseVariant, type DispatchRequest, type Kernel } from './kernel.js'
import type { Storage } from './memory.js'
import type { CaseInput } from './op.js'
import { scope } from './scope.js'
import type { Shape } from './shape.js'
import { empty, type TensorSpec } from './tensor.js'
import type { MakeInput, Workload } from './workload.js'

/** A tensor to measure on. */
export interface Operand extends TensorSpec {
  /** The workload's own input that this is: whose range or values it takes. */
  readonly input?: CaseInput | undefined
}

/** One kind of problem of one kernel, with the problem that stands for it. */
export interface TuningProblem {
  readonly kernel: Kernel<unknown>
  readonly bucket: string
  readonly problem: unknown
  /** Operation that asked for it: decides the tolerance. */
  readonly operation: string
  /** Name of the workload it was found in. */
  readonly workload: string
  readonly inputs: readonly Operand[]
  readonly outputs: readonly TensorSpec[]
  /** Variants that can run it here, in the kernel's order; the last is what others are checked against. */
  readonly candidates: readonly string[]
  /** What would run untuned. */
  readonly untuned: string
  readonly cost: Cost
}

export interface PlanOptions {
  /** Kernels to tune, by name; default: all that have buckets. */
  readonly kernels?: (name: string) => boolean
  /** Problems beyond it are left out: on a software adapter a large one takes minutes. */
  readonly budget?: Cost
  readonly signal?: AbortSignal
}

export interface TuningPlan {
  /** One for each kind, the costliest that the budget allows, in the order in which their kinds came up. */
  readonly problems: readonly TuningProblem[]
  /** Kinds of which every problem is beyond the budget: the cheapest of each. */
  readonly tooLarge: readonly TuningProblem[]
  /** Workloads that this device cannot run, and why. */
  readonly failures: readonly { readonly workload: string; readonly reason: string }[]
}

/** Runs every workload without launching its kernels, and collects their problems. Only a lost device is thrown. */
export async function planTuning(
  device: Device,
  workloads: readonly Workload[],
  { kernels = () => true, budget, signal }: PlanOptions = {},
): Promise<TuningPlan> {
  const found = new Map<string, TuningProblem>()
  const failures: { workload: string; reason: string }[] = []
  const fits = ({ cost }: TuningProblem) => !budget || (cost.flops <= budget.flops && cost.bytes <= budget.bytes)
  for (const workload of workloads) {
    signal?.throwIfAborted()
    try {
      for (const problem of problemsOf(device, workload, kernels)) {
        const key = `${problem.kernel.name}\n${problem.bucket}`
        found.set(key, better(found.get(key), problem, fits))
      }
      // A device without memory for the workload says so here.
      await device.sync()
    } catch (error) {
      if (error instanceof DeviceLostError) throw error
      failures.push({ workload: workload.name, reason: error instanceof Error ? error.message : String(error) })
    } finally {
      device.pool.trim()
    }
  }
  const problems = [...found.values()]
  return { problems: problems.filter(fits), tooLarge: problems.filter((problem) => !fits(problem)), failures }
}

/** Of two problems of a kind the costlier, which is measured with less noise; beyond the budget the cheaper. */
function better(
  known: TuningProblem | undefined,
  found: TuningProblem,
  fits: (problem: TuningProblem) => boolean,
): TuningProblem {
  if (!known) return found
  if (fits(known) !== fits(found)) return fits(known) ? known : found
  const [cheap, costly] = isCheaper(found.cost, known.cost) ? [found, known] : [known, found]
  if (!isCheaper(cheap.cost, costly.cost)) return known
  return fits(known) ? costly : cheap
}

const isCheaper = (a: Cost, b: Cost): boolean => a.flops < b.flops || (a.flops === b.flops && a.bytes < b.bytes)

/** Problems of tunable kernels in one workload, in the order of their launches. */
function problemsOf(device: Device, workload: Workload, wanted: (kernel: string) => boolean): TuningProblem[] {
  const inputs = new Map<Storage, CaseInput>()
  const make: MakeInput = (input, dtype = 'f32') => {
    const own = input.dtype ?? 'f32'
    const made = empty(device, input.shape, own === 'f32' ? dtype : own)
    inputs.set(made.storage, input)
    return made
  }
  const problems: TuningProblem[] = []
  const see = (request: DispatchRequest<unknown>) => {
    if (!request.kernel.bucket || !wanted(request.kernel.name)) return
    const problem = problemOf(device, request, inputs)
    if (problem.candidates.length > 1) problems.push({ ...problem, workload: workload.name })
  }
  withoutLaunching(see, () => scope(() => workload.run(device, make)))
  return problems
}

function problemOf(
  device: Device,
  request: DispatchRequest<unknown>,
  known: ReadonlyMap<Storage, CaseInput>,
): Omit<TuningProblem, 'workload'> {
  const { kernel, problem } = request
  const { capabilities, recorder } = device
  const inputs = request.inputs.map((binding) => operandOf(binding, known))
  const outputs = request.outputs.map((binding) => operandOf(binding, known))
  return {
    kernel,
    problem,
    bucket: kernel.bucket!(problem),
    // Gradients are computed for an operation, too.
    operation: recorder.operation.name.replace(/ backward$/, ''),
    inputs,
    outputs,
    candidates: kernel.variants
      .filter((variant) => variant.supports?.(capabilities, problem) ?? true)
      .map(({ name }) => name),
    untuned: chooseVariant(kernel, device, problem).name,
    cost: kernel.cost?.(problem) ?? { flops: 0, bytes: bytesOf([...inputs, ...outputs]) },
  }
}

/** Windows become tensors of their own: a kernel sees no difference. */
function operandOf(
  binding: DispatchRequest<unknown>['inputs'][number],
  known: ReadonlyMap<Storage, CaseInput>,
): Operand {
  if ('tensor' in binding) {
    const { dtype } = binding.tensor
    return { shape: [Math.floor(binding.byteLength / bytesPerElement(dtype))], dtype }
  }
  return { shape: binding.shape, dtype: binding.dtype, input: known.get(binding.storage) }
}

const bytesOf = (specs: readonly { shape: Shape; dtype: DType }[]): number =>
  specs.reduce((sum, { shape, dtype }) => sum + shape.reduce((a, b) => a * b, bytesPerElement(dtype)), 0)
