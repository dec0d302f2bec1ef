import { z } from '@hono/zod-openapi'
import { Refusal } from '../../domain/refusal.ts'
import { answer } from '../answer.ts'
import { answerJson, type Endpoint, failures, success } from '../endpoint.ts'

const statusSchema = z.object({ status: z.literal('ok') }).openapi('Status')

export const healthEndpoints: Endpoint[] = [
  {
    route: {
      method: 'get',
      path: '/healthz',
      operationId: 'readHealth',
      summary: 'Whether the process answers',
      tags: ['Operations'],
      responses: { 200: success('It does', statusSchema) },
    },
    handle: (c) => answerJson(c, { status: 'ok' }),
  },
  {
    route: {
      method: 'get',
      path: '/readyz',
      operationId: 'readReadiness',
      summary: 'Whether requests can be served now',
      tags: ['Operations'],
      responses: { 200: success('They can', statusSchema), ...failures(503) },
    },
    handle: async (c, { assertReady }) => {
      try {
        await assertReady()
      } catch (cause) {
        throw new Refusal('UNAVAILABLE', { retryAfterSeconds: 1, cause })
      }
      return answerJson(c, { status: 'ok' })
    },
  },
]

export const metricsEndpoint: Endpoint = {
  route: {
    method: 'get',
    path: '/metrics',
    operationId: 'readMetrics',
    summary: 'Metrics in the text format of Prometheus',
    tags: ['Operations'],
    responses: { 200: { description: 'The metrics', content: { 'text/plain': { schema: { type: 'string' } } } } },
  },
  handle: async (c, { metrics }) => answer(c, await metrics.render(), 200, { 'content-type': metrics.contentType }),
}
