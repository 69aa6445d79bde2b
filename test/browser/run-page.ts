/** Runs test/browser/page.ts in a browser of this machine. */
import { spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { PageReport } from './page.js'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A browser of Chromium's family: `VOXGRAD_BROWSER`, or one on the PATH. */
export function findBrowser(): string | undefined {
  const { VOXGRAD_BROWSER, PATH = '' } = process.env
  if (VOXGRAD_BROWSER) return VOXGRAD_BROWSER
  const places = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Without the drivers that tests of this process run on: the browser has its own. */
function ownDrivers(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(VK_|LD_LIBRARY_PATH)/.test(name)))
}

const html = `<script>
  onerror = (message) => fetch('/report', { method: 'POST', body: JSON.stringify({ broken: message }) })
</script>
<script type="module" src="/page.js"></script>`

/** The page's script: engine, kernels and models as they are, and no package of Node. */
async function bundlePage(): Promise<string> {
  const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [here('page.ts')],
    alias: { vitest: here('collected-tests.ts') },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    loader: { '.wgsl': 'text' },
    external: ['webgpu'],
    // Kernels define operations as they are imported.
    ignoreAnnotations: true,
  })
  return outputFiles[0]!.text
}

/** @throws Error when the browser ends, or `timeoutMs` pass, without a report. */
export async function runPage(
  browser: string,
  { every, timeoutMs }: { readonly every: boolean; readonly timeoutMs: number },
): Promise<PageReport> {
  const script = await bundlePage()
  let deliver = (_: PageReport): void => {}
  const delivered = new Promise<PageReport>((resolve) => {
    deliver = resolve
  })
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      deliver(JSON.parse(await text(request)) as PageReport)
      response.end()
    } else if (request.url === '/page.js') {
      response.setHeader('content-type', 'text/javascript').end(script)
    } else {
      response.setHeader('content-type', 'text/html').end(html)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const profile = mkdtempSync(join(tmpdir(), 'voxgrad-browser-'))
  const flags = ['--headless=new', '--enable-unsafe-webgpu', '--no-first-run', `--user-data-dir=${profile}`]
  // A browser's sandbox does not start for root.
  if (process.getuid?.() === 0) flags.push('--no-sandbox')
  const child = spawn(browser, [...flags, `http://127.0.0.1:${port}/${every ? '?every' : ''}`], {
    stdio: 'ignore',
    env: ownDrivers(process.env),
  })
  let timer: NodeJS.Timeout | undefined
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${browser} ended with code ${code} before the page reported`)))
    timer = setTimeout(() => reject(new Error(`the page did not report within ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([delivered, failed])
  } finally {
    clearTimeout(timer)
    failed.catch(() => undefined)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.kill()) await ended
    server.closeAllConnections()
    server.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
