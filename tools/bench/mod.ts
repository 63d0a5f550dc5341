/** The benchmarks of `deno task bench`, in the order in which they run. */
import type { Benchmark } from "./benchmark.ts";
import { C_DRIVERS } from "./c_driver.ts";
import { DEBUG_ANSWERS } from "./debug/answers.ts";
import { DEBUG_FRAMES } from "./debug/frames.ts";
import { DRIVER_HUNT } from "./driver_hunt.ts";
import { IOVA_PAIRS } from "./iova_pair.ts";
import { KEYSTROKES } from "./keystrokes.ts";
import { LANGUAGE } from "./language.ts";
import { LIVE_BYTES } from "./live_bytes.ts";
import { MAPPING_COSTS } from "./mapping_cost.ts";
import { NVME_READS } from "./nvme_read.ts";
import { P2P_MATRIX } from "./p2p_matrix.ts";
import { RANDOM_HUNT } from "./random_hunt.ts";
import { RECORDING } from "./recording.ts";
import { REPL_MOVES } from "./repl_moves.ts";
import { REPL_STARTS } from "./start/repl.ts";
import { START_CHECKOUT, START_COLD } from "./start/cold.ts";
import { START_COMMANDS } from "./start/commands.ts";
import { START_STAGES } from "./start/stages.ts";
import { TRACE_CHECKS } from "./trace_check.ts";
import { VFIO_CALLS } from "./vfio_call.ts";

export const BENCHMARKS: readonly Benchmark[] = [
  START_COLD,
  START_STAGES,
  START_COMMANDS,
  START_CHECKOUT,
  ...REPL_STARTS,
  ...LANGUAGE,
  ...IOVA_PAIRS,
  ...LIVE_BYTES,
  ...MAPPING_COSTS,
  ...VFIO_CALLS,
  P2P_MATRIX,
  DRIVER_HUNT,
  ...RANDOM_HUNT,
  ...NVME_READS,
  ...RECORDING,
  ...REPL_MOVES,
  ...DEBUG_FRAMES,
  ...DEBUG_ANSWERS,
  KEYSTROKES,
  ...TRACE_CHECKS,
  ...C_DRIVERS,
];
