/** Loaded before a server that is measured: it tells its parent what its process used. The server itself knows nothing of it. */
export type Usage = { cpuMicroseconds: number; loopMicroseconds: number; heapBytes: number }

process.on('message', () => {
  globalThis.gc?.()
  const [all, loop] = [process.cpuUsage(), process.threadCpuUsage()]
  const usage: Usage = {
    cpuMicroseconds: all.user + all.system,
    loopMicroseconds: loop.user + loop.system,
    heapBytes: process.memoryUsage().heapUsed,
  }
  process.send?.(usage)
})
process.channel?.unref()
