/** The error function in float64, to about 1e-15: Maclaurin series near zero, continued fraction of erfc beyond. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const magnitude = Math.abs(x)
  if (magnitude > 6) return Math.sign(x)
  if (magnitude < 2.5) {
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= -(x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = magnitude
  for (let n = 60; n >= 1; n--) fraction = magnitude + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction)
}
