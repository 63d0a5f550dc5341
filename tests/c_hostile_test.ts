import { holdHostileCalls, holdHostileFiles } from "./c_hostile.ts";
import { hostileFiles } from "./c_hostile_files.ts";

Deno.test("fifty hostile files in C end in an error of ours each, in the line that does it", () =>
  holdHostileFiles(hostileFiles(50, 1)));

Deno.test("whatever a driver in C does to its host ends in an error of ours, with its place", () =>
  holdHostileCalls([1]));
