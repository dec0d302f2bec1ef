import type { IncomingHttpHeaders, RequestListener, ServerResponse } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { backOff, followEventStream } from './event-stream.ts'
import type { StreamEvent } from './event-stream-parser.ts'
import { deadAddress, serve } from './testing/server.ts'

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

interface Changes {
  credential?: string
  onEvent?: (event: StreamEvent) => void
  silenceMilliseconds?: number
}

function follow(url: string, changes: Changes = {}) {
  const stream = followEventStream({ url, cursor: () => '7', onEvent: () => {}, elapsed: () => 0, ...changes })
  endings.push(stream.close)
  return stream
}

/** A stream from an issuer that answers each connection in its way. */
async function followed(answer: RequestListener, changes: Changes = {}) {
  const asked: IncomingHttpHeaders[] = []
  const server = await serve((request, response) => {
    asked.push(request.headers)
    answer(request, response)
  })
  endings.push(server.close)
  return { asked, stream: follow(server.url, changes) }
}

const begin = (response: ServerResponse, text: string, type = 'text/event-stream') =>
  response.writeHead(200, { 'content-type': type }).write(text)

const soon = { interval: 2 }

/** Timers that a test moves. */
function holdTimers() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  endings.push(() => vi.useRealTimers())
}

/** Waits without moving the timers on, as a poll would. */
async function until(condition: () => boolean) {
  const givesUpAt = performance.now() + 5_000
  while (!condition() && performance.now() < givesUpAt) await new Promise(setImmediate)
  expect(condition()).toBe(true)
}

test.each([
  ['an API', { credential: 'lka_x' }, 'Bearer lka_x'],
  ['nobody', {}, undefined],
])('followEventStream() asks as %s for events after the cursor, from no cache', async (_, changes, authorization) => {
  const { asked } = await followed(() => {}, changes)

  await expect.poll(() => asked.length, soon).toBe(1)

  const headers = { accept: 'text/event-stream', 'cache-control': 'no-cache', 'last-event-id': '7' }
  expect(asked[0]).toMatchObject(headers)
  expect(asked[0]?.authorization).toBe(authorization)
})

test.each(['text/event-stream', 'text/event-stream;charset=utf-8', 'Text/Event-Stream ; charset=utf-8'])(
  'followEventStream() reads %s',
  async (type) => {
    const events: StreamEvent[] = []

    await followed((_, response) => begin(response, 'id: 1\ndata: a\n\n', type), {
      onEvent: (event) => events.push(event),
    })

    await expect.poll(() => events, soon).toEqual([{ type: 'message', id: '1', data: 'a' }])
  },
)

test.each([
  [200, 'text/html', 'the answer was 200 text/html'],
  [200, 'x-text/event-stream', 'the answer was 200 x-text/event-stream'],
  [200, 'text/event-streams', 'the answer was 200 text/event-streams'],
  [200, undefined, 'the answer was 200 '],
  [503, 'text/event-stream', 'the answer was 503 text/event-stream'],
  [401, 'application/json', 'it takes the credential of an API'],
])('followEventStream() reads nothing from an answer with %s and %s', async (status, type, problem) => {
  const events: StreamEvent[] = []
  const headers = type === undefined ? {} : { 'content-type': type }

  const { stream } = await followed((_, response) => response.writeHead(status, headers).end('data: a\n\n'), {
    onEvent: (event) => events.push(event),
  })

  await expect.poll(stream.problem, soon).toBe(problem)
  expect(events).toEqual([])
})

test('followEventStream() tells that a connection was ended', async () => {
  const { stream } = await followed((_, response) => begin(response, ':\n') && response.end())

  await expect.poll(stream.problem, soon).toBe('the stream ended')
})

test.each(['http', 'https'])('followEventStream() tells that nobody listens at an address of %s', async (scheme) => {
  const { port } = await deadAddress()

  const stream = follow(`${scheme}://127.0.0.1:${port}`)

  await expect.poll(stream.problem, soon).toMatch('ECONNREFUSED')
})

test('followEventStream() takes no event after close(), not even one that came with the last', async () => {
  const events: string[] = []
  const { stream } = await followed((_, response) => begin(response, 'data: a\n\ndata: b\n\n'), {
    onEvent: ({ data }) => {
      events.push(data)
      stream.close()
    },
  })

  await expect.poll(() => events, soon).toEqual(['a'])
})

test('close() leaves no timer behind, whether a connection is open or is waited for', async () => {
  holdTimers()
  let isOpen = false
  const open = await followed((_, response) => (isOpen = begin(response, ':\n')))
  await until(() => isOpen)

  open.stream.close()
  await until(() => vi.getTimerCount() === 0)

  const ended = await followed((_, response) => response.end())
  await until(() => ended.stream.problem() !== 'not connected yet')
  expect(vi.getTimerCount()).toBe(1)
  ended.stream.close()
  expect(vi.getTimerCount()).toBe(0)
})

test('followEventStream() counts a silence from the last piece that came', async () => {
  holdTimers()
  const responses: ServerResponse[] = []
  const events: string[] = []
  const { stream } = await followed((_, response) => begin(response, ':\n') && responses.push(response), {
    onEvent: ({ data }) => events.push(data),
  })
  await until(() => responses.length === 1)

  vi.advanceTimersByTime(9_999)
  responses[0]?.write('data: a\n\n')
  await until(() => events.length === 1)
  vi.advanceTimersByTime(9_999)
  await new Promise(setImmediate)
  const before = stream.problem()
  vi.advanceTimersByTime(1)

  await until(() => stream.problem() !== undefined)
  expect(before).toBeUndefined()
  expect(stream.problem()).toBe('the stream fell silent')
})

test('followEventStream() waits twice as long after each failure', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const { asked } = await followed((_, response) => response.end(), { silenceMilliseconds: 77_777 })

  await expect.poll(() => asked.length, soon).toBe(4)

  const waits = timers.mock.calls.map(([, milliseconds]) => milliseconds).filter((wait) => wait !== 77_777)
  expect(waits.slice(0, 3)).toEqual([50, 100, 200])
})

test.each([
  [0, 50, 100],
  [1, 100, 200],
  [3, 400, 800],
  [6, 2_500, 5_000],
  [1_000, 2_500, 5_000],
])('backOff() after %i failures is between %i and %i milliseconds', (failures, least, most) => {
  const random = vi.spyOn(Math, 'random')

  expect(random.mockReturnValue(0) && backOff(failures)).toBe(least)
  expect(random.mockReturnValue(0.5) && backOff(failures)).toBe((least + most) / 2)
  expect(random.mockReturnValue(1) && backOff(failures)).toBe(most)
})
