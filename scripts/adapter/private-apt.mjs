// Downloads packages of another Debian release through the system's own mirror, with an apt state of our own: no root, and nothing of
// the system's package lists, pins, cache or dpkg database is read or written. Proxies and credentials of the system's apt still apply.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianArchives, readSystemSources } from './apt-sources.mjs'
import { exec, onPath } from './exec.mjs'

const SUITES = ['trixie', 'trixie-backports']
const KEYRINGS = ['debian-archive-keyring.gpg', 'debian-archive-keyring.pgp'].map(
  (name) => `/usr/share/keyrings/${name}`,
)
/** @type {Record<string, string>} */
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' }

/** @typedef {import('./apt-sources.mjs').AptSource} AptSource */

/**
 * What stands in the way of downloading here, or null.
 * @returns {string | null}
 */
export function aptObstacle() {
  if (!ARCHITECTURES[process.arch]) return `Debian's packages are not used on ${process.arch}`
  const missing = ['apt-get', 'dpkg-deb'].filter((tool) => !onPath(tool))
  if (missing.length) return `${missing.join(' and ')} not found`
  const archives = debianArchives(readSystemSources())
  if (!archives.length) return "this system's apt sources name no Debian archive (VOXGRAD_DEBIAN_MIRROR can name one)"
  if (!archives.some(trustOf)) return "Debian's signing keys are missing (package debian-archive-keyring)"
  return null
}

/**
 * Downloads the packages and all they depend on, from an empty system up: the result needs nothing of the host but its kernel.
 * @param {string} folder an empty folder for apt's state and the downloads
 * @param {string[]} packages
 * @returns {Promise<string[]>} paths of .deb files
 */
export async function downloadDebs(folder, packages) {
  const failures = []
  for (const [index, source] of debianArchives(readSystemSources()).entries()) {
    const trust = trustOf(source)
    if (!trust) continue
    const state = join(folder, String(index))
    const apt = prepare(state, source, trust)
    const updated = await apt('update')
    const fetched = updated.ok ? await apt('install', '--yes', '--download-only', ...packages) : updated
    const archives = join(state, 'archives')
    if (fetched.ok)
      return readdirSync(archives)
        .filter((name) => name.endsWith('.deb'))
        .map((name) => join(archives, name))
    const line = fetched.stderr.match(/^E: (.*)$/m)?.[1] // the first error is the cause of the others
    failures.push(`${source.uri}: ${line ?? fetched.reason}`)
  }
  throw new Error(`apt could not download ${packages[0]} (${failures.join('; ')})`)
}

/**
 * How apt is to trust this archive: a line of its source paragraph, or null.
 * @param {AptSource} source
 */
function trustOf(source) {
  if (source.options.trusted === 'yes') return 'Trusted: yes' // the system's own statement about its own mirror
  const ownKeyring = source.options['signed-by']
  const keyring = [...KEYRINGS, ownKeyring].find(
    (path) => path?.startsWith('/') && !path.includes('\n') && existsSync(path),
  )
  return keyring ? `Signed-By: ${keyring}` : null
}

/**
 * @param {string} state
 * @param {AptSource} source
 * @param {string} trust
 * @returns {(...args: string[]) => Promise<import('./exec.mjs').Outcome>}
 */
function prepare(state, source, trust) {
  const empty = join(state, 'empty')
  for (const name of ['lists/partial', 'archives/partial', 'empty']) mkdirSync(join(state, name), { recursive: true })
  const status = join(state, 'status')
  writeFileSync(status, '')
  const sources = join(state, 'debian.sources')
  writeFileSync(sources, `Types: deb\nURIs: ${source.uri}\nSuites: ${SUITES.join(' ')}\nComponents: main\n${trust}\n`)
  const architecture = ARCHITECTURES[process.arch]
  const config = join(state, 'apt.conf')
  // Read after the system's configuration, unlike APT_CONFIG, so that this can clear hooks that act on the real system.
  writeFileSync(
    config,
    `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Default-Release "${SUITES.at(-1)}";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Dir::Etc::sourcelist "${sources}";
Dir::Etc::sourceparts "${empty}";
Dir::Etc::preferences "${join(empty, 'none')}";
Dir::Etc::preferencesparts "${empty}";
Dir::State "${state}";
Dir::State::lists "${join(state, 'lists')}";
Dir::State::status "${status}";
Dir::Cache "${state}";
Dir::Cache::archives "${join(state, 'archives')}";
Dir::Log "${state}";
`,
  )
  return (...args) =>
    exec('apt-get', ['--config-file', config, '--quiet=2', ...args], { env: { ...process.env, LC_ALL: 'C' } })
}
