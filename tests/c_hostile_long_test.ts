import { holdHostileCalls, holdHostileFiles } from "./c_hostile.ts";
import { hostileFiles } from "./c_hostile_files.ts";

Deno.test("450 more hostile files in C end in an error of ours each, in the line that does it", () =>
  holdHostileFiles(hostileFiles(500, 1).slice(50)));

Deno.test("whatever a driver in C does with more seeds ends in an error of ours, with its place", () =>
  holdHostileCalls([2, 3, 4]));
