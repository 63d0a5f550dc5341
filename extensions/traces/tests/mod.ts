/** What tests of other members use of the tests of `extensions/traces`. */
export { readGolden } from "./golden_traces.ts";
