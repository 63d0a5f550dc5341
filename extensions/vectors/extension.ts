import { VECTORS as COMMAND } from "../commands/vectors.ts";
import type { Extension } from "../extension.ts";

/** Test vectors of NVMe commands. */
export const VECTORS: Extension = { commands: [COMMAND] };
