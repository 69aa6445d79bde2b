/** Every operation against its float64 reference, on the operation's own cases. */
import { definedOps } from '../../src/engine/op.js'
import { type AnyOp, checkOperation } from '../support/check-operation.js'
import { loadAllKernels } from '../support/modules.js'

await loadAllKernels()
for (const op of definedOps() as unknown as AnyOp[]) checkOperation(op)
