/**
 * Better Auth as its documentation sets it up (https://better-auth.com/docs): email and password, the JWT plugin, the
 * SQLite inside Node, mounted in Hono on `@hono/node-server`.
 *
 *   node bench/better-auth.ts '{"folder", "hashes", "limits"}'
 *
 * Without `hashes` every password matches at no cost.
 */
import { DatabaseSync } from 'node:sqlite'

// Installed by the bench alone: the compiler of the workspace must not look for them.
const load = (name: string) => import(name)
const { betterAuth } = await load('better-auth')
const { getMigrations } = await load('better-auth/db/migration')
const { jwt } = await load('better-auth/plugins')
const { Hono } = await load('hono')
const { serve } = await load('@hono/node-server')

const { folder, hashes, limits } = JSON.parse(process.argv[2] ?? '{}')
const app = new Hono()
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, async ({ port }: { port: number }) => {
  const auth = betterAuth({
    baseURL: `http://localhost:${port}`,
    trustedOrigins: ['http://localhost'],
    secret: 'a secret of the bench, which guards nothing at all',
    database: new DatabaseSync(`${folder}/better-auth.db`),
    emailAndPassword: {
      enabled: true,
      ...(!hashes && { password: { hash: async () => 'none', verify: async () => true } }),
    },
    rateLimit: { enabled: limits },
    plugins: [jwt()],
  })
  const { runMigrations } = await getMigrations(auth.options)
  await runMigrations()
  app.on(['POST', 'GET'], '/api/auth/*', (c: { req: { raw: Request } }) => auth.handler(c.req.raw))
  process.stderr.write(`listens on http://localhost:${port}\nIssuer\n`)
})
process.on('SIGTERM', () => server.close(() => process.exit(0)))
