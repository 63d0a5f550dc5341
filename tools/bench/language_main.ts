/** Prints one measurement of the language: see `language.ts`, whose benchmarks start this. */
import { measureLoop, measureParse } from "./language.ts";

const [what] = Deno.args;
console.log(
  what === "parse" ? measureParse() : measureLoop(what === "script" ? "script" : "typescript"),
);
