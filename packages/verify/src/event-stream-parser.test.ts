import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eventStreamParser, type StreamEvent } from './event-stream-parser.ts'

function read(pieces: (string | Uint8Array)[], maxCharacters?: number): StreamEvent[] {
  const events: StreamEvent[] = []
  const parse = eventStreamParser((event) => events.push(event), maxCharacters === undefined ? {} : { maxCharacters })
  for (const piece of pieces) parse(Buffer.from(piece))
  return events
}

test('eventStreamParser() reads type, id and data of an event', () => {
  expect(read(['event: revoked\nid: 7\ndata: {"a":1}\n\n'])).toEqual([{ type: 'revoked', id: '7', data: '{"a":1}' }])
})

test.each([
  ['lines that end in CRLF', 'event: a\r\ndata: 1\r\n\r\n'],
  ['lines that end in CR', 'event: a\rdata: 1\r\r'],
  ['line ends of all kinds', 'event: a\r\ndata: 1\n\r'],
  ['no blank after the colon', 'event:a\ndata:1\n\n'],
  ['comments and unknown fields', ': hello\nevent: a\nretry: 5\nx: y\n:\ndata: 1\nz\n\n'],
  ['a byte order mark', '\ufeffevent: a\ndata: 1\n\n'],
  ['empty lines before', '\n\n\nevent: a\ndata: 1\n\n'],
])('eventStreamParser() reads an event with %s', (_, text) => {
  expect(read([text])).toEqual([{ type: 'a', id: '', data: '1' }])
})

test('eventStreamParser() joins lines of data and takes one blank off each', () => {
  expect(read(['data: a\ndata:  b\ndata\ndata:\n\n'])).toEqual([{ type: 'message', id: '', data: 'a\n b\n\n' }])
})

test('eventStreamParser() leaves every other blank where it is', () => {
  expect(read(['data:a b\n\n'])).toEqual([{ type: 'message', id: '', data: 'a b' }])
})

test('eventStreamParser() takes CRLF for one line end, though nothing came between its halves', () => {
  expect(read(['data:a\r', '', '\ndata:b\n\n'])).toEqual([{ type: 'message', id: '', data: 'a\nb' }])
})

test('eventStreamParser() keeps the last id for events without one, and ignores one with NUL', () => {
  const events = read(['id: 1\ndata: a\n\n', 'data: b\n\n', 'id: 2\0\ndata: c\n\n'])

  expect(events.map(({ id }) => id)).toEqual(['1', '1', '1'])
})

test('eventStreamParser() forgets the type of an event without data', () => {
  expect(read(['event: a\n\ndata: 1\n\n'])).toEqual([{ type: 'message', id: '', data: '1' }])
})

test('eventStreamParser() drops an event that was not ended', () => {
  expect(read(['event: a\ndata: 1\n'])).toEqual([])
})

const stream = Buffer.from(
  '\ufeffid: 1\r\nevent: a\r\ndata: {"x":"é😀"}\r\n\r\n: c\rdata: 2\rdata: 3\r\r\n\ndata: 4\n\nid:\rdata: 5\r\n\r\n',
)

test('eventStreamParser() reads the same events wherever the stream is cut', () => {
  const whole = read([stream])
  fc.assert(
    fc.property(fc.array(fc.nat({ max: stream.length })), (cuts) => {
      const edges = [0, ...cuts.sort((one, other) => one - other), stream.length]
      const pieces = edges.slice(1).map((edge, at) => stream.subarray(edges[at], edge))

      expect(read(pieces)).toEqual(whole)
    }),
  )
  expect(read([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
  expect(whole.map(({ data }) => data)).toEqual(['{"x":"é😀"}', '2\n3', '4', '5'])
})

test('eventStreamParser() refuses a line that grows too long, however it comes', () => {
  expect(read(['x'.repeat(64)], 64)).toEqual([])
  expect(() => read(['x'.repeat(65)], 64)).toThrow('a line is too long')
  expect(() => read([...'x'.repeat(65)], 64)).toThrow('a line is too long')
})

test('eventStreamParser() refuses an event whose lines grow too long together', () => {
  expect(read(['data: 12345678\n'.repeat(7), '\n'], 64)).toHaveLength(1)
  expect(() => read(['data: 12345678\n'.repeat(8)], 64)).toThrow('an event is too long')
  expect(read(['data: 1234567\n'.repeat(8), '\n'], 64)).toHaveLength(1)
})

test('eventStreamParser() refuses bytes that are not UTF-8', () => {
  expect(() => read([Uint8Array.of(0x64, 0xff)])).toThrow(TypeError)
})
