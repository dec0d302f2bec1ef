import { first } from './first.ts'
import { flood } from './flood.ts'
import { hono } from './hono.ts'
import { known } from './known.ts'
import { load } from './load.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import type { Part } from './report.ts'
import { peers } from './rivals-part.ts'
import { streams } from './streams.ts'

/** In the order of the page. */
export const parts: readonly Part[] = [known, first, hono, load, logout, streams, flood, login, peers]
