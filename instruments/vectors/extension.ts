import { VECTORS as COMMAND } from "../../cli/commands/vectors.ts";
import type { Extension } from "../../cli/extension.ts";

/** Test vectors of NVMe commands. */
export const VECTORS: Extension = { commands: [COMMAND] };
