import { LISTING_CODES } from "./listing_codes.ts";
import { TOPOLOGY as COMMAND } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** What `lspci` prints, read. */
export const TOPOLOGY: Extension = { commands: [COMMAND], codes: LISTING_CODES };
