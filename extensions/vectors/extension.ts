import { VECTORS as COMMAND } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** Test vectors of NVMe commands. */
export const VECTORS: Extension = { commands: [COMMAND] };
