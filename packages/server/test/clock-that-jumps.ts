/** Loaded before a program: at each SIGUSR2 eleven minutes have passed for it at once. */
const elevenMinutes = 660_000
const realNow = Date.now
let ahead = 0
Date.now = () => realNow() + ahead
process.on('SIGUSR2', () => {
  ahead += elevenMinutes
})
