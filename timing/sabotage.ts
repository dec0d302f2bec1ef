/**
 * Makes a server leak, so that the measurement has something to find: it changes `flows/log-in.ts` as it is loaded.
 * Nothing of the product knows of it.
 *
 *   node --import 'file:///.../timing/sabotage.ts?no-decoy'     an unknown email costs no hash
 *   node --import 'file:///.../timing/sabotage.ts?delay=50'     a known one costs 50 microseconds more
 */
import { registerHooks } from 'node:module'

const victim = '/flows/log-in.ts'
const comparison = 'const matches = await passwords.matches('
const { searchParams } = new URL(import.meta.url)

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(victim)) return loaded
    const source = String(loaded.source)
    if (source.split(comparison).length !== 2) throw new Error(`Cannot sabotage ${victim}: it reads otherwise now`)
    return { ...loaded, source: source.replace(comparison, sabotaged()) }
  },
})

function sabotaged(): string {
  if (searchParams.has('no-decoy')) return comparison.replace('await', 'isKnown && await')
  const milliseconds = Number(searchParams.get('delay')) / 1000
  if (!(milliseconds > 0)) throw new Error('Cannot sabotage: say no-decoy, or a delay in microseconds')
  const spin = `for (const end = performance.now() + ${milliseconds}; isKnown && performance.now() < end; );`
  return `${spin}\n${comparison}`
}
