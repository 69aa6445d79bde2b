// A .wgsl file is, to JavaScript, a module whose default export is its text. One statement of that for all who load, build or test.

/**
 * @param {string} source WGSL
 * @returns {string} JavaScript
 */
export function wgslModule(source) {
  return `export default ${JSON.stringify(source)}\n`
}

/** The same for vite and vitest: a plugin. */
export function wgslPlugin() {
  return {
    name: 'wgsl',
    enforce: /** @type {const} */ ('pre'),
    /** @param {string} code @param {string} id */
    transform(code, id) {
      return id.split('?')[0]?.endsWith('.wgsl') ? { code: wgslModule(code), map: null } : null
    },
  }
}
