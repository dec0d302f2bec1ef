import type { Profiler } from 'node:inspector'

/** Where a program is, in the words of the page, by the address of the source. The first that fits counts. */
const places: readonly [name: string, source: RegExp][] = [
  ['SQLite itself, called by `storage/sqlite-dialect.ts`', /\/src\/storage\/sqlite-dialect\./],
  ['`storage/`: the rest', /\/src\/storage\//],
  ['Kysely', /\/kysely\//],
  ['`flows/`', /\/src\/flows\//],
  ['`hashing/`: the way to a hash thread and back', /\/src\/hashing\//],
  ['`crypto/`: signing, sealing, digests', /\/src\/crypto\//],
  ['`http/`', /\/src\/http\//],
  ['Hono, and its server for Node', /\/node_modules\/(@hono|hono)\//],
  ['zod: what a body must be', /\/node_modules\/(zod|@asteasolutions)\//],
  ['pino: the log', /\/node_modules\/(pino|sonic-boom|quick-format-unescaped|safe-stable-stringify)|\/src\/cli\/log\./],
  ['prom-client: the metrics', /\/node_modules\/prom-client\//],
  [
    'Node: HTTP, sockets, streams',
    /^node:(_http|net|stream|internal\/(streams|stream_base|http|net|js_stream)|events|buffer)/,
  ],
  ['Node: handing a sync to a thread', /^node:(fs|internal\/fs)/],
  ['Node: OpenSSL', /^node:internal\/crypto/],
  ['Node: `Headers`, `Request` and the like', /^node:internal\/deps\/undici/],
  ['Node: the rest', /^node:/],
  ['The rest of ours', /\/packages\/(server|verify)\//],
]
const rest = 'Libraries not named here'

/**
 * The share of each place in the time that a profile saw its thread at work, by name. Native code, which has no address,
 * counts for whoever called it. What ran outside of JavaScript is told by V8's own names.
 */
export function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Map<string, number> {
  const nodeOf = new Map(nodes.map((node) => [node.id, node]))
  const callerOf = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))

  function placeOf(id: number | undefined): string | undefined {
    const frame = id === undefined ? undefined : nodeOf.get(id)?.callFrame
    if (!frame || frame.functionName === '(idle)' || frame.functionName === '(root)') return undefined
    if (frame.functionName === '(garbage collector)') return 'Garbage collection'
    if (frame.functionName === '(program)') return 'Node outside JavaScript'
    if (frame.url === '') return placeOf(id === undefined ? undefined : callerOf.get(id)) ?? 'Node outside JavaScript'
    return places.find(([, source]) => source.test(frame.url))?.[0] ?? rest
  }

  const times = new Map<string, number>()
  for (const [at, id] of samples.entries()) {
    const place = placeOf(id)
    if (place !== undefined) times.set(place, (times.get(place) ?? 0) + (timeDeltas[at] ?? 0))
  }
  const all = [...times.values()].reduce((sum, time) => sum + time, 0)
  return new Map([...times].map(([place, time]) => [place, time / all]))
}
