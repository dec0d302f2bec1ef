/**
 * A load in a process of its own, at a priority of its own. It is told the job by its parent, and tells it the statuses
 * and latencies of all answers.
 */
import type { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { exchange, open } from './drive.ts'

/**
 * With `connections`, as many ask without pause: each request once, or over and over for `seconds`. With `perSecond`,
 * requests start on time, whatever became of the others.
 */
export type Job = { port: number; nice: number; requests: readonly string[] } & (
  | { connections: number; seconds?: number }
  | { perSecond: number; seconds: number }
)
export type Outcome = { answers: [status: number, milliseconds: number][]; milliseconds: number }

async function run(job: Job): Promise<Outcome> {
  const { port, requests, seconds } = job
  const answers: Outcome['answers'] = []
  const startedAt = performance.now()
  const isOver = () => seconds !== undefined && performance.now() - startedAt >= seconds * 1000
  const free: Socket[] = []
  let sent = 0

  async function ask(socket: Socket): Promise<void> {
    const { status, milliseconds } = await exchange(socket, requests[sent++ % requests.length] ?? '')
    answers.push([status, milliseconds])
  }

  async function askWithoutPause(): Promise<void> {
    const socket = await open(port)
    while (!isOver() && (seconds !== undefined || sent < requests.length)) await ask(socket)
    socket.destroy()
  }

  async function askOnTime(perSecond: number): Promise<void> {
    const asked: Promise<void>[] = []
    while (!isOver()) {
      asked.push(
        (async () => {
          const socket = free.pop() ?? (await open(port))
          await ask(socket)
          free.push(socket)
        })(),
      )
      await setTimeout(Math.max(0, startedAt + (asked.length * 1000) / perSecond - performance.now()))
    }
    await Promise.all(asked)
    for (const socket of free) socket.destroy()
  }

  if ('perSecond' in job) await askOnTime(job.perSecond)
  else await Promise.all(Array.from({ length: job.connections }, askWithoutPause))
  return { answers, milliseconds: performance.now() - startedAt }
}

process.on('message', async (job: Job) => {
  setPriority(0, job.nice)
  process.send?.(await run(job))
})
