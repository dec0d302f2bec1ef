/** A clock that is moved by hand. */
export type TestClock = {
  now(): number
  advance(seconds: number): void
}

/** Begins in 2026, on a whole second. */
export function testClock(start = Date.UTC(2026, 0, 1)): TestClock {
  let time = start
  return {
    now: () => time,
    advance: (seconds) => {
      time += seconds * 1000
    },
  }
}
