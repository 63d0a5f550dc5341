/** The reporters of `dmalab test`, by name. */
import type { Screen } from "../../screen.ts";
import type { ReporterMaker, TestReporter } from "../reporter.ts";
import { jsonReporter, junitReporter, tapReporter } from "./machine.ts";
import { dotReporter, prettyReporter } from "./pretty.ts";

const MAKERS = {
  pretty: prettyReporter,
  dot: dotReporter,
  tap: tapReporter,
  junit: junitReporter,
  json: jsonReporter,
} as const satisfies Record<string, ReporterMaker>;

export type ReporterName = keyof typeof MAKERS;

export function makeReporter(name: ReporterName, screen: Screen): TestReporter {
  return MAKERS[name](screen);
}
