/** A machine from a literal: missing keys have the defaults of a script. */
import { defaultLabConfig, type LabConfig, pciNode, type PciNodeConfig } from "./lab_config.ts";
import type { PartialSettings, SettingRows } from "@dmalab/runtime";
import type { BlockSettings, PciNodeKind } from "./registry.ts";

/** One block of the PCI tree; settings that are left out have the defaults of its kind. */
export type PciLiteral<K extends PciNodeKind = PciNodeKind> = K extends PciNodeKind ? {
    /** The word of the block: `root_port`, `nvme`. */
    readonly kind: K;
    /** How it is called: `lab.device("ssd", "nvme")`. */
    readonly name: string;
    /** Its keys, as language.md has them, in camel case with their units. */
    readonly settings?: BlockSettings<K>;
    /** The blocks below it. */
    readonly children?: readonly PciLiteral[];
  }
  : never;

/** A block of a kind of device that was added, with the keys of that kind. */
export function addedBlock<R extends SettingRows>(
  { kind }: { readonly kind: string; readonly settings: R },
  name: string,
  settings: PartialSettings<R> = {},
): PciLiteral {
  // A tree takes blocks by their words: its type knows the built-in ones.
  return { kind, name, settings } as unknown as PciLiteral;
}

/** A machine as it is written down. */
export interface LabLiteral
  extends Partial<Omit<LabConfig, "iommu" | "swiotlb" | "pci" | "quirks" | "ramSizeBytes">> {
  /** Main memory. */
  readonly ram?: {
    readonly sizeBytes: LabConfig["ramSizeBytes"];
  };
  /** Keys of the IOMMU that are not to be their defaults. */
  readonly iommu?: Partial<LabConfig["iommu"]>;
  /** Keys of the bounce buffers that are not to be their defaults. */
  readonly swiotlb?: Partial<LabConfig["swiotlb"]>;
  /** The PCI tree; none when it is left out. */
  readonly pci?: readonly PciLiteral[];
  /** The defects that it has, in place of those of its release. */
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
