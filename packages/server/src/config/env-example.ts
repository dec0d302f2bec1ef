import { type SettingName, settings } from './settings.ts'

/** The text of `.env.example`: every variable with its default, and what it means. */
export function envExample(): string {
  const names = Object.keys(settings) as SettingName[]
  const parts = names.map((name) => `# ${settings[name].meaning}\n${name}=${settings[name].fallback}\n`)
  return `# Settings of Latchkey. An empty value counts as unset. docs/configuration.md says more.\n\n${parts.join('\n')}`
}
