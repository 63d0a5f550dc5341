/**
 * Reporters for people. One prints a line for each test, the failures and a summary; the other prints
 * only a dot for each test.
 */
import { givenPermissions } from "../../host.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { painter } from "@dmalab/lang/text";
import {
  failureLines,
  headLine,
  incidentLines,
  outcomeLine,
  summaryLines,
} from "../../scenario/report_printer.ts";
import { SpacedLines } from "../../scenario/spaced_lines.ts";
import type { Screen } from "../../screen.ts";
import type { FileEvent } from "../file_run.ts";
import type { RunSummary, TestReporter } from "../reporter.ts";

export function prettyReporter(screen: Screen): TestReporter {
  const paint = painter(screen.colour);
  let lines = new SpacedLines(screen);
  let shown = new Set<string>();
  return {
    forPeople: true,
    event(event: FileEvent): void {
      switch (event.kind) {
        case "problems":
          screen.err(event.text);
          return;
        case "start":
          lines = new SpacedLines(screen);
          shown = new Set();
          if (event.tests > 0) lines.head(headLine(event.tests, event.file, paint));
          return;
        case "trace":
          lines.body(event.text);
          return;
        case "line":
          lines.body(printable(event.text));
          return;
        case "outcome": {
          const line = outcomeLine(event.outcome, paint);
          if (line !== null) lines.verdict(line, incidentLines(event.outcome, paint, shown));
          return;
        }
      }
    },
    end: (summary) => writeEnd(screen, summary),
  };
}

/** Number of dots in a row if the width of the screen is unknown. */
const ROW_LENGTH = 80;

export function dotReporter(screen: Screen): TestReporter {
  const paint = painter(screen.colour);
  let column = 0;
  return {
    forPeople: true,
    event(event: FileEvent): void {
      if (event.kind === "problems") screen.err(event.text);
      if (event.kind !== "outcome") return;
      const { outcome } = event.outcome;
      if (column === (screen.columns ?? ROW_LENGTH)) {
        screen.out("\n");
        column = 0;
      }
      column++;
      if (outcome === "passed") screen.out(paint("good", "."));
      else if (outcome === "skipped") screen.out(paint("warning", ","));
      else screen.out(paint("bad", "!"));
    },
    end(summary): void {
      if (summary.foundTest) screen.out("\n");
      writeEnd(screen, summary);
    },
  };
}

function writeEnd(screen: Screen, summary: RunSummary): void {
  const { foundTest, reports, snapshots, tree, wrongFiles } = summary;
  if (!foundTest) return;
  const paint = painter(screen.colour);
  const failures = failureLines(reports, paint, screen.columns, tree ?? null, givenPermissions());
  if (failures.length > 0) screen.out(`\n${failures.join("\n")}\n`);
  for (const { place, lines } of snapshots) {
    screen.out(`\n${paint("bad", "SNAPSHOT")} ${paint("dim", place)}\n${lines.join("\n")}\n`);
  }
  const also = { wrongFiles, snapshots: snapshots.length };
  screen.out(`\n${summaryLines(reports, paint, also).join("\n")}\n`);
}
