import type { Triple } from '../geometry.js'
import type { Disease } from './disease.js'
import { phantomOrgans } from './organs.js'
import type { Painter } from './painter.js'
import type { Patient } from './patient.js'
import { ball, blob, stick, tube } from './solids.js'

/** Trachea and main bronchi. */
export function paintAirways(painter: Painter): void {
  const carina: Triple = [0, -14, 32]
  const branches = [
    stick([0, -8, 200], carina, 8.5, 8.5),
    stick(carina, [46, -16, 0], 6.5, 4.5),
    stick(carina, [-50, -18, 2], 6, 4.2),
  ]
  for (const branch of branches) painter.paint(branch, { hu: -1000, label: phantomOrgans.trachea })
}

/** The oesophagus, which may hold a little gas, and the part of the stomach that has slipped through the diaphragm. */
export function paintGullet(painter: Painter, patient: Patient, { hernia }: Disease): void {
  const course: Triple[] = [
    [-4, -27, 200],
    [-4, -30, 20],
    [-8, -26, -60],
    [-26, -6, -100],
  ]
  for (const part of tube(course, 8)) painter.paint(part, { hu: 40, label: phantomOrgans.oesophagus })
  if (patient.stomachGasMm < 0) painter.paint(ball([-4, -28, 60], 5), { hu: -700, within: [phantomOrgans.oesophagus] })
  if (hernia === undefined) return
  const { centreMm, radiusMm, bumps, gasMm, hu } = hernia
  const pouch = (radius: number) => blob(centreMm, [radius * 1.1, radius * 0.95, radius], bumps)
  painter.paint(pouch(radiusMm), { hu: 50, label: phantomOrgans.oesophagus })
  painter.paint(pouch(radiusMm - 4), {
    // Gas above fluid.
    hu: (_x, y) => (y > centreMm[1] + gasMm ? -940 : hu),
    within: [phantomOrgans.oesophagus],
  })
}
