/** The releases as a command: runs a scenario on all of them, and prints where and why it turns. */
import { type ReleasesResult, turnsOf } from "../../instruments/releases/turns.ts";
import { painter } from "../../lang/render/paint.ts";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import { HostLoader } from "../host_loader.ts";
import { sayDiagnostics } from "../scenario/diagnostic_style.ts";
import { allLimits, type LimitOption, limitsOf } from "../scenario/limit_options.ts";
import { noTestText } from "../scenario/run_scenarios.ts";
import { readMatches } from "../name_match.ts";
import { refuse, type Screen } from "../screen.ts";
import { releasesJson } from "./releases_json.ts";
import { releasesText } from "./releases_text.ts";

/** What the command line says. */
export interface ReleasesOptions extends Readonly<Record<LimitOption, number | null>> {
  readonly match: readonly string[];
  readonly json: boolean;
}

/** Runs a file on every release. */
export function runReleases(path: string, options: ReleasesOptions, screen: Screen): ExitCode {
  const read = readMatches(options.match);
  if (typeof read === "string") return refuse(read, screen);
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened, screen);
  const result: ReleasesResult = turnsOf({
    ...opened,
    limits: allLimits(limitsOf((option) => options[option])),
    matches: read.matches,
  });
  if ("problems" in result) {
    sayDiagnostics(result.problems, screen);
    return WRONG;
  }
  if (result.tests.length === 0) return refuse(noTestText(read.matches), screen);
  screen.out(
    options.json
      ? `${JSON.stringify(releasesJson(path, result.tests), null, 2)}\n`
      : releasesText(path, result.tests, painter(screen.colour)),
  );
  return HELD;
}
