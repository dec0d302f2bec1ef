import { setTimeout } from 'node:timers/promises'
import { type Answer, exchange, open } from './drive.ts'
import { addressOf, type Guessed, type Guesses, loginFrom } from './flood-requests.ts'
import { startHelper } from './helper.ts'
import { quantile } from './measure.ts'
import { atMost, type Finding, finding, type Part } from './report.ts'
import { person, type Server, startLatchkey } from './server.ts'

/** `addresses` spend their attempts, and `more` come after them: more keys in all than a limit keeps. */
type Size = {
  cost: string
  guessers: number
  guessSeconds: number
  addresses: number
  perSecond: number
  floodSeconds: number
  more: number
  sample: number
}

/** As the limits of a server are, but that no window ends before the flood does. */
const attempts = 5
const settings = { RATE_LIMIT_LOGIN: `${attempts}/hour`, RATE_LIMIT_ACCOUNT: '10/hour', TRUSTED_PROXIES: '127.0.0.1' }
const maxGuesses = 10
const stranger = { email: 'bob@example.com', password: 'Correct-Horse-8-Battery' }
const pauseMilliseconds = 100
/** SECURITY.md, under a flood of addresses: so much for each limit that is counted in memory. */
const maxGrownMegabytes = 100
/** With the program, its threads, and what is left lying until it is collected: a container of 1 GB bears the flood. */
const maxResidentMegabytes = 768
/** What a login may wait for its hash by default, and some time for the hash and for a loop that is never idle. */
const maxLoginMilliseconds = 3_000

/** Logins that are refused by the ten thousand, and what others notice of them. */
export const flood: Part = {
  name: 'flood',
  title: 'Guesses from 100,000 addresses',

  async measure({ isSmoke, progress }) {
    const size: Size = isSmoke
      ? {
          cost: '4',
          guessers: 50,
          guessSeconds: 0.2,
          addresses: 200,
          perSecond: 2000,
          floodSeconds: 0.2,
          more: 200,
          sample: 50,
        }
      : {
          cost: '12',
          guessers: 1_000,
          guessSeconds: 10,
          addresses: 100_000,
          perSecond: 10_000,
          floodSeconds: 30,
          more: 200_000,
          sample: 1_000,
        }
    const isCheap = size.cost === '4' ? { NODE_ENV: 'test' } : {}
    await using server = await startLatchkey({ ...settings, ...isCheap, BCRYPT_COST: size.cost })
    const owner = await clientOf(server, { account: person, kind: 'browser', addresses: 200 << 16 })
    const other = await clientOf(server, { account: stranger, kind: 'program', addresses: 201 << 16 })

    using guessers = startHelper<Guesses, Guessed>('flood-client.ts')
    const guess: Guess = (job) => guessers.run({ port: server.port, ...job })
    const before = await memoryOf(server)
    progress(`${size.guessers} guessers at a time at one account, whose owner logs in`)
    const guesses = await guessAtOne(guess, owner, size)
    progress(`${size.guessers} guessers at a time, each at another account`)
    const sprayed = await guessAtAll(guess, owner, size)
    progress(`${size.addresses} addresses spend their attempts`)
    const flooded = await floodOf({ server, before, other, guess, progress }, size)
    return [...guesses, ...sprayed, ...flooded]
  },
}

/** Thousands from as many addresses at one account; the owner has been on this device before, and never at this address. */
async function guessAtOne(guess: Guess, owner: Client, { guessers, guessSeconds }: Size): Promise<Finding[]> {
  const guesses = guess({
    email: person.email,
    connections: guessers,
    addresses: { first: 210 << 16, count: guessers },
    total: { seconds: guessSeconds },
  })
  const owned = await owner.logInUntil(guesses)
  const { answered } = await guesses
  const heard = answered[401] ?? 0
  return [
    finding(`Guesses of ${guessers} at a time, in ${guessSeconds} s`, count(sumOf(answered))),
    atMost('Of them heard, with 10 in an hour by the limit', heard, maxGuesses, '', 0),
    atMost(
      'Answered otherwise than by 401, 503 or a limit',
      otherThan(answered, ['401', '503', 'account', 'login']),
      0,
      '',
      0,
    ),
    ...loginFindings('The owner, on a known device at new addresses', owned),
  ]
}

/** Each guess at an account of its own, from addresses of their own: no limit stops them, and each is a password to hash. */
async function guessAtAll(guess: Guess, owner: Client, { guessers, guessSeconds }: Size): Promise<Finding[]> {
  const guesses = guess({
    connections: guessers,
    addresses: { first: 220 << 16, count: 20 * guessers },
    total: { seconds: guessSeconds },
  })
  const owned = await owner.logInUntil(guesses)
  const { answered } = await guesses
  return [
    finding(`Guesses of ${guessers} at a time, each at another account, in ${guessSeconds} s`, count(sumOf(answered))),
    finding('Of them refused because too many waited for a hash (503)', count(answered[503] ?? 0)),
    ...loginFindings('Somebody known by device, meanwhile', owned),
  ]
}

type Scene = { server: Server; before: Memory; other: Client; guess: Guess; progress(text: string): void }

async function floodOf({ server, before, other, guess, progress }: Scene, size: Size): Promise<Finding[]> {
  const { addresses, perSecond, floodSeconds, more, sample } = size
  const common = { email: person.email, connections: 256 }
  const all = { first: 0, count: addresses }
  const idle = await other.logInTimes(5)

  const spent = await guess({ ...common, addresses: all, total: attempts * addresses })
  const filled = await memoryOf(server)
  progress(`${perSecond} requests a second from the same addresses`)
  const flooding = guess({ ...common, addresses: all, total: { seconds: floodSeconds }, perSecond })
  const [logins, refused] = await Promise.all([other.logInUntil(flooding), flooding])
  const after = await memoryOf(server)
  progress(`${more} addresses more`)
  const further = await guess({ ...common, addresses: { first: addresses, count: more }, total: more })
  const full = await memoryOf(server)
  const again = await guess({ ...common, addresses: { first: 0, count: sample }, total: sample })

  const cpu = (after.loopMicroseconds - filled.loopMicroseconds) / sumOf(refused.answered)
  const rate = sumOf(refused.answered) / (refused.milliseconds / 1000)
  const grown = (now: Memory) =>
    `${megabytes(now.heap - before.heap)} heap, ${megabytes(now.resident - before.resident)} resident`
  return [
    finding(`Attempts of ${count(addresses)} addresses, ${attempts} each`, count(sumOf(spent.answered))),
    finding(`Offered in a second, by addresses over their limit, for ${floodSeconds} s`, count(perSecond)),
    finding('Answered in a second', count(rate)),
    finding('CPU of the event loop for each', `${cpu.toFixed(0)} µs`),
    atMost('Answered otherwise than by the limit of their address', otherThan(refused.answered, ['login']), 0, '', 0),
    finding('A login of another address before, p50', p50Of(idle)),
    ...loginFindings('Others, at new addresses, meanwhile', logins),
    finding('Memory of the server, growth by the addresses', grown(filled)),
    finding('The same after the flood', grown(after)),
    finding(`The same after ${count(sumOf(further.answered))} addresses more, one attempt each`, grown(full)),
    atMost('Heap, growth in all', (full.heap - before.heap) / 1e6, maxGrownMegabytes, ' MB', 1),
    atMost('Resident in all, at most at any time', server.peakBytes() / 1e6, maxResidentMegabytes, ' MB', 0),
    atMost(
      `Of the ${count(sample)} addresses blocked first, open again after that`,
      otherThan(again.answered, ['login']),
      0,
      '',
      0,
    ),
  ]
}

function loginFindings(who: string, answers: readonly Answer[]): Finding[] {
  return [
    finding(`${who}: logins`, count(answers.length)),
    atMost('Of them answered otherwise than 200', answers.filter(({ status }) => status !== 200).length, 0, '', 0),
    finding('They took, p50', p50Of(answers)),
    atMost('The slowest', Math.max(...answers.map(({ milliseconds }) => milliseconds)), maxLoginMilliseconds, ' ms', 0),
  ]
}

function p50Of(answers: readonly Answer[]): string {
  const took = answers.map(({ milliseconds }) => milliseconds)
  return `${quantile(took, 0.5).toFixed(0)} ms`
}

type Somebody = { account: typeof person; kind: 'browser' | 'program'; addresses: number }
type Client = Awaited<ReturnType<typeof clientOf>>

/** Somebody with an account, at another address each time. A browser is known by the cookie of an earlier login. */
async function clientOf({ port, post }: Server, { account, kind, addresses }: Somebody) {
  await post('/api/auth/signup', account)
  let device = ''
  let address = addresses

  async function logIn(): Promise<Answer> {
    const headers = kind === 'browser' ? [`Cookie: ${device}`] : []
    const socket = await open(port)
    const answer = await exchange(socket, loginFrom(addressOf(address++), account, headers))
    socket.destroy()
    device = /\r\nset-cookie: (device=[^;]+)/i.exec(answer.text)?.[1] ?? device
    return answer
  }

  async function logInTimes(times: number): Promise<Answer[]> {
    const answers: Answer[] = []
    while (answers.length < times) answers.push(await logIn())
    return answers
  }

  async function logInUntil(others: Promise<unknown>): Promise<Answer[]> {
    let areOver = false
    const over = others.finally(() => {
      areOver = true
    })
    const answers: Answer[] = []
    while (!areOver) {
      await Promise.race([over, setTimeout(pauseMilliseconds)])
      answers.push(await logIn())
    }
    return answers
  }

  await logIn()
  return { logInTimes, logInUntil }
}

type Memory = { heap: number; resident: number; loopMicroseconds: number }

async function memoryOf(server: Server): Promise<Memory> {
  const { loopMicroseconds } = await server.usage()
  return { heap: await server.heapBytes(), resident: server.residentBytes(), loopMicroseconds }
}

type Guess = (job: Omit<Guesses, 'port'>) => Promise<Guessed>

function otherThan(answered: Guessed['answered'], kinds: readonly string[]): number {
  return sumOf(answered) - kinds.reduce((sum, kind) => sum + (answered[kind] ?? 0), 0)
}

function sumOf(answered: Guessed['answered']): number {
  return Object.values(answered).reduce((sum, times) => sum + times, 0)
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
