/**
 * `dmalab init --driver`: makes a scenario from the folder of an out-of-tree PCI module, and prints a first report
 * about the driver.
 */
import { kernelOf, TreeError, versionOf } from "@dmalab/runtime/kernels";
import type { Program, TestOutcome } from "@dmalab/lang/run";
import { type Diagnostic, printable } from "@dmalab/lang/diagnostics";
import { formatCount, formatSize } from "@dmalab/lang/text";
import { type Span, spanPlace } from "@dmalab/lang";
import {
  currentFolder,
  HostLoader,
  HostTree,
  isTaken,
  loadCompiled,
  makeNamedFolder,
  ModuleFolder,
  ModuleTree,
  processorMs,
  readHeaders,
  readTreeHeaders,
  rewriteFile,
  threadMs,
} from "@dmalab/cli";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import {
  COMMA_IN_PATH,
  type InitDriver,
  isAbsolute,
  isInside,
  join,
  readPermission,
  refuse,
  relative,
  type Screen,
  shellWord,
} from "@dmalab/cli/extend";
import { placeText } from "../make/mod.ts";
import { enclosingFolder } from "./enclosing_folder.ts";
import { ALONG, BEYOND, NOT_ALONG } from "../tree/along_text.ts";
import { takenForPorts } from "../c_ports.ts";
import { neededSizes, takenForMemory } from "../c_windows.ts";
import { TreeReading } from "../tree/tree_reading.ts";
import { answerText, contentText, placesIn, workText } from "../search/rule_text.ts";
import { assumptions, type FoundAnswers, mapsMemory, searchAnswers } from "./register_search.ts";
import { type DriverUse, isOpened, useOf } from "./driver_use.ts";
import { isProbed, runSelected, type TestLimits, type TestRun } from "./selected_tests.ts";
import { makerOf } from "./generated_headers.ts";
import { type TreeFolder, treeFolderOf } from "./tree_folder.ts";
import { type FirstReport, NO_REPORT } from "./first_report.ts";
import { activeText } from "./active_text.ts";
import { changeHint, headerHint, lineHint, replacedIn } from "./release_changes.ts";
import { type ModuleFacts, NEWEST, placeAt, readModule, versionMacros } from "./module_facts.ts";
import { isIdle, LOADS, scenarioText, testResult, USE_TEST } from "./module_scenario.ts";

const SCENARIO = "driver.dma";
const REPORT = "report.txt";
/** Largest number of lines of one kind in the report. */
const LISTED = 30;
/** Why a search ended without success. */
const SEARCH_ENDED: Readonly<Record<NonNullable<FoundAnswers["ended"]>, string>> = {
  candidates: "no comparison gives another value to try",
  tries: "the limit of tries is reached",
  time: "the limit of processor time is reached",
};
/** Processor time of the search for a device with which the driver can be used. */
const USE_MS = 15_000;
/** Steps of a try of the search: some seconds. A driver that polls without end would take the whole time. */
const TRY_STEPS = 2_000_000;
/** Processor time limit of each test in the report, so that a first report is ready within a minute. */
const TEST_MS = 15_000;
/** Steps of such a test: its runs are many, and its time ends it first. */
const TEST_STEPS = 200_000_000;
/** The same for the first test, whose result the report begins with. */
const FIRST_TEST_MS = 30_000;
/** The header with names that only older releases have. */
const COMPAT = "dmalab/compat.h";
/** Folders of headers that belong to the kernel, rarely to a module. */
const OF_KERNEL =
  /^(?:asm|asm-generic|crypto|drm|linux|media|net|rdma|scsi|sound|trace|uapi|video|xen)\//;
/** The error for a missing header: with a tree's headers, and with dmalab's own. */
const NO_HEADER = /^(?:'([^']+)' file not found|Cannot read "([^"]+)")/;
const IS_ALONG = new RegExp(`^info: (?:${ALONG}|${NOT_ALONG}|${BEYOND})`);
const STUB = /^info: (\w+)\(\) is a stub: returns (.*)$/;

/** The result of running the first test. */
interface FirstRun {
  readonly program: Program | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly lines: readonly string[];
  readonly outcomes: readonly TestOutcome[];
  readonly runs: readonly TestRun[];
}

export const initDriver: InitDriver = async (asked, screen) => {
  try {
    return await new DriverInit(asked, screen).run();
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuse(`${error.message}\n  hint: ${error.hint}`, screen);
  }
};

/** Settings of a report that are not the command's own. */
interface ReportOptions {
  /** If the driver is tried again with another folder: the reason. */
  readonly why?: string;
  /** Whether files of an earlier report are replaced, and only the first test runs. */
  readonly isOneOfMany?: boolean;
}

/** The making of one report. */
export class DriverInit {
  /** What was found; complete after `run()`. */
  found: FirstReport = NO_REPORT;
  readonly #module: ModuleFolder | TreeFolder;
  /** Set if the driver's folder lies in the tree. */
  readonly #inTree: TreeFolder | null;
  readonly #tree: HostTree | null;
  readonly #facts: ModuleFacts;
  readonly #kernel: string | null;
  readonly #lines: string[] = [];
  /** Whether registering the driver binds the device. */
  #bindsAtLoad = false;
  /** BARs that are I/O ports. */
  #ports: ReadonlySet<number>;
  /** BARs that are memory, because the driver maps them. */
  #memory: ReadonlySet<number> = new Set();
  /** Sizes of BARs behind whose end a run has used registers, in bytes. */
  readonly #sizes = new Map<number, number>();
  /** What runs have shown about the BARs and the scenario does not have yet, for the report. */
  readonly #shown: string[] = [];
  /** How the scenario uses the driver after it has probed; null if no use is known, or none succeeds. */
  #use: DriverUse | null = null;
  /** A use that does not succeed. */
  #failedUse: DriverUse | null = null;
  /** Other threads of the process can make other reports. */
  readonly #clockMs: () => number;
  readonly #startedMs: number;

  constructor(
    readonly asked: Parameters<InitDriver>[0],
    readonly screen: Screen,
    private readonly options: ReportOptions = {},
  ) {
    this.#clockMs = options.isOneOfMany === true ? threadMs : processorMs;
    this.#startedMs = this.#clockMs();
    const { file, kernel, module } = asked;
    const inTree = treeFolderOf(module);
    const isOther = kernel !== null && inTree !== null &&
      new HostTree(kernel).root !== inTree.tree.root;
    this.#inTree = isOther ? null : inTree;
    this.#tree = this.#inTree?.tree ?? (kernel === null ? null : openKernel(kernel, module));
    this.#module = this.#inTree ?? new ModuleFolder(module);
    const pciIds = this.#tree?.text("include/linux/pci_ids.h") ?? readHeaders()["linux/pci_ids.h"];
    const reading = this.#tree === null ? null : TreeReading.of(this.#tree);
    const facts = readModule(this.#module, {
      wanted: file,
      pciIds: pciIds ?? "",
      ...reading !== null && { release: reading.version.name },
      ...reading !== null && this.#inTree === null && { kbuild: reading.kbuild },
      above: (path) => this.#inTree?.text(path) ?? null,
      ...reading !== null && this.#inTree !== null && {
        isBuilt: (path: string) =>
          reading.makefiles.symbolsOf(`${this.#inTree!.path}/${path}`).size > 0,
      },
    });
    this.#facts = this.#inTree === null ? facts : withoutMakefiles(facts);
    this.#ports = facts.portBars;
    this.#kernel = this.#tree === null ? null : releaseOf(this.#tree);
  }

  async run(): Promise<ExitCode> {
    const { folder } = this.asked;
    const { isOneOfMany = false, why } = this.options;
    makeNamedFolder(folder);
    for (const name of [SCENARIO, REPORT]) {
      if (why === undefined && !isOneOfMany && isTaken({ folder, name })) {
        return refuse(
          `"${printable(folder)}" has ${name} already; nothing was written`,
          this.screen,
        );
      }
    }
    if (why !== undefined) this.#say(`again | ${why}`);
    this.#say(`module | ${this.#module.root} | ${this.#facts.main}`);
    this.#say(
      this.#tree === null
        ? "kernel | dmalab's own headers: name a kernel tree with --kernel to have all headers"
        : `kernel | ${this.#kernel} | ${this.#tree.root}`,
    );
    this.#saySource();
    this.#show();
    this.#write(this.#text(null));
    if (this.#sayPart()) return FAILED;
    let { diagnostics, program } = await this.#loadBinding();
    const outer = program === null && why === undefined && this.#inTree === null
      ? this.#outerFolder(diagnostics)
      : null;
    if (outer !== null) return await this.#runIn(outer);
    let answers = program === null ? null : this.#search(program);
    // Each round changes a BAR.
    while (this.#changeBars()) {
      ({ diagnostics, program } = await this.#loadBinding());
      answers = program === null ? null : this.#search(program);
    }
    answers = await this.#searchPorts(answers) ?? answers;
    if (answers?.hasProbed === true) answers = await this.#searchUse(answers) ?? answers;
    if (assumptions(answers) > 0) this.#write(this.#text(answers));
    const first = await this.#runTests((number) => number < (this.#use === null ? 1 : 2), {
      timeMs: FIRST_TEST_MS,
    });
    const isProbed = this.#sayRun(first, answers);
    this.#sayUse();
    this.#show();
    const code = isProbed && (isOneOfMany || await this.#sayTests(answers)) ? HELD : FAILED;
    this.#say(
      `took | ${
        ((this.#clockMs() - this.#startedMs) / 1000).toFixed(1)
      } s of processor time besides the compiler's`,
    );
    const reads = [this.#inTree === null ? this.#module : null, this.#tree].flatMap((each) =>
      each === null ? [] : [each.root]
    );
    const permission = readPermission(reads);
    this.#say(`wrote | ${join(folder, SCENARIO)} and ${REPORT}; next:`);
    this.#say(
      permission === null
        ? `  ${COMMA_IN_PATH}`
        : `  dmalab ${permission} test ${shellWord(join(folder, SCENARIO))}`,
    );
    this.#show();
    return code;
  }

  /** Shows the report as far as it goes, and writes its file: the command may be stopped. */
  #show(): void {
    this.screen.flush?.();
    const { folder } = this.asked;
    rewriteFile({ folder, name: REPORT }, `${this.#lines.join("\n")}\n`);
  }

  #say(line: string): void {
    this.#lines.push(printable(line));
    this.screen.out(`${printable(line)}\n`);
  }

  /** Prints a list with a heading; nothing for an empty list. */
  #list(heading: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#say("");
    this.#say(heading);
    for (const line of lines.slice(0, LISTED)) this.#say(`  ${line}`);
    if (lines.length > LISTED) this.#say(`  and ${lines.length - LISTED} more`);
  }

  /** The symbols that build a driver of the tree. */
  #symbolsText({ path, tree }: TreeFolder): string {
    const symbols = TreeReading.of(tree).makefiles.symbolsOf(`${path}/${this.#facts.main}`);
    const named = [...symbols].map((name) => `CONFIG_${name}`).join(", ");
    return named === "" ? "no makefile of the tree builds it" : named;
  }

  #saySource(): void {
    const { assembler, barBytes, deviceClass, ids, main, module, others } = this.#facts;
    const { file } = this.asked;
    if (file !== null && file !== main) {
      this.#say(`file | no makefile builds ${file}: ${main}, which includes it, is taken`);
    }
    this.#say(
      this.#inTree !== null
        ? `make | a driver of the tree: ${this.#symbolsText(this.#inTree)}`
        : module === null
        ? `make | no makefile builds ${main}: it is taken with the sources of its folder`
        : `make | ${module.name}.ko | ${placeText(module.place)}`,
    );
    this.#say(
      ids === null && deviceClass !== null && !deviceClass.isCompared
        ? "ids | its table names a class alone: any vendor and device"
        : ids === null
        ? "ids | no entry of its table was found: fill in `vendor` and `device`"
        : `ids | ${ids.vendor.toString(16)}:${
          ids.device.toString(16)
        } | ${ids.at.path}:${ids.at.line}`,
    );
    if (deviceClass !== null) {
      const { at, code, isCompared } = deviceClass;
      this.#say(
        `class | 0x${code.toString(16).padStart(6, "0")} | ${
          isCompared ? "compared at" : "in the table at"
        } ${at.path}:${at.line}`,
      );
    }
    for (const [bar, { at, sizeBytes }] of barBytes) {
      this.#say(`BAR ${bar} | ${formatSize(sizeBytes)} | compared at ${at.path}:${at.line}`);
    }
    if (others.length > 0) {
      this.#say(`other drivers | ${others.join(", ")}: choose one with --file`);
    }
    this.#sayMakefiles();
    this.#sayReplaced();
    this.#list(
      "inline assembler, which does not run here; give the function in C:",
      assembler.map(({ line, path, text }) => `${path}:${line}  ${text}`),
    );
  }

  /**
   * Says that dmalab's own headers take a module of one source: of a part of a module there is no report.
   *
   * @returns Whether the module has more.
   */
  #sayPart(): boolean {
    const { main, module } = this.#facts;
    const sources = module?.objects.flatMap(({ source }) => source ?? []) ?? [];
    if (this.#tree !== null || sources.length < 2) return false;
    this.#list(
      "sources of the module that are compiled only with a kernel tree:",
      sources.filter((source) => source !== main),
    );
    this.#say(
      `report | none: the module has ${
        formatCount(sources.length, "source")
      }; name a kernel tree with --kernel`,
    );
    this.#show();
    return true;
  }

  /** Prints what the makefiles leave open. */
  #sayMakefiles(): void {
    const { asked, missingMakefiles, module, questions, unknown } = this.#facts;
    this.#list(
      "conditions of makefiles that a program decides; none was run. To answer one, write the flags of its branch " +
        'into the driver\'s settings, `flags = ["-DHAVE_X"]`:',
      questions.map(({ depends, no, place, taken, yes }) => {
        const [is, other] = taken ? [yes, no] : [no, yes];
        const text = (lines: readonly string[]) =>
          lines.length === 0 ? "nothing" : lines.join("; ");
        return `${placeText(place)}  ${place.text}: depends on ${depends.join(", ")}; taken: ${
          text(is)
        }; else: ${text(other)}`;
      }),
    );
    this.#list(
      "flags and objects of makefiles that a program prints; they are left out, and definitions are as if it printed nothing:",
      unknown.map(({ place, text, what }) => `${placeText(place)}  ${text}: depends on ${what}`),
    );
    this.#list(
      "symbols that no makefile and no kernel sets, taken as m:",
      [...asked].map(([name, place]) => `${placeText(place)}  ${name}`),
    );
    this.#list(
      "makefiles that are not in the folder:",
      missingMakefiles.map(({ name, place }) => `${placeText(place)}  ${name}`),
    );
    const parts = module?.objects.filter(({ source }) => source === null) ?? [];
    this.#list(
      "objects of the module without a source in C; what they define is missing:",
      parts.map(({ object }) => `${object}${this.#makerOf(object)}`),
    );
  }

  /** Prints the names that the headers for older modules replace: they hide that the module does not build. */
  #sayReplaced(): void {
    const isOut = this.#tree !== null && this.#inTree === null;
    const compat = isOut ? readTreeHeaders()[COMPAT] : undefined;
    if (compat === undefined) return;
    const { ownTexts } = this.#facts;
    const active = activeText(compat, versionMacros(TreeReading.of(this.#tree!).version.name));
    this.#list(
      `names that ${this.#release} does not have, replaced here by their equivalents; the module does not build with it:`,
      replacedIn(ownTexts, active, this.#release).map(({ hint, index, name, path }) => {
        const { line } = placeAt(path, ownTexts.get(path)!, index);
        return `${path}:${line}  ${name}: ${hint}`;
      }),
    );
  }

  #makerOf(object: string): string {
    const name = object.split("/").at(-1)!;
    const { module } = this.#facts;
    const assembler = `${object.slice(0, -2)}.S`;
    if (this.#module.text(assembler) !== null) return `: ${assembler} is assembler`;
    return `: the folder has no ${name.slice(0, -2)}.c beside ${
      module === null ? "it" : placeText(module.place)
    }`;
  }

  #text(answers: FoundAnswers | null): string {
    const { folder, module } = this.asked;
    return scenarioText({
      facts: this.#facts,
      use: this.#use,
      ports: this.#ports,
      sizes: this.#sizes,
      tree: this.#tree === null ? null : pathFrom(folder, this.#tree.root),
      module: this.#inTree === null ? pathFrom(folder, module) : null,
      inTree: this.#inTree?.path ?? null,
      kernel: this.#kernel,
      // With a tree every driver is a module. With dmalab's own headers a driver is a module only
      // if it has an init function.
      loads: this.#tree !== null || this.#facts.loads,
      bindsAtLoad: this.#bindsAtLoad,
      answers,
    });
  }

  #write(text: string): void {
    rewriteFile({ folder: this.asked.folder, name: SCENARIO }, text);
  }

  async #runTests(
    select: (number: number) => boolean,
    limits: TestLimits = {},
    onOutcome?: (outcome: TestOutcome) => void,
  ): Promise<FirstRun> {
    const { diagnostics, program } = await this.#load();
    const runs = program === null ? [] : runSelected(program, select, limits, onOutcome);
    return {
      program,
      diagnostics,
      runs,
      lines: runs[0]?.lines ?? [],
      outcomes: runs.map(({ outcome }) => outcome),
    };
  }

  async #load(): Promise<Pick<FirstRun, "diagnostics" | "program">> {
    const opened = HostLoader.open(join(this.asked.folder, SCENARIO));
    if (typeof opened === "string") throw new TreeError(opened);
    return await loadCompiled(opened.entry, opened.loader);
  }

  /**
   * Loads the scenario. If the driver uses a BAR as another kind or another size, the BAR becomes that; if its init
   * function fails, the device is bound while it runs.
   */
  async #loadBinding(): Promise<Pick<FirstRun, "diagnostics" | "program">> {
    const loaded = await this.#load();
    if (loaded.program === null) return loaded;
    const [{ lines, outcome }] = runSelected(loaded.program, (number) => number === 0, {
      steps: TRY_STEPS,
    }) as [TestRun];
    this.#noteKinds(lines);
    this.#noteSizes(lines);
    const { failure } = outcome;
    const wantsBound = this.#tree !== null && !this.#bindsAtLoad && failure?.kind !== "limit" &&
      failure?.lines.some((line) => line.includes(LOADS)) === true;
    if (wantsBound) {
      this.#bindsAtLoad = true;
      this.#say("init | its init function fails without a bound device: `load_with()` binds it");
      this.#write(this.#text(null));
    }
    return this.#changeBars() || wantsBound ? await this.#loadBinding() : loaded;
  }

  /** Notes BARs that a run has used as the other kind, memory or ports. @returns Whether there is a new one. */
  #noteKinds(lines: readonly string[]): boolean {
    // A BAR that is mapped stays memory, so that no BAR changes for ever.
    const memory = takenForMemory(lines).difference(this.#memory);
    const ports = takenForPorts(lines).difference(this.#ports).difference(this.#memory)
      .difference(memory);
    for (const bar of memory) this.#shown.push(`BAR ${bar} | memory, as the driver maps it`);
    for (const bar of ports) {
      this.#shown.push(`BAR ${bar} | I/O ports, as the driver reads or writes it so`);
    }
    this.#memory = this.#memory.union(memory);
    this.#ports = this.#ports.union(ports).difference(memory);
    return memory.size + ports.size > 0;
  }

  /** Notes BARs behind whose end a run has used registers. A run of the search may have computed such an address from an assumption. */
  #noteSizes(lines: readonly string[]): void {
    for (const [bar, sizeBytes] of neededSizes(lines)) {
      this.#sizes.set(bar, sizeBytes);
      this.#shown.push(
        `BAR ${bar} | ${formatSize(sizeBytes)}, as the driver uses a register behind its end`,
      );
    }
  }

  /** Writes the scenario with what runs have shown about the BARs. @returns Whether there was anything. */
  #changeBars(): boolean {
    if (this.#shown.length === 0) return false;
    for (const line of this.#shown.splice(0)) this.#say(line);
    this.#show();
    this.#write(this.#text(null));
    return true;
  }

  /** Searches for a device with which the driver probes. */
  #search(program: Program): FoundAnswers | null {
    return searchAnswers(program, {
      isProbed,
      isOther: (lines) => this.#noteKinds(lines),
      pathOf: (name) => this.#pathOf(name),
      run: () => runSelected(program, (number) => number === 0, { steps: TRY_STEPS })[0]!,
    });
  }

  /**
   * If the driver fails before it uses a BAR, it may want ports: tries all BARs as ports.
   *
   * @returns What was found; null if the BARs stay as they are.
   */
  async #searchPorts(before: FoundAnswers | null): Promise<FoundAnswers | null> {
    if (before === null || before.hasProbed || before.usesBars) return null;
    const ports = this.#ports;
    this.#ports = new Set(this.#facts.bars).difference(this.#memory);
    this.#write(this.#text(null));
    const { program } = await this.#load();
    const found = program === null ? null : this.#search(program);
    if (found !== null && (found.hasProbed || found.usesBars)) {
      this.#say("BARs | I/O ports: with memory the driver fails before it uses a BAR");
      return found;
    }
    this.#ports = ports;
    this.#shown.splice(0);
    this.#write(this.#text(null));
    return null;
  }

  /** Searches on for a device with which the driver can be used; null if no use is known. */
  async #searchUse(before: FoundAnswers): Promise<FoundAnswers | null> {
    const use = this.#tree === null ? null : useOf(this.#facts.ownTexts.values());
    if (use === null) return null;
    this.#use = use;
    // Without the rules: the search has them.
    this.#write(this.#text(null));
    const { program } = await this.#load();
    const found = program === null ? null : searchAnswers(program, {
      before,
      isProbed: isOpened,
      pathOf: (name) => this.#pathOf(name),
      run: () => runSelected(program, (number) => number === USE_TEST, { steps: TRY_STEPS })[0]!,
      timeMs: USE_MS,
    });
    if (found?.hasProbed === true) return found;
    [this.#use, this.#failedUse] = [null, use];
    this.#write(this.#text(null));
    return null;
  }

  /** Prints whether the driver can be used. */
  #sayUse(): void {
    if (this.#use !== null) this.#say(`use | ${this.#use.title}`);
    if (this.#failedUse === null) return;
    this.#say(`use | ${this.#failedUse.opens} does not succeed, so no test has it`);
  }

  /** Prints the result of the first test. @returns Whether it passed. */
  #sayRun(first: FirstRun, answers: FoundAnswers | null): boolean {
    const { diagnostics, lines, outcomes, program } = first;
    if (program === null) {
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      this.found = { ...this.found, missing: this.#missing(errors) };
      const counts = Map.groupBy(errors, ({ span }) => this.#pathOf(span.source.name));
      const each = [...counts].map(([path, { length }]) =>
        `${path} has ${formatCount(length, "error")}`
      );
      this.#say(`report | it does not compile: ${each.join(", ")}`);
      this.#list("what is missing, with the line that needs it:", this.#missing(errors));
      this.#sayFilled(diagnostics);
      return false;
    }
    this.#sayFilled(diagnostics);
    const failure = outcomes[0]?.failure ?? null;
    const stubs = this.#stubs(lines);
    this.found = {
      compiles: true,
      probes: outcomes[0] !== undefined && isProbed(outcomes[0]),
      maps: mapsMemory(program),
      passes: failure === null,
      missing: [],
      stubs,
      failure: failure === null ? null : failureInWords(failure),
    };
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
    this.#sayAnswers(answers, outcomes[0] !== undefined && isProbed(outcomes[0]));
    this.#sayAlong(lines);
    const own = lines.filter((line) => !STUB.test(line) && !IS_ALONG.test(line));
    this.#list("what the driver and dmalab print:", own);
    this.#list(
      "functions that dmalab does not have; each returns what is named, until a file of `files` defines it:",
      stubs,
    );
    if (failure !== null) this.#list("the failure:", failure.lines);
    return failure === null;
  }

  /** Prints which files of the tree were compiled along, and which were not. */
  #sayAlong(lines: readonly string[]): void {
    const after = (start: string) =>
      new Set(
        lines.filter((line) => line.startsWith(`info: ${start}`)).map((line) =>
          line.slice(`info: ${start}`.length)
        ),
      );
    this.#list(
      "compiled along from the tree, because the driver needs what they export; what they allocate for it is not checked for leaks:",
      [...after(ALONG)].flatMap((folders) => folders.split("; ")),
    );
    this.#list("not compiled along; what they export is a stub:", [...after(NOT_ALONG)]);
    this.#list("beyond the limit of files that are compiled along, so stubs:", [...after(BEYOND)]);
  }

  #sayAnswers(answers: FoundAnswers | null, hasProbed: boolean): void {
    if (answers === null || answers.hasProbed && assumptions(answers) === 0) return;
    const { bars, elapsedMs, ended, hasProbed: hadProbed, rules, tries } = answers;
    const result = hasProbed
      ? "probe() succeeds on a device as assumed below"
      : hadProbed
      ? "probe() succeeded in the search, and does not with the scenario's rules"
      : `probe() does not succeed: ${SEARCH_ENDED[ended ?? "candidates"]}`;
    this.#say(
      `search | ${result} | ${formatCount(tries, "try", "tries")}, ${
        (elapsedMs / 1000).toFixed(1)
      } s`,
    );
    const places = placesIn(bars);
    const register = (phys: number) => {
      const { bar, offset } = places(phys);
      return [`BAR ${bar}`, `0x${offset.toString(16)}`] as const;
    };
    this.#list(
      "what the search assumes about the device; check it:",
      [
        ...[...rules.reads].toSorted(([a], [b]) => a - b).map(([phys, { answer, reasons }]) =>
          `${register(phys).join(", ")} = ${answerText(answer, places)}  ${reasons.join("; ")}`
        ),
        ...rules.firmwareBytes === 0
          ? []
          : [`firmware of ${formatSize(rules.firmwareBytes)}, zeros where no word is named`],
        ...rules.contents.map((word) => `${contentText(word)}  ${word.reasons.join("; ")}`),
        ...rules.works.map(({ doorbell, reason, work }) => {
          const [bar, offset] = register(doorbell);
          return `${bar}, after a write to ${offset} it ${workText(work, places)}  ${reason}`;
        }),
      ],
    );
  }

  /** Prints what the release has changed and the compiler's own repairs fill in. */
  #sayFilled(diagnostics: readonly Diagnostic[]): void {
    // With dmalab's own headers nothing is filled in, and the compiler warns of other things.
    if (this.#tree === null) return;
    this.#list(
      `what ${this.#release} has changed, filled in here; the module does not build with it:`,
      this.#missing(diagnostics.filter(({ severity }) => severity === "warning")),
    );
  }

  /** Runs and reports the tests. @returns Whether all tests of the scenario pass. */
  async #sayTests(answers: FoundAnswers | null): Promise<boolean> {
    this.#say("");
    const count = assumptions(answers);
    const assumed = count === 0 ? "" : ` (with ${formatCount(count, "assumption")} of the search)`;
    const { outcomes } = await this.#runTests(
      () => true,
      { timeMs: TEST_MS, steps: TEST_STEPS },
      (outcome) => {
        this.#say(
          `test | ${outcome.name} | ${testResult(outcome)}${
            outcome.failure === null ? "" : assumed
          }`,
        );
        this.#show();
      },
    );
    return outcomes.every((outcome) => outcome.failure === null || isIdle(outcome));
  }

  #missing(diagnostics: readonly Diagnostic[]): readonly string[] {
    const texts = diagnostics.map(({ hint, message, severity, span }) => {
      const [, inTree, own] = NO_HEADER.exec(message) ?? [];
      const header = inTree ?? own;
      const rule = header === undefined || severity === "warning"
        ? changeHint(message, this.#release) ?? lineHint(lineAt(span), this.#release)
        : this.#ruleOf(header, span.source.name);
      const what = rule === null ? hint === undefined ? "" : `; ${hint}` : `; ${rule}`;
      return `${spanPlace(span)}  ${message}${what}`;
    });
    return [...new Set(texts)];
  }

  /**
   * Returns a hint about a missing header, with the makefile's rule that generates it, if there is
   * one.
   */
  #ruleOf(header: string, from: string): string {
    if (header.includes("../") || this.#facts.outerFolders.length > 0) {
      const hint = this.#aboveHint(header, from);
      if (hint !== null) return hint;
    }
    const [isOfMachine] = ["x86", "arm64"].filter((name) =>
      this.#tree?.text(`arch/${name}/include/${header}`) != null
    );
    if (isOfMachine !== undefined) {
      return `the tree has it for ${isOfMachine} alone: dmalab's machine has no architecture's own headers`;
    }
    const changed = headerHint(header, this.#release);
    if (changed !== null) return changed;
    const name = header.split("/").at(-1)!;
    const rule = this.#facts.headerRules.find(({ text }) => text.includes(name));
    const outer = this.#facts.outerFolders[0];
    if (rule === undefined && outer !== undefined) {
      return `${outer.path}:${outer.line} adds a folder above: name the repository's folder with --driver, and this source with --file`;
    }
    if (rule === undefined && this.#tree === null && OF_KERNEL.test(header)) {
      return "dmalab's own headers do not have it: name a kernel tree with --kernel, which has it";
    }
    const maker = rule === undefined ? makerOf(this.#module, name) : null;
    if (maker !== null) return `${maker} yourself, and keep the header in the folder`;
    return rule === undefined
      ? "no folder of the module or the kernel has it: if the build generates it, run the build once and keep the file"
      : `${rule.path}:${rule.line} makes it: run that yourself, and keep the file in the folder`;
  }

  /** The folder above the module's that has a header; null if none has it. */
  #folderAbove(header: string, from: string): string | null {
    const path = isAbsolute(from) ? from : join(currentFolder(), from);
    return enclosingFolder(this.#module.root, header, join(path, ".."));
  }

  /**
   * The folder that has the missing headers and that lies above the module's: with it the driver is tried
   * again. Null if every header is elsewhere.
   */
  #outerFolder(diagnostics: readonly Diagnostic[]): string | null {
    let outer: string | null = null;
    for (const { message, span } of diagnostics) {
      const [, inTree, own] = NO_HEADER.exec(message) ?? [];
      const header = inTree ?? own;
      const folder = header === undefined ? null : this.#folderAbove(header, span.source.name);
      if (folder !== null && (outer === null || folder.length < outer.length)) outer = folder;
    }
    return outer;
  }

  /** Tries the driver again with a folder above the module's. */
  async #runIn(folder: string): Promise<ExitCode> {
    const { root } = this.#module;
    const file = relative(folder, join(root, this.#facts.main));
    const why = `headers of ${root} lie above it: ${folder} is read, with --file ${file}`;
    const asked = { ...this.asked, module: folder, file };
    const again = new DriverInit(asked, this.screen, { ...this.options, why });
    const code = await again.run();
    this.found = again.found;
    return code;
  }

  /** The path of a file from the module's folder, if it is in it. */
  #pathOf(name: string): string {
    const { root } = this.#module;
    const path = isAbsolute(name) ? name : join(currentFolder(), name);
    return isInside(path, root) ? relative(root, path) : name;
  }

  /** A hint about a header above the module's folder, which may not be read; null if it lies elsewhere. */
  #aboveHint(header: string, from: string): string | null {
    const { root } = this.#module;
    const path = isAbsolute(from) ? from : join(currentFolder(), from);
    const target = relative(root, join(path, "..", header));
    const ups = target.split("/").filter((part) => part === "..").length;
    if (ups === 0) return null;
    const folder = join(root, ...Array.from({ length: ups }, () => ".."));
    const [shown, file] = [
      pathFrom(currentFolder(), folder),
      relative(folder, join(root, this.#facts.main)),
    ];
    return `it lies above the module's folder: \`--driver ${shellWord(shown)} --file ${
      shellWord(file)
    }\``;
  }

  get #release(): string {
    return this.#kernel ?? NEWEST;
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

/** Facts about a driver of the tree: its makefiles are read with the tree's. */
function withoutMakefiles(facts: ModuleFacts): ModuleFacts {
  return {
    ...facts,
    module: null,
    questions: [],
    unknown: [],
    asked: new Map(),
    missingMakefiles: [],
    outerFolders: [],
    headerRules: [],
  };
}

/** The line in which a span begins. */
function lineAt({ source, start }: Span): string {
  const end = source.text.indexOf("\n", start);
  return source.text.slice(
    source.text.lastIndexOf("\n", start - 1) + 1,
    end < 0 ? source.text.length : end,
  );
}

/**
 * A path relative to the scenario's folder, so that the folder and the target of the path can be
 * moved together.
 */
function pathFrom(folder: string, path: string): string {
  const from = isAbsolute(folder) ? folder : join(currentFolder(), folder);
  return relative(from, isAbsolute(path) ? path : join(currentFolder(), path)) || ".";
}

/** Opens a folder of kernel headers. @throws {TreeError} */
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

/** A failure in one line: of an assertion with the values of its parts. */
function failureInWords({ message, values }: NonNullable<TestOutcome["failure"]>): string {
  const parts = values.map(({ part, text }) => `${part} is ${text}`);
  return [message, ...parts.length === 0 ? [] : [parts.join(", ")]].join(": ");
}
