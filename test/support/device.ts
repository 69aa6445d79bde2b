import { type Device, type DeviceOptions, openDevice } from '../../src/engine/index.js'

const devices = new Map<string, Promise<Device>>()

/** A device shared by all tests of this process. */
export function testDevice(options: DeviceOptions = {}): Promise<Device> {
  const key = JSON.stringify(options)
  const known = devices.get(key) ?? openDevice(options)
  devices.set(key, known)
  return known
}
