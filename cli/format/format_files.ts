/** `dmalab fmt`: formats files, or lists the files that are not formatted. */
import { SourceFile } from "@dmalab/lang";
import { type ExitCode, FAILED, HELD, worseExitCode, WRONG } from "../exit_code.ts";
import { readHostFile, readHostInput } from "../host_file.ts";
import { painter } from "@dmalab/lang/text";
import { printable } from "@dmalab/lang/diagnostics";
import { printDiagnostics } from "../scenario/diagnostic_style.ts";
import { counted } from "../scenario/report_printer.ts";
import { printError, refuse } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import { formatSource } from "@dmalab/lang/editor";
import { doOrSay, rewriteFile } from "../files/write_file.ts";

/** Formats files in place; with `check` it writes nothing, and lists the files that it would change. */
export function formatFiles(
  paths: readonly string[],
  { check }: { readonly check: boolean },
  screen: Screen,
): ExitCode {
  const paint = painter(screen.colour);
  let exitCode: ExitCode = HELD;
  let changed = 0;
  for (const path of paths) {
    const file = readHostFile(path);
    if (!file.found) {
      printError(file.problem, screen);
      exitCode = WRONG;
      continue;
    }
    const text = formatText(path, file.text, screen);
    if (text === null) {
      exitCode = WRONG;
    } else if (text !== file.text) {
      changed++;
      if (check) {
        screen.out(
          `${paint("warning", "not formatted")}  ${printable(path)}:${
            firstChange(file.text, text)
          }\n`,
        );
        exitCode = worseExitCode(exitCode, FAILED);
      } else if (doOrSay(() => rewriteFile(path, text), screen)) {
        screen.out(`${paint("good", "formatted")}  ${printable(path)}\n`);
      } else exitCode = WRONG;
    }
  }
  const files = counted(paths.length, "file");
  const verb = check ? "would change" : "changed";
  screen.out(`${exitCode === HELD ? "ok" : "FAILED"} | ${files} | ${changed} ${verb}\n`);
  return exitCode;
}

/** Formats text from the standard input to the standard output. */
export function formatInput(
  { check }: { readonly check: boolean },
  screen: Screen,
): ExitCode {
  const read = readHostInput();
  if (!read.found) return refuse(read.problem, screen);
  const input = new TextDecoder().decode(read.bytes);
  const text = formatText("(input)", input, screen);
  if (text === null) return WRONG;
  if (check) return text === input ? HELD : FAILED;
  screen.data(text);
  return HELD;
}

/** The formatted text; null if the text has errors, which were printed. */
function formatText(name: string, text: string, screen: Screen): string | null {
  const formatted = formatSource(new SourceFile(printable(name), text));
  if (formatted.ok) return formatted.text;
  printDiagnostics(formatted.diagnostics, screen);
  return null;
}

/** Number of the first line that formatting changes, from 1. */
function firstChange(before: string, after: string): number {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const index = old.findIndex((line, each) => line !== now[each]);
  return (index < 0 ? old.length : index) + 1;
}
