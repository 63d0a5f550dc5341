/** The scenario that `dmalab init --driver` writes for an out-of-tree module. */
import type { ModuleFacts } from "./module_facts.ts";

/** What a register answers, with the reason. */
export interface RegisterAnswer {
  readonly offset: number;
  readonly value: number;
  /** Such as the constant's name. */
  readonly why: string;
}

export interface ScenarioParts {
  readonly facts: Pick<ModuleFacts, "ids" | "main" | "others">;
  /** Paths, as the scenario names them; null for dmalab's own headers. */
  readonly tree: string | null;
  readonly module: string;
  /** Of the machine; null for the newest. */
  readonly kernel: string | null;
  readonly answers: readonly RegisterAnswer[];
}

const OTHER_BARS = "1 mem32 1MiB, 2 mem32 1MiB, 3 mem32 1MiB, 4 mem32 1MiB, 5 mem32 1MiB";

/** The text of the scenario. */
export function scenarioText(
  { answers, facts: { ids, main, others }, kernel, module, tree }: ScenarioParts,
): string {
  const identity = ids === null ? [] : [
    `        vendor = ${hex(ids.vendor)}, device = ${
      hex(ids.device)
    }   # ${ids.at.path}:${ids.at.line}`,
  ];
  const registers = answers.flatMap(({ offset, value, why }) => [
    `        # ${why}`,
    `        on read ${hex(offset)} { return ${hex(value)} }`,
  ]);
  const settings = tree === null
    ? []
    : [`tree = ${JSON.stringify(tree)}`, `module = ${JSON.stringify(module)}`, 'stubs = "fill"'];
  return [
    "# Made by `dmalab init --driver`. Complete what the report names, and run `dmalab test driver.dma`.",
    "",
    "machine {",
    ...kernel === null ? [] : [`  kernel = "${kernel}"`],
    "  iommu { mode = strict }",
    "  pci {",
    "    root_port rp0 {",
    "      endpoint card {",
    ...identity,
    "        # Fill in: its revision, the sizes of its BARs, and its vectors.",
    "        revision = 1",
    "        bar = 1MiB",
    `        bars = "${OTHER_BARS}"`,
    "        vectors = 32",
    ...registers,
    "      }",
    "    }",
    "  }",
    "}",
    "",
    ...others.length === 0 ? [] : [
      `# Other PCI drivers of this folder: ${others.join(", ")}`,
      "",
    ],
    settings.length === 0
      ? `driver d = c ${JSON.stringify(`${module}/${main}`)}`
      : `driver d = c ${JSON.stringify(main)} { ${settings.join(", ")} }`,
    "",
    "# Fill in: what the device does by itself, such as writing a ring and raising an interrupt.",
    "fn device_works() { return none }",
    "",
    'test "it probes and is removed" {',
    "  assert d.load() == 0",
    "  assert d.probe(card) == 0",
    "  d.remove(card)",
    "  d.unload()",
    "}",
    "",
    'test "everything that can fail in probe and remove fails once" {',
    "  assert d.load() == 0",
    "  inject each { if d.probe(card) == 0 { d.remove(card) } }",
    "  d.unload()",
    "}",
    "",
    'test "it is removed at every moment" {',
    "  assert d.load() == 0",
    "  remove each { if d.probe(card) == 0 { d.remove(card) } } and { device_works() }",
    "  d.unload()",
    "}",
    "",
    'test "it is pulled out after every event" {',
    "  assert d.load() == 0",
    "  unplug each { if d.probe(card) == 0 { d.remove(card) } }",
    "  d.unload()",
    "}",
    "",
  ].join("\n");
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
