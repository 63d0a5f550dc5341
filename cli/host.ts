/**
 * The host: Deno, or on Node what gives the same. All of `cli/` that users get asks it here.
 *
 * What only Node needs is a file of its own beside the bundle, under a name that no bundler
 * follows: with it in sight, every start under Deno would load Deno's own modules for Node.
 */
const node = "Deno" in globalThis ? null : await nodeHost();

export const host: typeof Deno = node === null ? Deno : node.NODE_HOST;

/** A variable of the environment; null where it is not set, or may not be read. */
export function allowedVariable(variable: string): string | null {
  const { state } = host.permissions.querySync({ name: "env", variable });
  return state === "granted" ? host.env.get(variable) ?? null : null;
}

/** What this program uses of a worker. */
export type HostWorker = Pick<Worker, "onerror" | "onmessage" | "postMessage" | "terminate">;

/** Starts a worker from the address of a module. */
export function startWorker(url: string | URL): HostWorker {
  if (node === null) return new Worker(url, { type: "module" });
  return new node.NodeWorker(url) as HostWorker;
}

async function nodeHost(): Promise<
  typeof import("./node/host.ts") & typeof import("./node/worker.ts")
> {
  return await import(new URL("./node_host.js", import.meta.url).href);
}
