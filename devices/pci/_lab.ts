/** Small labs for tests of peers: a compact notation for the tree, and access to the events. */
import { type EventName, type IommuConfig, type MachineEvent, MIB } from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { buildLab, type Lab } from "../lab.ts";
import {
  type BlockSettings,
  defaultLabConfig,
  type LabConfig,
  type PciNodeConfig,
  type PciNodeKind,
} from "../lab_config.ts";
import type { PciFunction } from "./pci_function.ts";

/** Makes a block of a tree. */
export function block(
  kind: PciNodeKind,
  name: string,
  children: readonly PciNodeConfig[] = [],
  settings: BlockSettings = {},
): PciNodeConfig {
  return { kind, name, settings, children } as PciNodeConfig;
}

/** An endpoint that provides 16 MiB of peer memory. */
export function lender(name: string, settings: BlockSettings = {}): PciNodeConfig {
  return block("endpoint", name, [], { p2pmemBytes: 16 * MIB, ...settings });
}

/** An endpoint without memory. */
export function client(name: string, settings: BlockSettings = {}): PciNodeConfig {
  return block("endpoint", name, [], settings);
}

/** A lab with its events. The lab's PCI functions are found by name. */
export class PeerBench {
  readonly lab: Lab;
  readonly events: MachineEvent[] = [];

  constructor(
    pci: readonly PciNodeConfig[],
    more: Partial<Omit<LabConfig, "iommu" | "pci">> & { iommu?: Partial<IommuConfig> } = {},
  ) {
    const defaults = defaultLabConfig();
    this.lab = buildLab({
      ...defaults,
      quirks: new Set(),
      swiotlb: { ...defaults.swiotlb, sizeBytes: 0 },
      ...more,
      iommu: { ...defaults.iommu, ...more.iommu },
      pci,
    });
    this.lab.machine.events.listen((event) => this.events.push(event));
  }

  func(name: string): PciFunction {
    return this.lab.topology.find(name)!;
  }

  device(name: string): DmaDevice {
    return this.lab.devices.get(name)!.dma;
  }

  kind(provider: string, client: string): string {
    return this.lab.topology.routes.kind(this.func(provider), this.func(client));
  }

  distance(provider: string, ...clients: string[]): number {
    return this.lab.topology.routes.distance(
      this.func(provider),
      clients.map((name) => this.func(name)),
      true,
    );
  }

  /** How often an event has occurred since the last `forget`. */
  count(name: EventName): number {
    return this.events.filter((event) => event.name === name).length;
  }

  /** Texts of the kernel's warnings since the last `forget`. */
  get warnings(): string[] {
    return this.events.filter((event) => event.name === "kernel.warn")
      .map((event) => (event as MachineEvent<"kernel.warn">).fields.text);
  }

  /** Classes of the checker's reports since the last `forget`. */
  get reports(): string[] {
    return this.events.filter((event) => event.name === "dma.report")
      .map((event) => (event as MachineEvent<"dma.report">).fields.class);
  }

  /**
   * The hops of the last transaction, each as `from > to`. A hop with an unusual verdict is
   * followed by the verdict.
   */
  get hops(): string[] {
    const tlps = this.events.filter((event) => event.name === "pci.tlp") as MachineEvent<
      "pci.tlp"
    >[];
    const start = tlps.findLastIndex(({ fields }) => fields.hop === 1);
    return start < 0
      ? []
      : tlps.slice(start).map(({ fields: { from, to, verdict, kind } }) =>
        `${from} > ${to}${verdict === "forward" ? "" : ` ${verdict}`}${
          kind === "completion" ? " (completion)" : ""
        }`
      );
  }

  forget(): void {
    this.events.length = 0;
  }
}
