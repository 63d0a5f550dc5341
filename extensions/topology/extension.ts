import { LISTING_CODES } from "./listing_codes.ts";
import type { Extension } from "@dmalab/cli/extend";

/** Reads listings of `lspci`. */
export const TOPOLOGY: Extension = {
  commands: { topology: async () => (await import("./command.ts")).TOPOLOGY },
  codes: LISTING_CODES,
};
