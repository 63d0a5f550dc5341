import { LISTING_CODES } from "../../instruments/topology/listing_codes.ts";
import { TOPOLOGY as COMMAND } from "../commands/topology.ts";
import type { Extension } from "../extension.ts";

/** What `lspci` prints, read. */
export const TOPOLOGY: Extension = { commands: [COMMAND], codes: LISTING_CODES };
