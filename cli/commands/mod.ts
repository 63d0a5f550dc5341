/** The commands of the core, in the order in which help lists them. */
import type { Command } from "../command.ts";
import { BENCH } from "./bench.ts";
import { CHECK } from "./check.ts";
import { DEBUG } from "./debug.ts";
import { EXPLAIN } from "./explain.ts";
import { FMT } from "./fmt.ts";
import { INIT } from "./init.ts";
import { RELEASES } from "./releases.ts";
import { REPL } from "./repl.ts";
import { RUN } from "./run.ts";
import { TEST } from "./test_command.ts";

export const CORE_COMMANDS: readonly Command[] = [
  RUN,
  TEST,
  CHECK,
  FMT,
  BENCH,
  REPL,
  DEBUG,
  EXPLAIN,
  RELEASES,
  INIT,
];
