/** What commands that run scenarios have in common. */
import type { ArgumentSpec, OptionSpec } from "../command.ts";

export const SCENARIOS = {
  placeholder: "FILE",
  doc: "scenarios, or folders to search for them",
  completes: "scenarios",
  count: "some",
} as const satisfies ArgumentSpec;

export const TRACE = {
  kind: "flag",
  doc: "print every event, one line each",
} as const satisfies OptionSpec;

export const MATCH = {
  kind: "text",
  placeholder: "TEXT",
  doc: "only tests whose name, or whose machine, contains TEXT",
} as const satisfies OptionSpec;

export const SEED = {
  kind: "integer",
  placeholder: "NUMBER",
  doc: "use this seed instead of the file's",
} as const satisfies OptionSpec;
