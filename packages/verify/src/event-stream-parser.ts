/** One event of a stream of server-sent events. */
export interface StreamEvent {
  /** `message` when the stream names none. */
  readonly type: string
  /** The cursor after this event: the last `id` seen, on this event or before it. */
  readonly id: string
  readonly data: string
}

/** A thousand revoked sessions take a tenth of it. */
const defaultMaxCharacters = 1_024 * 1_024

/**
 * Reads server-sent events (WHATWG HTML 9.2.6) out of bytes that come in pieces cut anywhere.
 *
 * `retry` and unknown fields are ignored; an event without data is dropped, as the standard says.
 *
 * @param onEvent called for each complete event, in order
 * @param options.maxCharacters how long one line, and the data of one event, may grow
 * @returns takes the next piece; throws when it is not UTF-8 or holds a line or event that is too long
 */
export function eventStreamParser(
  onEvent: (event: StreamEvent) => void,
  { maxCharacters = defaultMaxCharacters }: { maxCharacters?: number } = {},
): (piece: Uint8Array) => void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let line = ''
  let endedInReturn = false
  let id = ''
  let type = ''
  let data: string[] = []
  let dataCharacters = 0

  function takeLine(text: string): void {
    if (text === '') dispatch()
    else takeField(text)
  }

  function takeField(text: string): void {
    const colon = text.indexOf(':')
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') type = value
    if (field === 'id' && !value.includes('\0')) id = value
    if (field === 'data') addData(value)
  }

  function addData(value: string): void {
    dataCharacters += value.length + 1
    if (dataCharacters > maxCharacters) throw new Error('Cannot read the event stream: an event is too long')
    data.push(value)
  }

  function dispatch(): void {
    const event = { type: type || 'message', id, data: data.join('\n') }
    const isEvent = data.length > 0
    type = ''
    data = []
    dataCharacters = 0
    if (isEvent) onEvent(event)
  }

  return (piece) => {
    const text = decoder.decode(piece, { stream: true })
    const isRestOfLineEnd = endedInReturn && text.startsWith('\n')
    if (text !== '') endedInReturn = text.endsWith('\r')

    const [first = '', ...rest] = text.slice(isRestOfLineEnd ? 1 : 0).split(/\r\n|\r|\n/)
    line += first
    for (const next of rest) {
      takeLine(line)
      line = next
    }
    if (line.length > maxCharacters) throw new Error('Cannot read the event stream: a line is too long')
  }
}
