/** Loads the packages of this folder, which has a package.json of its own and may not be installed. */
import { readFileSync } from 'node:fs'

/** Installs what `loadPackage` looks for. */
export const installCommand = 'npm run bench:peers-install'

export interface LoadedPackage<Module> {
  readonly module: Module
  readonly version: string
}

/** What a package exports, or why it cannot be loaded. */
export async function loadPackage<Module>(name: string): Promise<LoadedPackage<Module> | { readonly missing: string }> {
  const version = installedVersion(name)
  if (version === null) return { missing: installCommand }
  try {
    // The name is a variable, so that nothing that reads this source wants the package to be there.
    const loaded = (await import(name)) as Module & { default?: Module }
    return { module: loaded.default ?? loaded, version }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    return { missing: `${name} ${version} is installed but does not load: ${reason}` }
  }
}

/** Read from the file, because not every package exports its package.json. */
function installedVersion(name: string): string | null {
  try {
    const path = new URL(`./node_modules/${name}/package.json`, import.meta.url)
    return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
  } catch {
    return null
  }
}
