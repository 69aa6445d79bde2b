/** Modules that run in loader threads. */

/** A module beside this one: `.ts` in a checkout, `.js` in the package. */
export function besideModule(name: string): URL {
  return new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
}
