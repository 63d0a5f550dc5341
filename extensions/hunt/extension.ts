import { HUNT as COMMAND } from "../commands/hunt.ts";
import type { Extension } from "../extension.ts";
import type { DriverJob } from "./driver_job.ts";
import type { TurnJob } from "./turn_job.ts";

/** Random requests and drivers, searched for defects. */
export const HUNT: Extension = {
  commands: [COMMAND],
  jobRunners: {
    turn: async (first: TurnJob) => await (await import("./turn_job.ts")).TurnRunner.open(first),
    driver: async (first: DriverJob) =>
      await (await import("./driver_job.ts")).DriverRunner.open(first),
  },
};
