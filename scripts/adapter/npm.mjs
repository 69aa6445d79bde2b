// How to start npm on this system.

import { basename } from 'node:path'
import { exec } from './exec.mjs'

/**
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<import('./exec.mjs').Outcome>}
 */
export async function npm(args, cwd) {
  const outcome = await start(args, cwd)
  // npm ends with where its log is; what was wrong stands before that, after error codes.
  const line = outcome.stderr.match(/^npm error (?!code|syscall|errno|A complete log)(.*)$/m)?.[1]
  return outcome.ok || !line ? outcome : { ...outcome, reason: line }
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
function start(args, cwd) {
  const script = process.env.npm_execpath // set when npm started us; yarn and pnpm set it too
  if (script && basename(script) === 'npm-cli.js') return exec(process.execPath, [script, ...args], { cwd })
  const windows = process.platform === 'win32' // npm is a batch file there, which only a shell can start
  return exec(windows ? 'npm.cmd' : 'npm', args, { cwd, shell: windows })
}
