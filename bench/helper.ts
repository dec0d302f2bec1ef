import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Another program of the bench: it answers each job with a message. */
export type Helper<Job, Outcome> = Disposable & { run(job: Job): Promise<Outcome> }

/** Starts a program of this folder in a process of its own, which ends with this. */
export function startHelper<Job extends object, Outcome>(program: string): Helper<Job, Outcome> {
  const child = fork(join(import.meta.dirname, program), { execArgv: ['--conditions=latchkey-source'] })
  const lost = once(child, 'exit').then(([code]) => {
    throw new Error(`Cannot measure: ${program} ended by itself, with ${code}`)
  })
  lost.catch(() => {})
  return {
    async run(job) {
      child.send(job)
      const [outcome] = await Promise.race([once(child, 'message'), lost])
      return outcome
    },
    [Symbol.dispose]: () => {
      if (child.connected) child.disconnect()
    },
  }
}
