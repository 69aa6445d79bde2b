// `node --import ./scripts/wgsl-register.mjs`: switches the loader hook on.

import * as module from 'node:module'
import { load } from './wgsl-loader.mjs'

// Node 26 deprecates register(); Node 20 has nothing else.
const { registerHooks } = /** @type {{ registerHooks?: (hooks: { load: typeof load }) => void }} */ (module)
if (registerHooks) registerHooks({ load })
else module.register('./wgsl-loader.mjs', import.meta.url)
