import { expect, it } from 'vitest'
import { probe } from '../../scripts/adapter/probe.mjs'
import { ensureAdapter, parseChoice } from '../../scripts/adapter.mjs'

it('the adapter these tests run with computes right results', async () => {
  const { kind, node, env } = await ensureAdapter({ choice: parseChoice(process.env.VOXGRAD_ADAPTER) })
  if (kind === 'none') return
  const { adapter, reason } = await probe(node, env, { compute: true })
  expect(reason).toBe('')
  expect(adapter?.software).toBe(kind !== 'hardware')
  if (kind === 'lavapipe')
    expect(adapter?.features).toEqual(expect.arrayContaining(['shader-f16', 'subgroups', 'timestamp-query']))
})
