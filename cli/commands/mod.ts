/** The commands of the core, in the order in which help lists them. */
import type { CommandTable } from "../command.ts";

export const CORE_COMMANDS: CommandTable = {
  run: async () => (await import("./run.ts")).RUN,
  test: async () => (await import("./test_command.ts")).TEST,
  check: async () => (await import("./check.ts")).CHECK,
  fmt: async () => (await import("./fmt.ts")).FMT,
  bench: async () => (await import("./bench.ts")).BENCH,
  repl: async () => (await import("./repl.ts")).REPL,
  debug: async () => (await import("./debug.ts")).DEBUG,
  explain: async () => (await import("./explain.ts")).EXPLAIN,
  releases: async () => (await import("./releases.ts")).RELEASES,
  init: async () => (await import("./init.ts")).INIT,
};
