/** Stands in for vitest in a browser page: the checks of test/support register their tests here as they do there. */
export interface CollectedTest {
  readonly name: string
  readonly run: () => Promise<void> | void
}

export const collectedTests: CollectedTest[] = []

const groups: string[] = []

export function describe(name: string, register: () => void): void {
  groups.push(name)
  register()
  groups.pop()
}

export function it(name: string, run: () => Promise<void> | void): void {
  collectedTests.push({ name: [...groups, name].join(' > '), run })
}

/** The matchers that test/support uses. */
export function expect(got: unknown, what = '') {
  const check = (holds: boolean, relation: string, want: unknown): void => {
    if (!holds) throw new Error(`${what}: ${JSON.stringify(got)} ${relation} ${JSON.stringify(want)}`)
  }
  return {
    toEqual: (want: unknown) => check(JSON.stringify(got) === JSON.stringify(want), 'is not', want),
    toBeLessThanOrEqual: (want: number) => check((got as number) <= want, 'is more than', want),
  }
}
