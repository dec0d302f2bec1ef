import { z } from '@hono/zod-openapi'
import { Refusal } from '../../domain/refusal.ts'
import { answer, setHeaders } from '../answer.ts'
import type { HttpContext } from '../context.ts'
import { answerJson, type Endpoint, failures, success } from '../endpoint.ts'

export const statusListsPath = '/.well-known/status-lists'

const cursorHeader = {
  'Revocation-Cursor': {
    description: 'Ends of sessions up to this one are told; the `Last-Event-ID` from which the stream goes on',
    schema: { type: 'string' as const },
  },
}
const addressesSchema = z.object({ status_lists: z.array(z.url()) }).openapi('StatusLists')
const notModified = {
  description: 'Unchanged since the version that `If-None-Match` names',
  headers: cursorHeader,
}

/** By name, and not with a weight of nothing (RFC 9110, section 12.5.3). */
const gzipIsTaken = /(^|,)\s*gzip\s*(;\s*q\s*=\s*(1(\.0*)?|0\.[0-9]*[1-9][0-9]*)\s*)?(,|$)/i

/** The lists of revoked sessions, as any verifier of the Token Status List draft reads them. */
export const statusListEndpoints: Endpoint[] = [
  {
    route: {
      method: 'get',
      path: statusListsPath,
      operationId: 'listStatusLists',
      summary: 'Where the status lists are (draft-ietf-oauth-status-list, section 9)',
      description: 'The lists of all sessions whose tokens may live.',
      tags: ['Tokens'],
      responses: { 200: success('The addresses of the lists', addressesSchema), ...failures(429) },
    },
    handle: async (c, { statusLists }) => {
      const { uris, cursor } = await statusLists.addresses()
      openToAll(c, cursor)
      setHeaders(c, { 'cache-control': 'no-cache' })
      return answerJson(c, { status_lists: uris })
    },
  },
  {
    route: {
      method: 'get',
      path: `${statusListsPath}/{list}`,
      operationId: 'readStatusList',
      summary: 'A signed status list (draft-ietf-oauth-status-list, section 5.1)',
      description:
        'One bit for each session: 1 is revoked. Access tokens name their list and index in `status`. In gzip for who ' +
        'takes it. With `time` in the query 501: what a list was at another time is not told.',
      tags: ['Tokens'],
      request: { params: z.object({ list: z.string().regex(/^(0|[1-9][0-9]{0,9})$/) }) },
      responses: {
        200: {
          description: 'The Status List Token',
          headers: cursorHeader,
          content: { 'application/statuslist+jwt': { schema: { type: 'string' } } },
        },
        304: notModified,
        ...failures(404, 429, 501),
      },
    },
    handle: async (c, { statusLists, settings }) => {
      if (c.req.query('time') !== undefined) throw new Refusal('NOT_IMPLEMENTED')
      const list = c.req.param('list') ?? ''
      const published = /^(0|[1-9][0-9]{0,9})$/.test(list) ? await statusLists.read(Number(list)) : undefined
      if (!published) throw new Refusal('NOT_FOUND')

      const tag = `W/"${published.tag}"`
      openToAll(c, published.cursor)
      const caching = `public, max-age=${settings.statusListTtlSeconds}`
      setHeaders(c, { 'cache-control': caching, etag: tag, vary: 'Accept-Encoding' })
      if (isKnown(c.req.header('if-none-match'), tag)) return answer(c, null, 304)

      setHeaders(c, { 'content-type': 'application/statuslist+jwt' })
      if (!gzipIsTaken.test(c.req.header('accept-encoding') ?? '')) return answer(c, published.token, 200)
      const bytes = published.inGzip()
      return answer(c, bytes, 200, { 'content-encoding': 'gzip', 'content-length': String(bytes.length) })
    },
  },
]

/** Nothing in the lists is secret, and a page on another site may verify too. */
function openToAll(c: HttpContext, cursor: number): void {
  setHeaders(c, {
    'revocation-cursor': String(cursor),
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
  })
}

function isKnown(ifNoneMatch: string | undefined, tag: string): boolean {
  const known = ifNoneMatch?.split(',').map((one) => one.trim()) ?? []
  return known.includes(tag) || known.includes(tag.slice(2)) || known.includes('*')
}
