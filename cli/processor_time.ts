/**
 * Processor time that this process has taken, in milliseconds, of all its threads.
 *
 * By the global name: an import would load Deno's modules for Node at
 * every start, and most runs are over before they ask.
 */
export function processorMs(): number {
  const process: { cpuUsage(): { readonly user: number; readonly system: number } } = Reflect.get(
    globalThis,
    "process",
  );
  const { system, user } = process.cpuUsage();
  return (system + user) / 1000;
}
