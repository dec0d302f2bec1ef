import { registerHooks } from 'node:module'

/**
 * Loads Express as Node alone would.
 *
 * A test runner that sets the condition `import` sets it for `require` too, and Express then gets a module where one
 * of its packages should be a function.
 */
export async function loadExpress() {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (!context.conditions.includes('require')) return next(specifier, context)
      const conditions = context.conditions.filter((name) => name !== 'import' && name !== 'module')
      return next(specifier, { ...context, conditions })
    },
  })
  const { default: express } = await import('express')
  hooks.deregister()
  return express
}
