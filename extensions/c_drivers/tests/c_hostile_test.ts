import {
  holdHostileCalls,
  holdHostileFiles,
  openHostileCalls,
  openHostileFiles,
} from "./c_hostile.ts";
import { hostileFiles } from "./c_hostile_files.ts";
import { loadOpened } from "./c_together.ts";

const FILES = hostileFiles(50, 1);
const SEEDS = [1];
const [files, calls] = await loadOpened([openHostileFiles(FILES), openHostileCalls(SEEDS)]);

Deno.test("fifty hostile files in C end in an error of ours each, in the line that does it", () =>
  holdHostileFiles(FILES, files!));

Deno.test("whatever a driver in C does to its host ends in an error of ours, with its place", () =>
  holdHostileCalls(SEEDS, calls!));
