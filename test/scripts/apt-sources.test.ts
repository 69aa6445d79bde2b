import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  debianArchives,
  parseDeb822Sources,
  parseOneLineSources,
  readSystemSources,
} from '../../scripts/adapter/apt-sources.mjs'

const mirror = 'http://mirror.example/debian'

describe('parseOneLineSources', () => {
  it('reads uri, suite, components and options', () => {
    const text = `# a comment
deb ${mirror} bookworm main contrib # trailing
deb-src ${mirror} bookworm main
  deb [ arch=amd64 signed-by=/usr/share/keyrings/a.gpg ] ${mirror}  bookworm-updates main
#deb ${mirror} sid main`
    expect(parseOneLineSources(text)).toEqual([
      { uri: mirror, suites: ['bookworm'], components: ['main', 'contrib'], options: {} },
      {
        uri: mirror,
        suites: ['bookworm-updates'],
        components: ['main'],
        options: { arch: 'amd64', 'signed-by': '/usr/share/keyrings/a.gpg' },
      },
    ])
  })

  it('keeps a value that has an equals sign, and a flat archive without components', () => {
    const [source] = parseOneLineSources('deb [trusted=yes lang=a=b] file:/srv/repo ./')
    expect(source).toEqual({
      uri: 'file:/srv/repo',
      suites: ['./'],
      components: [],
      options: { trusted: 'yes', lang: 'a=b' },
    })
  })
})

describe('parseDeb822Sources', () => {
  it('reads paragraphs, comments within them, continuations, and many uris and suites', () => {
    const text = `Types: deb deb-src
# the snapshot
URIs: ${mirror}
 http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb-src
URIs: ${mirror}
Suites: sid
Components: main
 
Enabled: no
Types: deb
URIs: ${mirror}
Suites: trixie
Components: main`
    const key = '\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nabc'
    const rest = { suites: ['bookworm', 'bookworm-updates'], components: ['main'], options: { 'signed-by': key } }
    expect(parseDeb822Sources(text)).toEqual([
      { uri: mirror, ...rest },
      { uri: 'http://second.example/debian', ...rest },
    ])
  })
})

it('readSystemSources reads what apt reads, by file name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'voxgrad-apt-'))
  try {
    expect(readSystemSources(join(folder, 'absent'))).toEqual([])
    const parts = join(folder, 'sources.list.d')
    mkdirSync(parts)
    writeFileSync(join(folder, 'sources.list'), 'deb http://one.example/debian bookworm main')
    writeFileSync(join(parts, 'b.list'), 'deb http://two.example/debian bookworm main')
    writeFileSync(join(parts, 'c.list.disabled'), 'deb http://three.example/debian bookworm main')
    writeFileSync(
      join(parts, 'd.sources'),
      'Types: deb\nURIs: http://four.example/debian\nSuites: bookworm\nComponents: main\n',
    )
    const hosts = readSystemSources(folder).map(({ uri }) => new URL(uri).hostname)
    expect(hosts).toEqual(['one.example', 'two.example', 'four.example'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('debianArchives', () => {
  const uris = (text: string, env = {}) => debianArchives(parseOneLineSources(text), env).map(({ uri }) => uri)

  it('takes each mirror once, and leaves out security suites', () => {
    const text = `deb ${mirror} bookworm main\ndeb ${mirror}/ bookworm-updates main\ndeb ${mirror}-security bookworm-security main`
    expect(uris(text)).toHaveLength(1)
    expect(uris(text)[0]).toMatch(mirror)
  })

  it('puts an archive named /debian before a derivative that uses the same suite names', () => {
    expect(uris(`deb http://derivative.example/raspbian bookworm main\ndeb ${mirror} bookworm main`)[0]).toBe(mirror)
  })

  it('finds none on Ubuntu, unless one is named', () => {
    const text =
      'deb http://mirror.example/ubuntu noble main universe\ndeb http://vendor.example/apt stable-vendor main'
    expect(uris(text)).toEqual([])
    expect(uris(text, { VOXGRAD_DEBIAN_MIRROR: mirror })).toEqual([mirror])
  })
})
