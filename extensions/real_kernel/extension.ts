import { KERNEL } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** Scenarios on the user's own kernel in QEMU. */
export const REAL_KERNEL: Extension = { commands: [KERNEL] };
