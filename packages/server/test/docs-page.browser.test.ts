import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { createLatchkey } from '../src/index.ts'

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** A browser that reaches nothing but this machine. */
async function openPage() {
  const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update']
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: [...flags, '--disable-sync', '--no-first-run'],
  })
  onTestFinished(() => browser.close())
  return browser.newPage()
}

async function startServer(): Promise<string> {
  const latchkey = createLatchkey({ databaseUrl: 'sqlite::memory:', logLevel: 'silent', metrics: 'public' })
  await latchkey.migrate()
  const server = createServer(latchkey.nodeListener)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    await latchkey.close()
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.skipIf(!existsSync(browserPath))(
  '/docs shows every operation in a real browser, asks no other host and breaks no content policy [ASVS 3.4.3]',
  async () => {
    const url = await startServer()
    const page = await openPage()
    const complaints: string[] = []
    const asked = new Set<string>()
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => asked.add(new URL(request.url()).protocol + new URL(request.url()).host))

    await page.goto(`${url}/docs`)
    await page.locator('#operations-Sessions-logIn').click()
    await page.locator('#operations-Sessions-logIn .try-out__btn').click()

    expect(await page.locator('.opblock').count()).toBeGreaterThanOrEqual(11)
    expect(complaints).toEqual([])
    expect([...asked].filter((host) => host !== `http:${new URL(url).host}` && host !== 'data:')).toEqual([])
    await page.screenshot({ path: process.env['SCREENSHOT'] ?? '/dev/null', type: 'png' })
  },
)
