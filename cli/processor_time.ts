interface Used {
  readonly user: number;
  readonly system: number;
}

/** Processor time of this thread, in milliseconds; of the whole process where the system does not count threads. */
export function threadMs(): number {
  const process: { cpuUsage(): Used; threadCpuUsage?(): Used } = Reflect.get(
    globalThis,
    "process",
  );
  const { system, user } = process.threadCpuUsage?.() ?? process.cpuUsage();
  return (system + user) / 1000;
}

/**
 * Processor time of all threads of this process, in milliseconds.
 *
 * It uses the global `process`. An import would load Deno's modules for Node at every start,
 * although most runs end before they need the processor time.
 */
export function processorMs(): number {
  const process: { cpuUsage(): Used } = Reflect.get(globalThis, "process");
  const { system, user } = process.cpuUsage();
  return (system + user) / 1000;
}
