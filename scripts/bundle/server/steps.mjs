// What there is to run, as programs of the bundle with their arguments.

import { join } from 'node:path'

export const STEPS = /** @type {const} */ (['doctor', 'golden', 'bench'])

/**
 * @typedef {object} Options
 * @property {boolean} quick
 * @property {readonly (typeof STEPS[number])[]} steps in their own order
 * @property {readonly string[]} benchOptions
 *
 * @typedef {object} Step
 * @property {string} title
 * @property {string} program relative to the application
 * @property {string[]} args
 * @property {string} output file of the results folder that keeps what it prints
 * @property {boolean} [data] for programs: goes to the file only, and warnings do not
 */

/**
 * @param {readonly string[]} args `[quick] [STEP...] [-- OPTION...]`
 * @returns {Options}
 */
export function parseArguments(args) {
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const words = args.slice(0, end)
  const unknown = words.find((word) => word !== 'quick' && !STEPS.some((step) => step === word))
  if (unknown) throw new Error(`${unknown} is none of quick, ${STEPS.join(', ')}. Options for the bench come after --`)
  const chosen = STEPS.filter((step) => words.includes(step))
  return { quick: words.includes('quick'), steps: chosen.length ? chosen : STEPS, benchOptions: args.slice(end + 1) }
}

/**
 * @param {Options} options
 * @param {{ cases: string, results: string }} folders
 * @returns {Step[]}
 */
export function stepsOf({ quick, steps, benchOptions }, { cases, results }) {
  const doctor = 'src/cli/main.js'
  const golden = 'test/golden/main.js'
  /** @type {Record<typeof STEPS[number], Step[]>} */
  const all = {
    doctor: [
      { title: 'doctor', program: doctor, args: ['doctor', '--profile', 'fast'], output: 'doctor.txt' },
      {
        title: 'doctor, as JSON',
        program: doctor,
        args: ['doctor', '--profile', 'fast', '--json'],
        output: 'doctor.json',
        data: true,
      },
    ],
    golden: ['safe', 'fast'].map((profile) => ({
      title: `golden cases, ${profile} profile`,
      program: golden,
      args: [cases, '--profile', profile],
      output: `golden-${profile}.txt`,
    })),
    bench: [
      {
        title: `probes and bench${quick ? ', quick' : ', with peers'}`,
        program: 'bench/main.js',
        args: [
          '--profile',
          'fast',
          quick ? '--quick' : '--peers',
          ...['json', 'html'].flatMap((kind) => [
            `--${kind}`,
            join(results, `bench.${kind === 'json' ? 'jsonl' : kind}`),
          ]),
          ...benchOptions,
        ],
        output: 'bench.txt',
      },
    ],
  }
  return steps.flatMap((step) => all[step])
}
