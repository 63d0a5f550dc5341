/** The commands of the core and of the extensions, and what else extensions add. */
import * as extensions from "./commands.ts";
import type { Command } from "./command.ts";
import { CORE_COMMANDS } from "./commands/mod.ts";
import type { Extension } from "./extension.ts";

export const EXTENSIONS: readonly Extension[] = Object.values(extensions);

/** In the order in which help lists them. */
export const COMMANDS: readonly Command[] = [
  ...CORE_COMMANDS,
  ...EXTENSIONS.flatMap(({ commands = [] }) => commands),
];

/** What the first extension that has such a part adds; undefined without one. */
export function extensionPart<K extends keyof Extension>(part: K): Extension[K] | undefined {
  return EXTENSIONS.find((extension) => extension[part] !== undefined)?.[part];
}
