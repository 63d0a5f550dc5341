/** The table of what every run came to. */
import { Digest } from "./digest.ts";
import type { World } from "./worlds.ts";

export const TABLE = new URL("digests.json", import.meta.url);

export function digestOf({ run }: World): string {
  const digest = new Digest();
  run(digest.add);
  return digest.text;
}

export function readTable(): Readonly<Record<string, string>> {
  return JSON.parse(Deno.readTextFileSync(TABLE));
}
