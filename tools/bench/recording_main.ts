/**
 * Prints what `recording.ts` measures, for a process of its own: `rate` the events a second of a
 * run, `recorded` those of the same run recorded, `bytes` what the recording takes by event, `look`
 * and `worst` the milliseconds of a look at a moment, `back` and `live` those of lines in the REPL, `left` the bytes
 * that a thousand of them leave, `screen-back` and `frame` those of the full-screen debugger,
 * `answers SCENARIO` those of each request to the debug adapter, as an object.
 */
import { measureAnswers } from "./debug/answers.ts";
import { measureFrame, measureScreenBack } from "./debug/frames.ts";
import { measureBytes, measureLooks, measureRate } from "./recording.ts";
import { measureBack, measureLeft, measureLive } from "./repl_moves.ts";

const MEASURES: Readonly<Record<string, () => number | Promise<number | string>>> = {
  rate: () => measureRate(false),
  recorded: () => measureRate(true),
  bytes: measureBytes,
  look: () => measureLooks().medianMs,
  worst: () => measureLooks().worstMs,
  back: measureBack,
  live: measureLive,
  left: measureLeft,
  "screen-back": measureScreenBack,
  frame: measureFrame,
  answers: async () => JSON.stringify(await measureAnswers(Deno.args[1]!)),
};

console.log(await MEASURES[Deno.args[0]!]!());
