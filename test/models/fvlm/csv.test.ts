import { describe, expect, it } from 'vitest'
import { zeroShotCsv } from '../../../src/models/index.js'

const finding = (label: string, probability: number | undefined) => ({
  anatomy: 'lung',
  label,
  wording: label,
  probability,
})

describe('tables of results', () => {
  it('have the columns of the published evaluation and empty cells for what is missing', () => {
    const scans = [
      { fileName: 'a, b.nii.gz', result: { findings: [finding('Opacity', 0.25), finding('Nodule', undefined)] } },
    ]
    expect(zeroShotCsv(scans)).toBe(
      'file_name,lung_Opacity_Not Opacity._Opacity.,lung_Nodule_Not Nodule._Nodule.\n"a, b.nii.gz",0.25,\n',
    )
  })

  it('refuse scans that were scored for different findings', () => {
    const one = { fileName: 'a', result: { findings: [finding('Opacity', 0.25)] } }
    const other = { fileName: 'b', result: { findings: [finding('Nodule', 0.25)] } }
    expect(() => zeroShotCsv([one, other])).toThrow(/b was scored/)
  })
})
