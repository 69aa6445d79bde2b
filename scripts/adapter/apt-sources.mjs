// Which Debian archive this system already uses, read from its own apt sources.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {object} AptSource
 * @property {string} uri
 * @property {string[]} suites
 * @property {string[]} components
 * @property {Record<string, string>} options lower-case names, such as `signed-by`, `trusted`, `arch`
 */

/**
 * The one-line format: `deb [signed-by=/path arch=amd64] URI suite component...`.
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseOneLineSources(text) {
  /** @type {AptSource[]} */
  const sources = []
  for (const line of text.split('\n')) {
    const match = line.replace(/#.*/, '').match(/^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)$/)
    if (!match) continue
    const [, options = '', uri = '', suite = '', components = ''] = match
    const pairs = words(options).map(
      (pair) =>
        /** @type {[string, string]} */ ([pair.split('=')[0]?.toLowerCase(), pair.slice(pair.indexOf('=') + 1)]),
    )
    sources.push({ uri, suites: [suite], components: words(components), options: Object.fromEntries(pairs) })
  }
  return sources
}

/**
 * The deb822 format: paragraphs of `Field: value`, continued by lines that start with a blank.
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseDeb822Sources(text) {
  /** @type {AptSource[]} */
  const sources = []
  for (const paragraph of text.split(/\n[ \t]*\n/)) {
    /** @type {Record<string, string>} */
    const fields = {}
    let field = ''
    for (const line of paragraph.split('\n')) {
      if (line.startsWith('#')) continue
      const match = line.match(/^([A-Za-z][\w-]*)\s*:\s*(.*)$/)
      if (match) {
        field = match[1]?.toLowerCase() ?? ''
        fields[field] = match[2]?.trim() ?? ''
      } else if (field && /^[ \t]/.test(line)) fields[field] += `\n${line.trim()}`
    }
    const { types = '', uris = '', suites = '', components = '', enabled = 'yes', ...options } = fields
    if (!words(types).includes('deb') || /^(no|false|0|off|without|disable)$/i.test(enabled)) continue
    for (const uri of words(uris)) sources.push({ uri, suites: words(suites), components: words(components), options })
  }
  return sources
}

/** @param {string} text */
function words(text) {
  return text.split(/\s+/).filter(Boolean)
}

/**
 * Everything in `sources.list` and `sources.list.d`.
 * @param {string} [folder]
 * @returns {AptSource[]}
 */
export function readSystemSources(folder = '/etc/apt') {
  const parts = join(folder, 'sources.list.d')
  const files = [
    join(folder, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => join(parts, name))
      : []),
  ]
  return files.flatMap((file) => {
    if (!existsSync(file)) return []
    if (file.endsWith('.sources')) return parseDeb822Sources(readFileSync(file, 'utf8'))
    if (file.endsWith('.list')) return parseOneLineSources(readFileSync(file, 'utf8'))
    return [] // apt ignores other names too
  })
}

/** Debian's own suite names. Ubuntu, Kali and others have none of these, so their mirrors are not taken for Debian archives. */
const DEBIAN_SUITE =
  /^(bullseye|bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)(-updates|-backports)?$/

/**
 * The sources that are a Debian archive, each mirror once, the likeliest first. `VOXGRAD_DEBIAN_MIRROR` names one for systems that are
 * not Debian but have Debian's keyring.
 * @param {AptSource[]} sources
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {AptSource[]}
 */
export function debianArchives(sources, env = process.env) {
  const named = env.VOXGRAD_DEBIAN_MIRROR
  if (named) return [{ uri: named, suites: [], components: ['main'], options: {} }]
  const archives = sources.filter(
    ({ suites, components }) => components.includes('main') && suites.some((suite) => DEBIAN_SUITE.test(suite)),
  )
  const unique = [...new Map(archives.map((source) => [source.uri.replace(/\/$/, ''), source])).values()]
  // Derivatives (Raspberry Pi OS) use Debian's suite names for archives of their own beside Debian's, whose path is /debian.
  return unique.sort((a, b) => Number(/\/debian\/?$/.test(b.uri)) - Number(/\/debian\/?$/.test(a.uri)))
}
