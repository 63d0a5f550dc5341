/**
 * Processor time of all threads of this process, in milliseconds.
 *
 * It uses the global `process`. An import would load Deno's modules for Node at every start,
 * although most runs end before they need the processor time.
 */
export function processorMs(): number {
  const process: { cpuUsage(): { readonly user: number; readonly system: number } } = Reflect.get(
    globalThis,
    "process",
  );
  const { system, user } = process.cpuUsage();
  return (system + user) / 1000;
}
