// The one command that most likely gives this system an adapter.

import { existsSync, readFileSync } from 'node:fs'

/** @type {[RegExp, string, string][]} distribution, the Vulkan loader, the loader and Mesa's drivers */
const COMMANDS = [
  [/\b(debian|ubuntu)\b/, 'sudo apt-get install libvulkan1', 'sudo apt-get install libvulkan1 mesa-vulkan-drivers'],
  [/\b(fedora|rhel|centos)\b/, 'sudo dnf install vulkan-loader', 'sudo dnf install vulkan-loader mesa-vulkan-drivers'],
  [/\barch\b/, 'sudo pacman -S vulkan-icd-loader', 'sudo pacman -S vulkan-icd-loader vulkan-swrast'],
  [/\b(suse|opensuse)\b/, 'sudo zypper install libvulkan1', 'sudo zypper install libvulkan1 libvulkan_lvp'],
]

/**
 * @param {{ loaderMissing?: boolean, downloadable?: boolean, gpuOnly?: boolean }} situation loaderMissing: a GPU is there but the Vulkan
 *   loader is not; downloadable: a software adapter can be downloaded here; gpuOnly: the user wants no software adapter
 * @param {string} [osRelease] text of /etc/os-release
 */
export function remedy({ loaderMissing = false, downloadable = false, gpuOnly = false }, osRelease = readOsRelease()) {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].map(([, value]) => value).join(' ')
  const [, loader, drivers] = COMMANDS.find(([pattern]) => pattern.test(ids)) ?? []
  if (loaderMissing && loader) return loader
  if (gpuOnly) return 'leave VOXGRAD_ADAPTER unset: a software adapter will do'
  if (downloadable) return 'npx voxgrad setup (it needs a network connection)'
  return drivers ?? "install your GPU's Vulkan driver and the Vulkan loader, libvulkan.so.1"
}

function readOsRelease() {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
}
