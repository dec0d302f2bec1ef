/** Loaded before our server: puts `no-bcrypt.ts` in the place of bcrypt, in the hash threads too. All else is as ever. */
import { registerHooks, syncBuiltinESMExports } from 'node:module'
import threads from 'node:worker_threads'

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === '@node-rs/bcrypt'
      ? { url: new URL('./no-bcrypt.ts', import.meta.url).href, shortCircuit: true }
      : next(specifier, context),
})

if (threads.isMainThread) {
  const { Worker } = threads
  threads.Worker = class extends Worker {
    constructor(file: string | URL, options: threads.WorkerOptions) {
      super(file, { ...options, execArgv: ['--import', import.meta.filename] })
    }
  }
  syncBuiltinESMExports()
}
