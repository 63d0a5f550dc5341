/** The commands of the core and of all extensions. */
import { loadCommands } from "@dmalab/cli/command";
import { allCommands, permissionsOfCommands } from "@dmalab/cli/all_commands";
import * as extensions from "./extensions.ts";

/** In the order in which help lists them. */
export const COMMANDS = await loadCommands(allCommands(Object.values(extensions)));

export const PERMISSIONS = permissionsOfCommands(COMMANDS);
