/** What extensions add. Their commands are in `all_commands.ts`, which commands do not load. */
import * as extensions from "./commands.ts";
import type { Extension } from "./extension.ts";

export const EXTENSIONS: readonly Extension[] = Object.values(extensions);

/** What the first extension that has such a part adds; undefined without one. */
export function extensionPart<K extends keyof Extension>(part: K): Extension[K] | undefined {
  return EXTENSIONS.find((extension) => extension[part] !== undefined)?.[part];
}
