import { type Environment, type Reading, type SettingName, type SettingValues, settings } from './settings.ts'

/** Every setting of one server, read once. Durations are in seconds. */
export type Config = SettingValues

/** The variables that make no sense, each with what it got and what it takes. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`Cannot start with this configuration: ${problems.join('; ')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads every setting from strings, and reports all that is wrong at once. An empty string counts as unset.
 * Variables that are no settings are ignored. Whether files, hosts and databases exist is not checked here.
 *
 * @throws {ConfigError}
 */
export function loadConfig(environment: Environment): Config {
  const problems: string[] = []
  const values: Partial<Record<SettingName, unknown>> = {}
  for (const name of Object.keys(settings) as SettingName[]) {
    const { fallback, read, ...definition } = settings[name]
    const given = environment[name] || undefined
    const reading: Reading<unknown> = read(given ?? fallback, environment)
    if ('value' in reading) values[name] = reading.value
    else {
      const isSecret = 'isSecret' in definition
      problems.push(`${name} must be ${reading.takes}: it is ${isSecret ? 'not' : quote(given ?? '')}`)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze({ ...(values as SettingValues) })
}

/** What was given, on one line, and without the credentials that an address may carry, however it is written. */
function quote(given: string): string {
  const shown = given
    .replace(/^([a-z-]+:(?:\/\/)?)?.*@/is, '$1***@')
    .replaceAll(/(pass\w*\s*=\s*)('[^']*'|[^\s&]+)/gi, '$1***')
  return JSON.stringify(shown)
}
