/** The commands of the core and of all extensions. */
import { allCommands, loadCommands, permissionsOfCommands } from "@dmalab/cli/program";
import * as extensions from "./extensions.ts";

/** All commands, in the order in which help lists them. */
export const COMMANDS = await loadCommands(allCommands(Object.values(extensions)));

export const PERMISSIONS = permissionsOfCommands(COMMANDS);
