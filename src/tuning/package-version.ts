import { createRequire } from 'node:module'

/** Version of an installed package, or `not installed`. */
export function packageVersion(name: string): string {
  try {
    const require = createRequire(import.meta.url)
    return (require(`${name}/package.json`) as { version: string }).version
  } catch {
    return 'not installed'
  }
}
