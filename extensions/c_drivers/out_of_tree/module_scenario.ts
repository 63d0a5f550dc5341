/** The scenario that `dmalab init --driver` writes for an out-of-tree module. */
import { printable } from "@dmalab/lang/diagnostics";
import type { TestOutcome } from "@dmalab/lang/run";
import { formatCount, formatSize } from "@dmalab/lang/text";
import { placesIn, registerLines } from "../search/rule_text.ts";
import { NOT_THE_DRIVERS } from "../c_failures.ts";
import type { ModuleFacts } from "./module_facts.ts";
import type { DriverUse } from "./driver_use.ts";
import { assumptions, type FoundAnswers } from "./register_search.ts";

export interface ScenarioParts {
  readonly facts: Pick<
    ModuleFacts,
    "deviceClass" | "barBytes" | "bars" | "ids" | "main" | "others" | "vectors"
  >;
  /** Numbers of the BARs that are I/O ports. */
  readonly ports: ReadonlySet<number>;
  /** Sizes of BARs that a run has shown, in bytes, by the BAR's number. */
  readonly sizes?: ReadonlyMap<number, number>;
  /** Path of the tree, relative to the scenario's folder; null for dmalab's own headers. */
  readonly tree: string | null;
  /** Path of the module's folder, relative to the scenario's; null for a driver of the tree. */
  readonly module: string | null;
  /** Path of the driver's folder from the tree's root; null for a module. */
  readonly inTree?: string | null;
  /** Whether the driver has `load()` and `unload()`. */
  readonly loads: boolean;
  /** How the driver is used after it has probed; null if no use is known. */
  readonly use?: DriverUse | null;
  /** Whether registering the driver binds the device, because its init function wants that. */
  readonly bindsAtLoad?: boolean;
  /** Release of the machine's kernel; null for the newest. */
  readonly kernel: string | null;
  /** The rules that a search has found; null without a search. */
  readonly answers: Pick<FoundAnswers, "bars" | "rules"> | null;
}

/** The statement that loads a driver before it probes. */
export const LOADS = "assert d.load() == 0";

/** The tests: name and statements. PROBE, USE and REMOVE stand for the calls. */
const TESTS: readonly (readonly [name: string, ...body: string[]])[] = [
  ["it probes and is removed", "assert PROBE == 0", "REMOVE"],
  [
    "everything that can fail in probe and remove fails once",
    "inject each { if PROBE == 0 { USE REMOVE } }",
  ],
  [
    "it is removed at every moment",
    "remove each { if PROBE == 0 { USE REMOVE } } and { device_works() }",
  ],
  [
    "it is pulled out after every event",
    "unplug each { if PROBE == 0 { USE REMOVE } }",
  ],
];

/**
 * Failures by a limit. A report's test has less time and fewer steps than the same test in `dmalab test`, so such a
 * failure shows nothing about the driver.
 */
const LIMITS_REACHED: readonly string[] = ["E0801", "E0806"];

/** The failure of an `inject each` in whose block nothing can fail. */
const NOTHING_TRIED = "E0928";

/** Whether a test tried nothing because no call of the driver can fail. */
export function isIdle({ failure }: Pick<TestOutcome, "failure">): boolean {
  return failure?.code === NOTHING_TRIED && failure.message === "Nothing in this block can fail";
}

/** The result of a test of the scenario, for the report. */
export function testResult(
  { failure, name, placesTried }: Pick<TestOutcome, "failure" | "name" | "placesTried">,
): string {
  if (failure !== null && LIMITS_REACHED.includes(failure.code)) {
    return `not run to its end, so neither ok nor FAILED: ${failure.message}; the command below allows more`;
  }
  if (isIdle({ failure })) return "ok, nothing to try: no call in it can fail";
  if (failure?.message.endsWith(NOT_THE_DRIVERS)) return `not judged: ${failure.message}`;
  if (failure !== null) return `FAILED: ${failure.message}`;
  const isSweep = TESTS.some(([each, ...body]) => each === name && / each /.test(body.join()));
  if (placesTried === 0) {
    return isSweep ? "ok, nothing to try: no event happens while the driver is bound" : "ok";
  }
  const isEmpty = placesTried === 1 &&
    TESTS.some(([each, ...body]) => each === name && body.join().includes("device_works()"));
  return `ok, ${formatCount(placesTried, "place")} tried${
    isEmpty ? ", as `device_works()` does nothing yet" : ""
  }`;
}

/** Generates the scenario's text. */
export function scenarioText(
  {
    answers,
    bindsAtLoad = false,
    facts: { barBytes, bars, deviceClass, ids, main, others, vectors },
    inTree = null,
    kernel,
    loads,
    module,
    ports,
    sizes = new Map(),
    tree,
    use = null,
  }: ScenarioParts,
): string {
  const identity = ids === null ? [] : [
    `        vendor = ${hex(ids.vendor)}, device = ${hex(ids.device)}   # ${
      printable(ids.at.path)
    }:${ids.at.line}`,
  ];
  const registers = answers === null || assumptions(answers) === 0 ? [] : [
    "# Values that a search has found: assumptions about the device. Check them.",
    ...registerLines(answers.rules, placesIn(answers.bars), "card"),
  ];
  return [
    "# Made by `dmalab init --driver`. Complete what the report names; the report's last line runs the tests.",
    "",
    "machine {",
    ...kernel === null ? [] : [`  kernel = "${kernel}"`],
    "  iommu { mode = strict }",
    "  pci {",
    "    root_port rp0 {",
    "      endpoint card {",
    ...identity,
    ...deviceClass === null ? [] : [
      `        class = ${hex(deviceClass.code)}   # ${
        printable(deviceClass.at.path)
      }:${deviceClass.at.line}`,
    ],
    "        # Fill in: its revision, the sizes of its BARs, and its vectors.",
    "        revision = 1",
    `        bars = "${barsText(bars, { ports, sizes, barBytes })}"`,
    `        vectors = ${vectors}`,
    ...registers.map((line) => `        ${line}`),
    "      }",
    "    }",
    "  }",
    "}",
    "",
    ...others.length === 0 ? [] : [
      `# Other PCI drivers of this folder: ${others.map(printable).join(", ")}`,
      "",
    ],
    driverLine({ inTree, main, module, tree }),
    "",
    "# Fill in: what the device does by itself, such as writing a ring and raising an interrupt.",
    "fn device_works() { return none }",
    "",
    ...testsOf(use).flatMap(([name, ...body]) => [
      `test ${JSON.stringify(name)} {`,
      ...statementsOf(body, { bindsAtLoad, loads, use })
        .map((line) => `  ${line}`),
      "}",
      "",
    ]),
  ].join("\n");
}

/** Number of the test of a driver's use, from 0. */
export const USE_TEST = 1;

/** The tests, with that of the driver's use. */
function testsOf(use: DriverUse | null): typeof TESTS {
  if (use === null) return TESTS;
  const opened = ["assert PROBE == 0", `assert ${use.opens} == 0`, ...use.then, "REMOVE"];
  return TESTS.toSpliced(USE_TEST, 0, [use.title, ...opened]);
}

function statementsOf(
  body: readonly string[],
  { bindsAtLoad, loads, use }:
    & Pick<ScenarioParts, "loads">
    & Required<Pick<ScenarioParts, "bindsAtLoad" | "use">>,
): readonly string[] {
  const [probe, remove] = bindsAtLoad
    ? ["d.load_with(card)", "d.remove(card); d.unload()"]
    : ["d.probe(card)", "d.remove(card)"];
  const used = use === null ? "" : `if ${use.opens} == 0 { ${use.then.join("; ")} }; `;
  const lines = body.map((line) =>
    line.replace("PROBE", probe).replace("USE ", used).replace("REMOVE", remove)
  );
  return loads && !bindsAtLoad ? [LOADS, ...lines, "d.unload()"] : lines;
}

/** The line that names the driver: a file of a module's folder, or of the tree. */
function driverLine(
  { inTree, main, module, tree }: Pick<ScenarioParts, "inTree" | "module" | "tree"> & {
    readonly main: string;
  },
): string {
  const settings = [
    ...module === null ? [] : [`module = ${quoted(module)}`],
    ...tree === null ? [] : [`tree = ${quoted(tree)}`, 'stubs = "fill"'],
  ];
  const source = inTree == null ? main : `${inTree}/${main}`;
  return `driver d = c ${quoted(source)} { ${settings.join(", ")} }`;
}

/** The setting with the device's BARs. */
function barsText(
  bars: readonly number[],
  { barBytes, ports, sizes }:
    & Required<Pick<ScenarioParts, "ports" | "sizes">>
    & Pick<ModuleFacts, "barBytes">,
): string {
  return bars.map((bar) => {
    const known = sizes.get(bar) ?? barBytes.get(bar)?.sizeBytes;
    const most = ports.has(bar) ? 256 : 2 ** 30;
    const size = formatSize(Math.min(known ?? 2 ** 20, most));
    return `${bar} ${ports.has(bar) ? "io" : "mem32"} ${size}`;
  }).join(", ");
}

/**
 * Quotes a string for the scenario. The quoting ensures that the name of a file does not end the
 * string and is not evaluated.
 */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("{", "\\{");
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
