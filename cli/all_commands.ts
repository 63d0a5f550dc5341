/** The commands of the core and of the extensions. */
import type { Command } from "./command.ts";
import type { Permissions } from "./permissions.ts";
import { CORE_COMMANDS } from "./commands/mod.ts";
import { EXTENSIONS } from "./extensions.ts";

/** In the order in which help lists them. */
export const COMMANDS: readonly Command[] = [
  ...CORE_COMMANDS,
  ...EXTENSIONS.flatMap(({ commands = [] }) => commands),
];

export const PERMISSIONS: Permissions = Object.fromEntries(
  COMMANDS.map(({ may, name }) => [name, may]),
);
