import { embeddedWalk } from '../../testing/embedded-walk.ts'

embeddedWalk('examples/embed-express/src/main.ts')
