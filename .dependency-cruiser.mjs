/** The rooms of the house and who may import whom: ARCHITECTURE.md explains them, this file holds them. */
const server = '^packages/server/src'
const room = (name) => `${server}/${name}/`

/** A room, and the only places inside our own sources that it may import besides itself. */
const mayImportOnly = (name, allowed) => ({
  name: `${name}-stands-on-what-is-below`,
  severity: 'error',
  from: { path: room(name), pathNot: '\\.test\\.ts$' },
  to: { path: '^packages/', pathNot: [room(name), ...allowed] },
})

export default {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      // It has a lockfile of its own, which is installed with its first run.
      from: { pathNot: '^mutants/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'verify-stands-alone',
      severity: 'error',
      from: { path: '^packages/verify/src', pathNot: '\\.test\\.ts$' },
      to: { path: ['^packages/server', '^examples'] },
    },
    {
      name: 'verify-has-no-runtime-dependency',
      severity: 'error',
      from: { path: '^packages/verify/src', pathNot: ['\\.test\\.ts$', '/src/testing/'] },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'domain-imports-nothing',
      severity: 'error',
      from: { path: room('domain'), pathNot: '\\.test\\.ts$' },
      to: { pathNot: [room('domain')] },
    },
    {
      name: 'config-imports-nothing-of-ours',
      severity: 'error',
      from: { path: room('config'), pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/', pathNot: [room('config')] },
    },
    mayImportOnly('crypto', [room('domain')]),
    mayImportOnly('hashing', [room('domain'), room('crypto')]),
    mayImportOnly('storage', [room('domain')]),
    mayImportOnly('limits', [room('domain')]),
    mayImportOnly('flows', [room('domain'), room('crypto'), room('hashing')]),
    {
      name: 'http-asks-the-waist',
      severity: 'error',
      from: { path: room('http'), pathNot: '\\.test\\.ts$' },
      to: {
        path: '^packages/',
        pathNot: [room('http'), `${server}/auth\\.ts$`, room('domain'), '^packages/verify/src'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'http-takes-types-only-from-flows',
      severity: 'error',
      from: { path: room('http'), pathNot: '\\.test\\.ts$' },
      to: { path: [room('storage'), room('crypto'), room('hashing'), room('cli'), room('limits'), room('config')] },
    },
    {
      name: 'nothing-imports-the-face',
      severity: 'error',
      from: { path: '^packages/server/src', pathNot: '\\.test\\.ts$' },
      to: {
        path: [`${server}/index\\.ts$`, '^packages/verify/src/index\\.ts$'],
        pathNot: '^packages/verify/src/index\\.ts$',
      },
    },
    {
      name: 'nothing-stands-on-the-top-floor',
      severity: 'error',
      from: {
        path: '^packages/server/src',
        pathNot: [room('cli'), room('testing'), '\\.test\\.ts$', `${server}/index\\.ts$`],
      },
      to: { path: room('cli') },
    },
    {
      name: 'only-http-knows-hono',
      severity: 'error',
      from: {
        path: '^packages/server/src',
        pathNot: [room('http'), room('cli'), '\\.test\\.ts$', `${server}/index\\.ts$`],
      },
      to: { path: 'node_modules/(@hono|hono)/' },
    },
    {
      name: 'only-storage-knows-sql',
      severity: 'error',
      from: { path: '^packages/server/src', pathNot: [room('storage'), room('testing'), '\\.test\\.ts$'] },
      to: { path: ['node_modules/kysely/', 'node_modules/pg/', '^node:sqlite$'] },
    },
    {
      name: 'examples-use-what-is-published',
      severity: 'error',
      from: { path: '^examples/' },
      to: {
        path: '^packages/(verify|server)/src/',
        pathNot: [
          '^packages/verify/src/(index|hono|express|fastify|fetch|problem|strict-json)\\.ts$',
          '^packages/server/src/index\\.ts$',
        ],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['/dist/', '/vectors/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['latchkey-source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json', '.d.ts'],
    },
  },
}
