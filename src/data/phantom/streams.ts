/** Independent random sequences of one seed, so that no draw of one purpose changes another. */
export const streams = {
  pose: 16,
  anatomy: 17,
  vessels: 18,
  distractors: 19,
  scanner: 20,
  noise: 21,
  report: 22,
  /** One per finding from here on. */
  findings: 64,
} as const
