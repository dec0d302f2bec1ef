/**
 * A load in a process of its own, for `hash.ts`. Priority, kind and duration come as arguments; latencies go out in JSON.
 *
 *   node bench/storm.ts '{"url", "nice", "seconds", "body"?, "token"?, "connections"} | {..., "perSecond"}'
 *
 * With `connections` as many ask without pause; with `perSecond` requests start on time, whatever became of the others.
 */
import { Agent, request } from 'node:http'
import { setPriority } from 'node:os'
import { setTimeout } from 'node:timers/promises'

const { url, nice, seconds, body, token, connections, perSecond } = JSON.parse(process.argv[2] ?? '{}')
const agent = new Agent({ keepAlive: true, maxSockets: connections ?? 1024 })
const answers: [status: number, milliseconds: number][] = []
setPriority(0, nice)

function ask(): Promise<void> {
  const startedAt = performance.now()
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (status: number) => {
    answers.push([status, performance.now() - startedAt])
    resolve()
  }
  const sent = request(url, {
    agent,
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
  })
  sent.on('error', () => done(0))
  sent.on('response', (answer) => {
    answer.resume()
    answer.on('end', () => done(answer.statusCode ?? 0))
  })
  sent.end(body)
  return promise
}

const endsAt = performance.now() + seconds * 1000
const isOver = () => performance.now() >= endsAt

async function askWithoutPause(): Promise<void> {
  while (!isOver()) await ask()
}

async function askOnTime(): Promise<void> {
  const asked: Promise<void>[] = []
  const startedAt = performance.now()
  while (!isOver()) {
    asked.push(ask())
    await setTimeout(Math.max(0, startedAt + (asked.length * 1000) / perSecond - performance.now()))
  }
  await Promise.all(asked)
}

if (perSecond) await askOnTime()
else await Promise.all(Array.from({ length: connections }, askWithoutPause))
agent.destroy()
process.stdout.write(JSON.stringify(answers))
