import { OpenAPIHono } from '@hono/zod-openapi'
import { type Endpoint, failures } from './endpoint.ts'

const info = {
  title: 'Latchkey',
  version: '1',
  description:
    'Signup, login, logout and tokens. Every error has one shape; `X-Request-Id` is on every answer. ' +
    'Unknown members of a request body are ignored.',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
}

/** Told before a route is reached: that a request means two things, and that its address has had its share. */
const ofEveryRoute = failures(400, 429)

/** The contract of these endpoints, as an OpenAPI 3.1 document. */
export function contractOf(endpoints: readonly Endpoint[], serverUrl: string) {
  const app = new OpenAPIHono()
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'cookie', {
    type: 'apiKey',
    in: 'cookie',
    name: 'auth-token',
    description: 'Set by signup, login and refresh; `__Host-auth-token` over https.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiBasic', {
    type: 'http',
    scheme: 'basic',
    description: "An API's name, and its credential as the password (`latchkey apis add NAME`).",
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiBearer', {
    type: 'http',
    scheme: 'bearer',
    description: "An API's credential alone.",
  })
  for (const { route } of endpoints) {
    app.openAPIRegistry.registerPath({ ...route, responses: { ...ofEveryRoute, ...route.responses } })
  }
  return app.getOpenAPI31Document({ openapi: '3.1.0', info, servers: [{ url: serverUrl }] })
}
