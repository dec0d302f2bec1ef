/** An answer as it came over the wire. */
export type RawAnswer = { status: number; head: string; headers: Record<string, string>; body: string }

/** Takes apart answers that say their length, or that end with the connection. Interim ones (1xx) are left out. */
export function answersOf(bytes: Buffer): RawAnswer[] {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return []
  const head = text.slice(0, end)
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const status = Number(statusLine.split(' ')[1])
  if (status < 200) return answersOf(bytes.subarray(end + 4))
  const length = headers['content-length'] === undefined ? Number.POSITIVE_INFINITY : Number(headers['content-length'])
  const rest = bytes.subarray(end + 4)
  const body = rest.subarray(0, length).toString('utf8')
  return [{ status, head, headers, body }, ...answersOf(rest.subarray(Math.min(length, rest.length)))]
}
