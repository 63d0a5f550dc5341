/**
 * Plans the tests that a guest can repeat, grouped by machines. Lists all other tests with the
 * reasons why a guest cannot repeat them.
 */
import type { LabConfig } from "@dmalab/devices";
import { blocksOf, openFile, PAGE_SUFFIX } from "@dmalab/cli/scenario";
import { loadProgram } from "@dmalab/lang";
import { countMistakes, printable, renderDiagnostics } from "@dmalab/lang/diagnostics";
import {
  isNamed,
  type NameMatch,
  type Program,
  type RunnableTest,
  statementsEntry,
} from "@dmalab/lang/run";
import { formatCount } from "@dmalab/lang/text";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import {
  guestMemoryBytes,
  needsOf,
  type QemuMachine,
  qemuMachine,
  sharedMachine,
} from "../machine/qemu_machine.ts";
import type { QemuProgram } from "../machine/qemu_program.ts";
import { Islands } from "./islands.ts";
import { withPlace } from "./key_places.ts";
import { memoryOf, type RecordedTest, recordTest } from "./scenario_run.ts";

/** Direct I/O looks up the pages of a buffer in batches; a batch has at most this many bytes. */
const MAX_LOOKUP_BYTES = 256 * 4096;

export interface GuestScenario {
  readonly path: string;
  readonly program: Program;
}

/** A test that a guest repeats, with its actions on the model. */
export interface PlannedTest {
  readonly scenario: GuestScenario;
  readonly recorded: RecordedTest;
  readonly machine: QemuMachine;
}

/** A test that a guest cannot repeat. */
export interface RefusedTest {
  readonly scenario: GuestScenario;
  readonly test: RunnableTest;
  readonly reasons: readonly string[];
}

/**
 * The release of the model. `scenario`: the release that the machine block names; if it names none,
 * the release nearest to the kernel. `nearest`: always the release nearest to the kernel.
 */
export type ReleaseChoice = KernelProfile | "scenario" | "nearest";

export interface PlanOptions {
  readonly matches: readonly NameMatch[];
  readonly release: ReleaseChoice;
  /** The modelled release that is closest to the kernel. */
  readonly nearest: KernelProfile;
  readonly qemu: QemuProgram;
}

/**
 * Reads the scenarios. A Markdown page has a scenario for each of its blocks.
 * @returns The scenarios; or why a file cannot be read, as a text.
 */
export async function loadScenarios(
  paths: readonly string[],
): Promise<readonly GuestScenario[] | string> {
  const scenarios: GuestScenario[] = [];
  for (const path of paths) {
    const loaded = await loadFile(path);
    if (typeof loaded === "string") return loaded;
    scenarios.push(...loaded);
  }
  return scenarios;
}

async function loadFile(path: string): Promise<readonly GuestScenario[] | string> {
  const opened = await openFile(path, null, null);
  if (typeof opened === "string") return opened;
  const { entry, loader } = opened;
  const entries = path.endsWith(PAGE_SUFFIX) ? blocksOf(entry) : [entry];
  if (typeof entries === "string") return entries;
  const scenarios: GuestScenario[] = [];
  for (const each of entries) {
    const { diagnostics, program } = loadProgram(each, loader);
    if (program === null) {
      const problems = diagnostics.filter(({ severity }) => severity === "error");
      return `"${printable(path)}" has ${
        formatCount(countMistakes(diagnostics, "error"), "error")
      }\n${renderDiagnostics(problems)}`;
    }
    scenarios.push({ path, program });
  }
  return scenarios;
}

/** Whether a test needs an IOMMU with properties that releases of QEMU name differently. */
export function asksForVtd(scenarios: readonly GuestScenario[]): boolean {
  return scenarios.some(({ program }) =>
    wantedTests(program, []).some(({ config: { iommu } }) => needsOf(iommu.model).length > 0)
  );
}

/** Runs each test on the model, and separates the tests that a guest cannot repeat. */
export function planTests(
  scenarios: readonly GuestScenario[],
  { matches, nearest, qemu, release }: PlanOptions,
): { readonly planned: readonly PlannedTest[]; readonly refused: readonly RefusedTest[] } {
  const planned: PlannedTest[] = [];
  const refused: RefusedTest[] = [];
  for (const scenario of scenarios) {
    for (const test of wantedTests(scenario.program, matches)) {
      const config = onRelease(test, scenario.program, release, nearest);
      const machine = qemuMachine(config, guestMemoryBytes(0, 0), undefined, qemu);
      const recorded = recordTest(scenario.program, test, machine.config, DEFAULT_LIMITS);
      const reasons = test.skip ? ["the scenario skips it"] : [
        ...machine.missing.map((reason) => withPlace(reason, scenario.program, test)),
        ...recorded.blockers,
        ...cutReasons(recorded),
      ];
      if (reasons.length === 0) planned.push({ scenario, recorded, machine });
      else refused.push({ scenario, test, reasons });
    }
  }
  return { planned, refused };
}

/**
 * The tests, and without `--match` also the statements at the top of the file. Benches are left
 * out, because they measure the model.
 */
function wantedTests(program: Program, matches: readonly NameMatch[]): readonly RunnableTest[] {
  const statements = matches.length === 0 ? statementsEntry(program) : null;
  const tests = program.tests.filter((test) => test.kind !== "bench" && isNamed(test, matches));
  return statements === null ? tests : [statements, ...tests];
}

/** Groups tests by machine: tests on the same machine share a boot. */
export function sameMachines(
  planned: readonly PlannedTest[],
): readonly (readonly PlannedTest[])[] {
  const groups = Map.groupBy(
    planned,
    ({ machine: { append, args, disks, nvmeParameters } }) =>
      JSON.stringify([append, args, nvmeParameters, disks.map(({ queue }) => [...queue])]),
  );
  return [...groups.values()];
}

/** Machines that one guest can have together; a machine that shares no guest is alone. */
export function sameGuests(
  groups: readonly (readonly PlannedTest[])[],
): readonly (readonly (readonly PlannedTest[])[])[] {
  const guests = Map.groupBy(groups, ([test], index) => test!.machine.sharing ?? index);
  return [...guests.values()].flatMap((together) =>
    sharedMachine(together.map(([test]) => test!.machine), 0) === null
      ? together.map((group) => [group])
      : [together]
  );
}

/**
 * Reasons why direct I/O splits memory that is one vector in the scenario's bio into several
 * vectors.
 * @see rules/block.md 1.4
 */
export function cutReasons(recorded: RecordedTest): string[] {
  const islands = new Islands(memoryOf([recorded]));
  const vecs = [...memoryOf([recorded])];
  return [
    ...vecs.some((vec) => islands.isCut(vec))
      ? ["a contiguous piece of memory across huge pages (2 MiB)"]
      : [],
    ...vecs.some(({ sizeBytes }) => sizeBytes > MAX_LOOKUP_BYTES)
      ? ["a contiguous piece of more than 1 MiB: direct I/O looks up 256 pages at a time"]
      : [],
  ];
}

/** The test's machine with the kernel release for the comparison. */
function onRelease(
  { config, axes }: RunnableTest,
  { machine: { declaration } }: Program,
  release: ReleaseChoice,
  nearest: KernelProfile,
): LabConfig {
  const isNamedThere = axes.some(({ key }) => key === "kernel") ||
    declaration?.entries.some((entry) => entry.kind === "Setting" && entry.key.text === "kernel");
  if (release === "scenario") return isNamedThere ? config : { ...config, kernel: nearest };
  return { ...config, kernel: release === "nearest" ? nearest : release };
}
