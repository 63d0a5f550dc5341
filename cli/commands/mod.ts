/** The commands of `dmalab`, in the order in which help lists them. */
import type { Command } from "../command.ts";
import { BENCH } from "./bench.ts";
import { CHECK } from "./check.ts";
import { DAP } from "./dap.ts";
import { DEBUG } from "./debug.ts";
import { EXPLAIN } from "./explain.ts";
import { FMT } from "./fmt.ts";
import { HUNT } from "./hunt.ts";
import { INIT } from "./init.ts";
import { LSP } from "./lsp.ts";
import { RELEASES } from "./releases.ts";
import { REPORT } from "./report.ts";
import { REPL } from "./repl.ts";
import { RUN } from "./run.ts";
import { TEST } from "./test_command.ts";
import { TOPOLOGY } from "./topology.ts";
import { TRACE } from "./trace.ts";
import { TREE } from "./tree.ts";
import { VECTORS } from "./vectors.ts";

export const COMMANDS: readonly Command[] = [
  RUN,
  TEST,
  REPORT,
  CHECK,
  FMT,
  BENCH,
  REPL,
  DEBUG,
  DAP,
  LSP,
  EXPLAIN,
  TOPOLOGY,
  TRACE,
  TREE,
  RELEASES,
  HUNT,
  VECTORS,
  INIT,
];
