/** Runs scenarios and prints their output: `dmalab run`, `dmalab test`, `deno run scenario.dma`. */
import { givenPermissions } from "../host.ts";
import { type Program, runProgramWith, type RunReport } from "@dmalab/lang/run";
import { host } from "../host.ts";
import { printBug } from "../bug/say_bug.ts";
import { BUG, type ExitCode, HELD, worseExitCode, WRONG } from "../exit_code.ts";
import { SignalWatch } from "../interrupts.ts";
import { refuse } from "../print_error.ts";
import { errorScreen, type Screen } from "../screen.ts";
import { shellWord } from "../shell_words.ts";
import { formatCount } from "@dmalab/lang/text";
import { loadScenarios } from "./load_scenario.ts";
import { codeOf, type PrintOptions, printReports, startPrinting } from "./print_run.ts";
import type { PictureFile } from "./picture_file.ts";
import type { QuizScreen } from "./quiz.ts";
import type { TraceOutputs } from "./trace_outputs.ts";

export interface ScenarioOptions extends PrintOptions {
  /** Write every event to this file. */
  readonly exportPath: string | null;
  /** Write the drawings of `show` statements to this file. */
  readonly picturePath: string | null;
  /**
   * Kernel tree for all drivers that are compiled from a tree. It replaces every tree that the
   * scenario names.
   */
  readonly tree: string | null;
}

/** Runs each file in turn; errors in a file do not keep the others from running. */
export async function runScenarios(
  paths: readonly string[],
  options: ScenarioOptions,
  screen: Screen,
): Promise<ExitCode> {
  const outputs = await openOutputs(options, screen);
  if (typeof outputs === "string") return refuse(outputs, screen);
  const picture = await openPicture(options);
  if (typeof picture === "string") return refuse(picture, screen);
  // With JSON lines on the standard output, text for people is written to the error stream.
  const said = options.trace === "json" ? errorScreen(screen) : screen;
  const reports: RunReport[] = [];
  let exitCode: ExitCode = HELD;
  let withBug: string | null = null;
  let wrongFiles = 0;
  {
    using watch = new SignalWatch();
    for (const path of paths) {
      if (watch.interrupted()) break;
      const all = await loadScenarios(path, said, options.tree, options.limits.timeMs);
      for (const { exitCode: loaded, program } of all) {
        if (loaded === BUG) withBug ??= path;
        if (program === null) {
          wrongFiles++;
          exitCode = worseExitCode(exitCode, loaded);
          continue;
        }
        const observers = outputs?.listeners(program.code, program.source.name) ?? null;
        const engine = await engineFor(program);
        const quiz = await openQuiz(options, said);
        const listeners = { observers, onQuestion: quiz?.onQuestion, onShown: picture?.onShown };
        const parts = { ...options, ...listeners, watch };
        const report = runProgramWith(
          engine,
          program,
          startPrinting(program, parts, quiz ?? said),
        );
        if (quiz?.isHolding) {
          // While a question waits, Ctrl-C ends the process.
          watch.close();
          await quiz.play();
          watch.reset();
        }
        reports.push(report);
        const benches = program.tests.filter(({ kind }) => kind === "bench");
        if (
          options.only === "all" && benches.length > 0 && benches.length === program.tests.length
        ) {
          const names = new Set(benches.map(({ name }) => name)).size;
          said.out(
            `${formatCount(names, "bench", "benches")}, not run: \`dmalab bench ${
              shellWord(path)
            }\`\n`,
          );
        }
        if (codeOf(report) === BUG) withBug ??= path;
        exitCode = worseExitCode(exitCode, codeOf(report));
      }
    }
    const summary = { ...options, given: givenPermissions() };
    exitCode = worseExitCode(exitCode, printReports(reports, wrongFiles, summary, said));
    if (withBug !== null) await printBug(withBug, options.seed, said);
    exitCode = watch.exitCode(exitCode);
  }
  const areWritten = [outputs?.end() ?? true, picture?.end(screen) ?? true];
  return areWritten.every(Boolean) ? exitCode : worseExitCode(exitCode, WRONG);
}

/**
 * The writer of the picture file; null if no option names a picture. If the picture's name is wrong,
 * the result is the problem as text.
 */
async function openPicture(
  { picturePath }: ScenarioOptions,
): Promise<PictureFile | string | null> {
  if (picturePath === null) return null;
  const { PictureFile } = await import("./picture_file.ts");
  const { wrongPictureName } = await import("../files/write_file.ts");
  return wrongPictureName("--picture", picturePath) ?? new PictureFile(picturePath);
}

/**
 * The writers of events for `--export` and `--trace json`; null if neither option is given. If an
 * option is wrong, the result is the problem as text.
 */
async function openOutputs(
  { exportPath, trace }: ScenarioOptions,
  screen: Screen,
): Promise<TraceOutputs | string | null> {
  if (exportPath === null && trace !== "json") return null;
  const { TraceOutputs } = await import("./trace_outputs.ts");
  const outputs = new TraceOutputs();
  if (trace === "json") outputs.toScreen(screen);
  const problem = exportPath === null ? null : outputs.toFile(exportPath, screen);
  return problem === null ? outputs : `--export ${problem}`;
}

/** The screen on which the user answers quizzes; null if there is no terminal. */
async function openQuiz(
  { only, trace }: ScenarioOptions,
  screen: Screen,
): Promise<QuizScreen | null> {
  const isAsked = only === "all" && trace !== "json" &&
    host.stdin.isTerminal() && host.stdout.isTerminal();
  if (!isAsked) return null;
  const { QuizScreen } = await import("./quiz.ts");
  return new QuizScreen(screen);
}

/** The generator of cases for properties: it is loaded only for programs with properties. */
export async function engineFor({ tests }: Program) {
  if (!tests.some(({ kind }) => kind === "property")) return null;
  const { FAST_CHECK } = await import("@dmalab/lang/program");
  return FAST_CHECK;
}
