/** `dmalab init --driver`: from the folder of an out-of-tree PCI module to a scenario, and a first report of it. */
import { kernelOf, TreeError, versionOf } from "@dmalab/runtime/kernels";
import { runProgram } from "@dmalab/lang/program";
import type { Program, TestOutcome } from "@dmalab/lang/run";
import { type Diagnostic, printable } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import { spanPlace } from "@dmalab/lang";
import { DEFAULT_LIMITS, type Limits } from "@dmalab/lang/values";
import {
  currentFolder,
  HostLoader,
  type HostTree,
  isTaken,
  loadCompiled,
  makeNamedFolder,
  ModuleFolder,
  ModuleTree,
  processorMs,
  readHeaders,
  rewriteFile,
} from "@dmalab/cli";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import {
  type InitDriver,
  isAbsolute,
  join,
  refuse,
  relative,
  type Screen,
} from "@dmalab/cli/extend";
import { registerValues } from "./register_values.ts";
import { type ModuleFacts, placeAt, readModule } from "./module_facts.ts";
import {
  type RegisterAnswer,
  scenarioText,
  testResult,
  type TriedAnswers,
} from "./module_scenario.ts";

const SCENARIO = "driver.dma";
const REPORT = "report.txt";
/** Lines of a kind that the report lists. */
const LISTED = 30;
/** Steps of a test: a driver that polls for ever is stopped. */
const STEPS = 10_000_000;
/** Processor time in which values are tried for one register, and steps of each try: it may poll for ever. */
const TRIES_MS = 15_000;
const TRY_STEPS = 1_000_000;
/** Processor time of each test of the report: a first report is there in a minute. */
const TEST_MS = 15_000;
/** Registers that are answered by trying constants. */
const MOST_REGISTERS = 6;
const READ_LAST = /BAR (\d) of card at offset (0x[\da-f]+), /;
/** With a tree's headers, and with dmalab's own. */
/** Folders of headers that a kernel has, and a module rarely. */
const OF_KERNEL =
  /^(?:asm|asm-generic|crypto|drm|linux|media|net|rdma|scsi|sound|trace|uapi|video|xen)\//;
const NO_HEADER = /^(?:'([^']+)' file not found|Cannot read "([^"]+)")/;
/** The scenario's line that a failure shows, where the removal failed. */
const AT_REMOVAL = /^\s*\d+ \|\s+d\.(?:remove|unload)\(/;
const STUB = /^info: (\w+)\(\) is a stub: returns (.*)$/;

/** What a run of the first test came to. */
interface FirstRun {
  readonly program: Program | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly lines: readonly string[];
  readonly outcomes: readonly TestOutcome[];
  readonly runs: readonly TestRun[];
}

interface TestRun {
  readonly outcome: TestOutcome;
  readonly lines: readonly string[];
}

type TestLimits = Partial<Pick<Limits, "steps" | "timeMs">>;

export const initDriver: InitDriver = async (asked, screen) => {
  try {
    return await new DriverInit(asked, screen).run();
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuse(`${error.message}\n  hint: ${error.hint}`, screen);
  }
};

class DriverInit {
  readonly #module: ModuleFolder;
  readonly #tree: HostTree | null;
  readonly #facts: ModuleFacts;
  readonly #kernel: string | null;
  readonly #lines: string[] = [];
  readonly #startedMs = processorMs();

  constructor(readonly asked: Parameters<InitDriver>[0], readonly screen: Screen) {
    const { file, kernel, module } = asked;
    this.#tree = kernel === null ? null : openKernel(kernel, module);
    this.#module = new ModuleFolder(module);
    this.#facts = readModule(
      this.#module,
      file,
      this.#tree?.text("include/linux/pci_ids.h") ?? readHeaders()["linux/pci_ids.h"] ?? "",
    );
    this.#kernel = this.#tree === null ? null : releaseOf(this.#tree);
  }

  async run(): Promise<ExitCode> {
    const { folder } = this.asked;
    makeNamedFolder(folder);
    for (const name of [SCENARIO, REPORT]) {
      if (isTaken({ folder, name })) {
        return refuse(
          `"${printable(folder)}" has ${name} already; nothing was written`,
          this.screen,
        );
      }
    }
    this.#say(`module | ${this.#module.root} | ${this.#facts.main}`);
    this.#say(
      this.#tree === null
        ? "kernel | dmalab's own headers: name a kernel tree with --kernel to have all headers"
        : `kernel | ${this.#kernel} | ${this.#tree.root}`,
    );
    this.#saySource();
    let answers: readonly RegisterAnswer[] = [];
    let first = await this.#try(answers);
    for (let tries = 0; tries < MOST_REGISTERS && first.program !== null; tries++) {
      const found = await this.#answerFor(first, answers);
      if (found === null) break;
      answers = [...answers, found];
      first = await this.#try(answers);
    }
    // Trying a register's values has left another text.
    this.#write(this.#text(answers));
    const isProbed = this.#sayRun(first, answers);
    const code = isProbed && await this.#sayTests() ? HELD : FAILED;
    this.#say(
      `took | ${
        ((processorMs() - this.#startedMs) / 1000).toFixed(1)
      } s of processor time besides the compiler's`,
    );
    const reads = [this.#module, this.#tree].flatMap((each) => each === null ? [] : [each.root]);
    this.#say(`wrote | ${join(folder, SCENARIO)} and ${REPORT}; next:`);
    this.#say(`  dmalab -R=${reads.join(",")} test ${join(folder, SCENARIO)}`);
    rewriteFile({ folder, name: REPORT }, `${this.#lines.join("\n")}\n`);
    return code;
  }

  #say(line: string): void {
    this.#lines.push(printable(line));
    this.screen.out(`${printable(line)}\n`);
  }

  /** A list under a heading; nothing for an empty one. */
  #list(heading: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#say("");
    this.#say(heading);
    for (const line of lines.slice(0, LISTED)) this.#say(`  ${line}`);
    if (lines.length > LISTED) this.#say(`  and ${lines.length - LISTED} more`);
  }

  #saySource(): void {
    const { assembler, ids, others, programs } = this.#facts;
    this.#say(
      ids === null
        ? "ids | no entry of its table was found: fill in `vendor` and `device`"
        : `ids | ${ids.vendor.toString(16)}:${
          ids.device.toString(16)
        } | ${ids.at.path}:${ids.at.line}`,
    );
    if (others.length > 0) {
      this.#say(`other drivers | ${others.join(", ")}: choose one with --file`);
    }
    this.#list(
      "makefile lines that run a program; none was run, so put what they make into the folder yourself:",
      programs.map(({ line, path, text }) => `${path}:${line}  ${text}`),
    );
    this.#list(
      "inline assembler, which does not run here; give the function in C:",
      assembler.map(({ line, path, text }) => `${path}:${line}  ${text}`),
    );
  }

  /** Writes the scenario, and runs its first test. */
  async #try(answers: readonly RegisterAnswer[]): Promise<FirstRun> {
    this.#write(this.#text(answers));
    return await this.#runTests((number) => number === 0);
  }

  #text(answers: readonly RegisterAnswer[], tried: TriedAnswers | null = null): string {
    const { folder, kernel, module } = this.asked;
    return scenarioText({
      facts: this.#facts,
      ports: this.#facts.portBars,
      tree: kernel === null ? null : pathFrom(folder, this.#tree!.root),
      module: pathFrom(folder, module),
      kernel: this.#kernel,
      // With a tree every driver is a module; with dmalab's own headers one that says so.
      loads: this.#tree !== null || this.#facts.loads,
      answers,
      tried,
    });
  }

  #write(text: string): void {
    rewriteFile({ folder: this.asked.folder, name: SCENARIO }, text);
  }

  async #runTests(select: (number: number) => boolean, limits: TestLimits = {}): Promise<FirstRun> {
    const { diagnostics, program } = await this.#load();
    const runs = program === null ? [] : runSelected(program, select, limits);
    return {
      program,
      diagnostics,
      runs,
      lines: runs.flatMap((run) => run.lines),
      outcomes: runs.map(({ outcome }) => outcome),
    };
  }

  async #load(): Promise<Pick<FirstRun, "diagnostics" | "program">> {
    const opened = HostLoader.open(join(this.asked.folder, SCENARIO));
    if (typeof opened === "string") throw new TreeError(opened);
    return await loadCompiled(opened.entry, opened.loader);
  }

  /** A constant with which probe comes further; null where none does. */
  async #answerFor(
    { lines, outcomes }: FirstRun,
    answers: readonly RegisterAnswer[],
  ): Promise<RegisterAnswer | null> {
    if (outcomes[0] === undefined || isProbed(outcomes[0])) return null;
    const read = lines.map((line) => READ_LAST.exec(line)).find((each) => each !== null);
    if (read === null || read === undefined) return null;
    const [place, number, at] = read;
    const [bar, offset] = [Number(number), Number(at)];
    // `on read` is for one BAR.
    if (answers.some((each) => each.offset === offset || each.bar !== bar)) return null;
    const { constants, texts } = this.#facts;
    const tried = registerValues(offset, texts, constants);
    const values = tried.map(({ value }) => value);
    this.#write(this.#text(answers, { bar, offset, values }));
    const { program } = await this.#load();
    if (program === null) return null;
    const runs: TestRun[] = [];
    const endMs = processorMs() + TRIES_MS;
    for (let at = 0; at < tried.length && processorMs() < endMs; at++) {
      runs.push(...runSelected(program, (number) => number === at, { steps: TRY_STEPS }));
      if (runs.at(-1) !== undefined && isProbed(runs.at(-1)!.outcome)) break;
    }
    const usual = lastLines(lines);
    const usualCode = outcomes[0].failure?.code;
    const isFurther = ({ lines, outcome: { failure } }: TestRun) => {
      if (failure === null) return true;
      const isOther = READ_LAST.exec(lines.join("\n"))?.[0] !== place && lastLines(lines) !== usual;
      // A run that a limit ends polls another register for ever, or none.
      return isOther && !isLimit(failure.code) &&
        (failure.code === "E0901" || failure.code === usualCode || isLimit(usualCode));
    };
    // One that probes counts before one that only comes further.
    const best = runs.findIndex(({ outcome }) => isProbed(outcome));
    const found = best >= 0 ? best : runs.findIndex(isFurther);
    if (found < 0) return null;
    const { value, why } = tried[found]!;
    return { bar, offset, value, why: `Fill in: with ${why} probe() comes further.` };
  }

  /** Prints the result of the first test. @returns Whether it passed. */
  #sayRun(first: FirstRun, answers: readonly RegisterAnswer[]): boolean {
    const { diagnostics, lines, outcomes, program } = first;
    if (program === null) {
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      this.#say(`report | it does not compile: ${formatCount(errors.length, "error")}`);
      this.#list("what is missing, with the line that needs it:", this.#missing(errors));
      return false;
    }
    const failure = outcomes[0]?.failure ?? null;
    const stubs = this.#stubs(lines);
    const filled = stubs.length === 0
      ? ""
      : `, with ${formatCount(stubs.length, "function")} that only returned a value (below)`;
    this.#say(
      failure === null
        ? `report | it compiles, probes and is removed${filled}`
        : `report | it compiles${
          isProbed(outcomes[0]!) ? " and probes" : ""
        }${filled}; ${failure.message}`,
    );
    this.#list(
      "registers that answer by a constant of the driver; check them:",
      answers.map(({ bar, offset, value, why }) =>
        `BAR ${bar}, 0x${offset.toString(16)} = 0x${value.toString(16)}  ${why}`
      ),
    );
    this.#list("what the driver and dmalab print:", lines.filter((line) => !STUB.test(line)));
    this.#list(
      "functions that dmalab does not have; each returns what is named, until a file of `files` defines it:",
      stubs,
    );
    if (failure !== null) this.#list("the failure:", failure.lines);
    return failure === null;
  }

  /** @returns Whether all tests of the scenario pass. */
  async #sayTests(): Promise<boolean> {
    const { outcomes } = await this.#runTests(() => true, { timeMs: TEST_MS });
    this.#say("");
    for (const outcome of outcomes) this.#say(`test | ${outcome.name} | ${testResult(outcome)}`);
    return outcomes.every(({ failure }) => failure === null);
  }

  #missing(diagnostics: readonly Diagnostic[]): readonly string[] {
    const texts = diagnostics.map(({ hint, message, span }) => {
      const [, inTree, own] = NO_HEADER.exec(message) ?? [];
      const header = inTree ?? own;
      const rule = header === undefined ? null : this.#ruleOf(header);
      const what = rule === null ? hint === undefined ? "" : `; ${hint}` : `; ${rule}`;
      return `${spanPlace(span)}  ${message}${what}`;
    });
    return [...new Set(texts)];
  }

  /** Where a makefile makes a header. */
  #ruleOf(header: string): string {
    const name = header.split("/").at(-1)!;
    const rule = this.#facts.headerRules.find(({ text }) => text.includes(name));
    const outer = this.#facts.outerFolders[0];
    if (rule === undefined && outer !== undefined) {
      return `${outer.path}:${outer.line} adds a folder above: name the repository's folder with --driver, and this source with --file`;
    }
    if (rule === undefined && this.#tree === null && OF_KERNEL.test(header)) {
      return "dmalab's own headers do not have it: name a kernel tree with --kernel, which has it";
    }
    return rule === undefined
      ? "no folder of the module or the kernel has it: if the build generates it, run the build once and keep the file"
      : `${rule.path}:${rule.line} makes it: run that yourself, and keep the file in the folder`;
  }

  #stubs(lines: readonly string[]): readonly string[] {
    return [
      ...new Set(lines.flatMap((line) => {
        const [, name, returned] = STUB.exec(line) ?? [];
        return name === undefined ? [] : [`${name}() returns ${returned}${this.#callOf(name)}`];
      })),
    ];
  }

  #callOf(name: string): string {
    const { main } = this.#facts;
    const text = this.#module.text(main) ?? "";
    const at = text.search(new RegExp(`\\b${name}\\s*\\(`));
    return at < 0 ? "" : `, called at ${main}:${placeAt(main, text, at).line}`;
  }
}

/** Runs tests of a scenario, within the limits of a first report. */
function runSelected(
  program: Program,
  select: (number: number) => boolean,
  limits: TestLimits,
): readonly TestRun[] {
  const runs: TestRun[] = [];
  let lines: string[] = [];
  runProgram(program, {
    select,
    attributeDefects: false,
    limits: { ...DEFAULT_LIMITS, steps: STEPS, ...limits },
    onLine: (line) => lines.push(line),
    onOutcome(outcome) {
      runs.push({ outcome, lines });
      lines = [];
    },
  });
  return runs;
}

/** Whether a test ended at a limit of its steps, memory or time. */
function isLimit(code: string | undefined): boolean {
  return code?.startsWith("E08") === true;
}

/** The driver may leak, or fail in its removal: it has probed. */
function isProbed({ failure }: TestOutcome): boolean {
  return failure === null || ["E0926", "E0908"].includes(failure.code) ||
    failure.lines.some((line) => AT_REMOVAL.test(line));
}

/** What the driver says at its end. */
function lastLines(lines: readonly string[]): string {
  return lines.slice(-4).join("\n");
}

/** A path as a scenario of a folder names it: from there, so that both can move together. */
function pathFrom(folder: string, path: string): string {
  const from = isAbsolute(folder) ? folder : join(currentFolder(), folder);
  return relative(from, isAbsolute(path) ? path : join(currentFolder(), path)) || ".";
}

/** The headers of a kernel. @throws {TreeError} */
function openKernel(folder: string, module: string): HostTree {
  if (folder.endsWith(".deb")) {
    throw new TreeError(
      "A package is not read",
      "name a folder: on Debian `apt-get install linux-source-6.12`, `tar -xf /usr/src/linux-source-6.12.tar.xz`, " +
        "and name linux-source-6.12",
    );
  }
  return new ModuleTree(folder, module);
}

function releaseOf(tree: HostTree): string {
  const version = versionOf(tree);
  kernelOf(version);
  return `${version.major}.${version.patch}`;
}
