/** The commands of the core and of all extensions. */
import { allCommands, permissionsOfCommands } from "@dmalab/cli/all_commands";
import * as extensions from "./extensions.ts";

/** In the order in which help lists them. */
export const COMMANDS = allCommands(Object.values(extensions));

export const PERMISSIONS = permissionsOfCommands(COMMANDS);
