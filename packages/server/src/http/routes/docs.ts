import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { answer } from '../answer.ts'
import type { HttpContext } from '../context.ts'
import type { Endpoint } from '../endpoint.ts'

/** Only our own files run, nothing is sent elsewhere, and nobody frames the page. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const library = (name: string) => createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`)
const asset = (name: string) => new URL(`../assets/${name}`, import.meta.url)

const files = {
  '/docs': { type: 'text/html; charset=utf-8', file: () => asset('docs.html') },
  '/docs/docs.js': { type: 'text/javascript; charset=utf-8', file: () => asset('docs.js') },
  '/docs/swagger-ui.css': { type: 'text/css; charset=utf-8', file: () => library('swagger-ui.css') },
  '/docs/swagger-ui-bundle.js': { type: 'text/javascript; charset=utf-8', file: () => library('swagger-ui-bundle.js') },
} as const

/** The interactive reference: pages of this server alone, so it works without a network. */
export const docsEndpoints: Endpoint[] = Object.entries(files).map(([path, { type, file }]) => ({
  route: {
    method: 'get',
    path,
    hide: true,
    responses: { 200: { description: 'A file of the interactive reference' } },
  },
  handle: async (c: HttpContext) => {
    return answer(c, await readFile(file()), 200, { 'content-type': type, 'content-security-policy': pagePolicy })
  },
}))
