/** Makes a lab configuration from a literal: missing keys have the same defaults as in scripts. */
import { defaultLabConfig, type LabConfig, pciNode, type PciNodeConfig } from "./lab_config.ts";
import type { PartialSettings, SettingRows } from "@dmalab/runtime";
import type { BlockSettings, PciNodeKind } from "./registry.ts";

/** One block of the PCI tree; settings that are left out have the defaults of its kind. */
export type PciLiteral<K extends PciNodeKind = PciNodeKind> = K extends PciNodeKind ? {
    /** The keyword of the block: `root_port`, `nvme`. */
    readonly kind: K;
    /** The block's name, used in `lab.device("ssd", "nvme")`. */
    readonly name: string;
    /** The block's keys as in language.md, in camel case with their units. */
    readonly settings?: BlockSettings<K>;
    /** The blocks below it. */
    readonly children?: readonly PciLiteral[];
  }
  : never;

/** Makes a block for an added kind of device, with the keys of that kind. */
export function addedBlock<R extends SettingRows>(
  { kind }: { readonly kind: string; readonly settings: R },
  name: string,
  settings: PartialSettings<R> = {},
): PciLiteral {
  // The type of a tree knows only the keywords of the built-in kinds.
  return { kind, name, settings } as unknown as PciLiteral;
}

/** A machine written as a literal. */
export interface LabLiteral
  extends Partial<Omit<LabConfig, "iommu" | "swiotlb" | "pci" | "quirks" | "ramSizeBytes">> {
  /** Main memory. */
  readonly ram?: {
    readonly sizeBytes: LabConfig["ramSizeBytes"];
  };
  /** IOMMU keys with other values than the defaults. */
  readonly iommu?: Partial<LabConfig["iommu"]>;
  /** Bounce-buffer keys with other values than the defaults. */
  readonly swiotlb?: Partial<LabConfig["swiotlb"]>;
  /** The PCI tree; empty if left out. */
  readonly pci?: readonly PciLiteral[];
  /** The machine's defects, replacing those of its release. */
  readonly quirks?:
    | Iterable<NonNullable<LabConfig["quirks"]> extends ReadonlySet<infer Q> ? Q : never>
    | null;
}

/**
 * The configuration of a literal, with every default.
 *
 * @example
 * ```ts
 * import { buildLab } from "./lab.ts";
 * import { labConfig } from "./lab_literal.ts";
 *
 * const lab = buildLab(labConfig({
 *   ram: { sizeBytes: 2 ** 33 },
 *   iommu: { mode: "strict" },
 *   pci: [{
 *     kind: "root_port",
 *     name: "rp0",
 *     children: [{ kind: "nvme", name: "ssd", settings: { depth: 64 } }],
 *   }],
 * }));
 * if (lab.device("ssd", "nvme").name !== "ssd") throw new Error("It is not there");
 * if (lab.machine.config.ramSizeBytes !== 2 ** 33) throw new Error("It is as it would be");
 * ```
 */
export function labConfig(literal: LabLiteral = {}): LabConfig {
  const { iommu, pci = [], quirks, ram, swiotlb, ...given } = literal;
  const defaults = defaultLabConfig();
  return {
    ...defaults,
    ...given,
    ramSizeBytes: ram?.sizeBytes ?? defaults.ramSizeBytes,
    iommu: { ...defaults.iommu, ...iommu },
    swiotlb: { ...defaults.swiotlb, ...swiotlb },
    quirks: quirks === undefined || quirks === null ? null : new Set(quirks),
    pci: pci.map(nodeOf),
  };
}

function nodeOf({ children = [], kind, name, settings }: PciLiteral): PciNodeConfig {
  return pciNode(kind, name, children.map(nodeOf), settings);
}
