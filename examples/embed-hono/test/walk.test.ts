import { embeddedWalk } from '../../testing/embedded-walk.ts'

embeddedWalk('examples/embed-hono/src/main.ts')
