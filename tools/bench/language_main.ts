/** Prints one measurement of the language: see `language.ts`, whose benchmarks start this. */
import { measureBroken, measureLoop, measureParse } from "./language.ts";

const MEASURES: Readonly<Record<string, () => number>> = {
  parse: () => measureParse(),
  broken: () => measureBroken(),
  script: () => measureLoop("script"),
  typescript: () => measureLoop("typescript"),
};

console.log(MEASURES[Deno.args[0]!]!());
