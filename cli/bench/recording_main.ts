/**
 * Prints what `recording.ts` measures, for a process of its own: `rate` the events a second of a
 * run, `recorded` those of the same run recorded, `bytes` what the recording takes by event.
 */
import { measureBytes, measureRate } from "./recording.ts";

const [what] = Deno.args;
console.log(what === "bytes" ? measureBytes() : measureRate(what === "recorded"));
