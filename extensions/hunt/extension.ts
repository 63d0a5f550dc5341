import type { Extension } from "@dmalab/cli/extend";
import type { DriverJob } from "./cli/driver_job.ts";
import type { TurnJob } from "./cli/batch_job.ts";

/** Searches for defects: with random requests, and in drivers. */
export const HUNT: Extension = {
  commands: { hunt: async () => (await import("./command.ts")).HUNT },
  jobRunners: {
    turn: async (first: TurnJob) => await (await import("./cli/batch_job.ts")).openTurns(first),
    driver: async (first: DriverJob) =>
      await (await import("./cli/driver_job.ts")).openDriverParts(first),
  },
};
