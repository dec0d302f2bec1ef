const secondsIn = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const

/** So many attempts in so many seconds. */
export type Rate = { attempts: number; windowSeconds: number }

/** Reads a rate such as `5/minute` or `1000/hour`; `off` is no rate. `undefined` where the text is neither. */
export function parseRate(text: string): Rate | 'off' | undefined {
  if (text === 'off') return 'off'
  const match = /^([1-9][0-9]{0,8})\/(second|minute|hour|day)$/.exec(text)
  const [, digits, unit] = match ?? []
  if (!digits || !unit) return undefined
  return { attempts: Number(digits), windowSeconds: secondsIn[unit as keyof typeof secondsIn] }
}
