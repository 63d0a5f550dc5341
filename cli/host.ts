/**
 * The host: Deno, or on Node what gives the same. All of `cli/` that users get asks it here.
 *
 * What only Node needs lies in a file of its own beside the bundle, and is named so that no bundler
 * follows: with it in sight, every start under Deno would load Deno's own modules for Node.
 */
export const host: typeof Deno = "Deno" in globalThis ? Deno : await nodeHost();

async function nodeHost(): Promise<typeof Deno> {
  const module = new URL("./node_host.js", import.meta.url).href;
  const { NODE_HOST } = await import(module) as typeof import("./node_host.ts");
  return NODE_HOST;
}
