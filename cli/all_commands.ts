/** The commands of the core and of extensions. */
import type { Command, CommandTable } from "./command.ts";
import type { Extension } from "./extension.ts";
import type { Permissions } from "./permissions.ts";
import { CORE_COMMANDS } from "./commands/mod.ts";

/** All commands, in the order in which help lists them. */
export function allCommands(extensions: readonly Extension[]): CommandTable {
  return Object.assign({}, CORE_COMMANDS, ...extensions.map(({ commands }) => commands));
}

/** What each command is permitted to do, by its name. */
export function permissionsOfCommands(commands: readonly Command[]): Permissions {
  return Object.fromEntries(commands.map(({ may, name }) => [name, may]));
}
