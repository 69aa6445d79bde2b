// Runs a program and gives back what it said. Nothing here throws because a program failed: the caller knows what that means.

import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * @typedef {object} Outcome
 * @property {boolean} ok exit status 0
 * @property {string} stdout
 * @property {string} stderr
 * @property {string} reason why it failed, in one line; empty when ok
 */

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, shell?: boolean }} [options]
 * @returns {Promise<Outcome>}
 */
export function exec(
  command,
  args,
  { cwd = process.cwd(), env = process.env, timeoutMs = 600_000, shell = false } = {},
) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      shell,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk))
    child.on('error', (error) => resolve({ ok: false, stdout, stderr, reason: error.message }))
    child.on('close', (code, signal) => {
      const how = signal ? `ended by ${signal}` : `exit status ${code}`
      const said = lastLine(stderr) || lastLine(stdout)
      resolve({ ok: code === 0, stdout, stderr, reason: code === 0 ? '' : said ? `${said} (${how})` : how })
    })
  })
}

/** @param {string} text */
function lastLine(text) {
  return text.trim().split('\n').at(-1)?.trim() ?? ''
}

/**
 * Whether a program of this name can be run.
 * @param {string} name
 */
export function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}
