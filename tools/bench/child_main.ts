/** Runs one measurement: `FUNCTION ARGUMENTS` prints what the function returns, as JSON. */
import { measureAnswers } from "./debug/answers.ts";
import { measureKey } from "./debug/frames.ts";
import { measureBroken, measureLoop, measureParse } from "./language.ts";
import { measureLiveBytes } from "./live_bytes.ts";
import { measureGrowth, measureReads } from "./nvme_read.ts";
import { measureCases } from "./random_hunt.ts";
import { measureBytes, measureLooks, measureRate } from "./recording.ts";
import { measureBack, measureLeft, measureLive } from "./repl_moves.ts";

const MEASURES: readonly ((...args: never[]) => unknown)[] = [
  ...[measureAnswers, measureBack, measureBroken, measureBytes, measureCases, measureGrowth],
  ...[
    measureKey,
    measureLeft,
    measureLive,
    measureLiveBytes,
    measureLooks,
    measureLoop,
    measureParse,
  ],
  ...[measureRate, measureReads],
];

const [name, args] = Deno.args;
const measure = MEASURES.find((each) => each.name === name)!;
console.log(JSON.stringify(await measure(...JSON.parse(args!) as never[])));
