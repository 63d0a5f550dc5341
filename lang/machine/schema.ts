/**
 * The machine block as a table: every block with its keys and the blocks inside it.
 *
 * The keys come from the setting rows that define the configuration (`runtime/machine_config.ts`,
 * the kinds of `devices/registry.ts`). Checking, "did you mean", `dmalab explain iommu.mode`, `?`
 * in the REPL and the tables of language.md use the table in this file.
 */
import { CPU_SETTINGS, type DeviceRegistry, DEVICES } from "@dmalab/devices";
import {
  type AnySetting,
  BOOL,
  IOMMU_SETTINGS,
  LATENCY_PRESETS,
  LATENCY_SETTINGS,
  type LatencyPresetName,
  MACHINE_SETTINGS,
  optional,
  type OptionalSetting,
  RAM_SETTINGS,
  REGION_SETTINGS,
  setting,
  type SettingRows,
  SWIOTLB_SETTINGS,
  word,
} from "@dmalab/runtime";
import {
  DEFAULT_KERNEL,
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  type KernelProfile,
  nearestReleases,
} from "@dmalab/runtime/kernels";

/** The list of defect switches: a set of changes, and not a single value. */
export interface QuirksSetting extends Omit<OptionalSetting, "shape"> {
  readonly shape: { readonly kind: "quirks" };
}

export type SettingSpec = AnySetting | QuirksSetting;
export type ValueShape = SettingSpec["shape"];

export interface BlockSpec {
  readonly keyword: string;
  /**
   * Whether the block has a name, as in `region low { }`. A block with a name may occur more than
   * once.
   */
  readonly named: boolean;
  readonly settings: readonly SettingSpec[];
  /** Keywords of the blocks that may be inside this block. */
  readonly children: readonly string[];
  readonly doc: string;
  /** Whether a scenario can define the code of the block's registers. */
  readonly hasRegisters: boolean;
}

export const KERNEL = setting<KernelProfile>(
  "kernel",
  {
    kind: "string",
    choices: KERNEL_NAMES,
    aliases: KERNEL_SHORT_NAMES,
    nearest: nearestReleases,
  },
  DEFAULT_KERNEL,
  { doc: "The release whose behaviour is modelled." },
);

export const STRICT = setting("strict", BOOL, true, {
  doc: "False: `checker`, `faults` and `leaks` are `report` where nothing else is said.",
});

export const PRESET = optional(
  "preset",
  word(...Object.keys(LATENCY_PRESETS) as LatencyPresetName[]),
  {
    leftOut: "every latency is 0",
    doc: "A preset of latencies; single ones can be set beside it.",
  },
);

export const QUIRKS: QuirksSetting = {
  key: "quirks",
  shape: { kind: "quirks" },
  leftOut: "the profile's",
  doc: "Defect switches: `x` adds, `not x` removes, a leading `none` clears the release's.",
};

function block(
  keyword: string,
  doc: string,
  settings: SettingRows,
  more: Partial<BlockSpec> = {},
): BlockSpec {
  const rows = Object.values(settings);
  return { keyword, doc, named: false, children: [], settings: rows, hasRegisters: false, ...more };
}

/** The blocks that every machine may have. */
const BLOCKS: readonly BlockSpec[] = [
  block("machine", "The machine: its kernel, memory, IOMMU and devices.", {}, {
    children: ["ram", "region", "iommu", "swiotlb", "latencies", "pci"],
    settings: [
      KERNEL,
      QUIRKS,
      ...Object.values(MACHINE_SETTINGS),
      STRICT,
      ...Object.values(CPU_SETTINGS),
    ],
  }),
  block(
    "ram",
    "Main memory, from address 0 around the MMIO windows; the rest is above 4 GiB.",
    RAM_SETTINGS,
  ),
  block("region", "A named part of the RAM, or an MMIO window.", REGION_SETTINGS, {
    named: true,
  }),
  block("iommu", "The IOMMU, which translates device addresses.", IOMMU_SETTINGS),
  block("swiotlb", "The pool of bounce buffers.", SWIOTLB_SETTINGS),
  block(
    "latencies",
    "The virtual time that events take. The name of any event is a key.",
    { preset: PRESET, ...LATENCY_SETTINGS },
  ),
];

export class MachineSchema {
  /** The blocks, by their keywords. */
  readonly blocks: ReadonlyMap<string, BlockSpec>;
  /**
   * Valid machines, as text. After an edit in an editor, a test usually has the same machine as
   * before; a machine in this set is not built again.
   */
  readonly right = new Set<string>();

  constructor(readonly registry: DeviceRegistry) {
    const all = [
      ...BLOCKS,
      block("pci", "The PCI tree.", {}, { children: registry.rootHolds }),
      ...[...registry.blocks].map(([keyword, { doc, hasRegisters, holds, settings }]) =>
        block(keyword, doc, settings, { named: true, children: holds, hasRegisters })
      ),
    ];
    this.blocks = new Map(all.map((each) => [each.keyword, each]));
  }

  /** The keywords of the blocks with registers that a scenario can describe. */
  withRegisters(): readonly string[] {
    return this.#keywords(({ hasRegisters }) => hasRegisters);
  }

  /** The keywords of the blocks that may contain a block with this keyword. */
  placesOf(keyword: string): readonly string[] {
    return this.#keywords(({ children }) => children.includes(keyword));
  }

  block(keyword: string): BlockSpec {
    const spec = this.blocks.get(keyword);
    if (spec === undefined) throw new RangeError(`No machine block is called "${keyword}"`);
    return spec;
  }

  #keywords(holds: (block: BlockSpec) => boolean): readonly string[] {
    return [...this.blocks.values()].filter(holds).map(({ keyword }) => keyword);
  }
}

/** The blocks of machines with the built-in devices. */
export const MACHINE_SCHEMA: MachineSchema = new MachineSchema(DEVICES);
