import {
  holdHostileCalls,
  holdHostileFiles,
  openHostileCalls,
  openHostileFiles,
} from "./c_hostile.ts";
import { hostileFiles } from "./c_hostile_files.ts";
import { loadOpened } from "./c_together.ts";

const FILES = hostileFiles(500, 1).slice(50);
const SEEDS = [2, 3, 4];
const [files, calls] = await loadOpened([openHostileFiles(FILES), openHostileCalls(SEEDS)]);

Deno.test("450 more hostile files in C end in an error of ours each, in the line that does it", () =>
  holdHostileFiles(FILES, files!));

Deno.test("whatever a driver in C does with more seeds ends in an error of ours, with its place", () =>
  holdHostileCalls(SEEDS, calls!));
