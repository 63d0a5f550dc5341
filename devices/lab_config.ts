/** The configuration of a lab as plain data: the machine, and the PCI tree with its devices. */
import { defaultMachineConfig, type MachineConfig } from "@dmalab/runtime";
import { type CpuIdentity, ORDINARY_CPU } from "./pci/host_bridge.ts";
import type { BlockSettings, PciNodeKind } from "./registry.ts";

export type { BlockSettings, PciNodeKind } from "./registry.ts";

/** One block of the PCI tree. Settings that are left out have the defaults of the kind. */
export type PciNodeConfig<K extends PciNodeKind = PciNodeKind> = K extends PciNodeKind ? {
    readonly kind: K;
    readonly name: string;
    readonly settings: BlockSettings<K>;
    readonly children: readonly PciNodeConfig[];
  }
  : never;

/** Makes a block of the PCI tree. */
export function pciNode<K extends PciNodeKind>(
  kind: K,
  name: string,
  children: readonly PciNodeConfig[] = [],
  settings: BlockSettings<K> = {} as BlockSettings<K>,
): PciNodeConfig {
  return { kind, name, settings, children } as PciNodeConfig;
}

type PropertyOf<U> = U extends unknown ? keyof U : never;
type ValueIn<U, P> = U extends unknown ? P extends keyof U ? U[P] : never : never;

/** The value of a key in a block; undefined if blocks of this kind lack the key. */
export function settingOf<P extends PropertyOf<BlockSettings>>(
  node: PciNodeConfig,
  property: P,
): ValueIn<BlockSettings, P> | undefined {
  return Reflect.get(node.settings, property);
}

/** Everything a lab is built from. `buildLab` adds the PCI windows to `windows`. */
export interface LabConfig extends MachineConfig {
  /**
   * The boot processor. With some models of processor, all host bridges are trusted to carry
   * peer-to-peer traffic (rules/p2p.md 9.4).
   */
  readonly cpu: CpuIdentity;
  /** The PCI tree: its root ports and host bridges with what is below them. */
  readonly pci: readonly PciNodeConfig[];
}

/** A machine of one CPU and 4 GiB, without devices. */
export function defaultLabConfig(): LabConfig {
  return { ...defaultMachineConfig(), cpu: ORDINARY_CPU, pci: [] };
}
