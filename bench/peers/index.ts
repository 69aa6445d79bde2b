export { loadPeers } from './load.js'
