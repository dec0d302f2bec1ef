const secondsIn = { s: 1, m: 60, h: 3600, d: 86_400 } as const
const longestDays = 3650

/**
 * Reads a duration such as `24h`, `10s`, `30d` or `0` into whole seconds. Units are s, m, h and d; a bare number has no
 * unit and is refused, except 0. At most ten years. `undefined` where the text is no duration.
 */
export function parseDurationSeconds(text: string): number | undefined {
  if (text === '0') return 0
  const match = /^(0|[1-9][0-9]{0,8})([smhd])$/.exec(text)
  const [, digits, unit] = match ?? []
  if (!digits || !unit) return undefined
  const seconds = Number(digits) * secondsIn[unit as keyof typeof secondsIn]
  return seconds <= longestDays * secondsIn.d ? seconds : undefined
}
