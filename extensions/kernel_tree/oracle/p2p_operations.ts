/** Questions about peer-to-peer DMA in PCI trees, and the model's answers. */
import {
  ACS_SERVICES,
  acsPresent,
  buildLab,
  defaultLabConfig,
  type Lab,
  type PciFunction,
  type PciNodeConfig,
  type PciRole,
} from "@dmalab/devices";
import type { KernelName } from "@dmalab/runtime/kernels";
import type { Implementation, OperationResult } from "./compare.ts";

/** A PCI function; others refer to it by its index. */
export interface FunctionFields {
  /** Index of the function's host bridge. */
  readonly host: number;
  /** Index of the bridge above; -1 on a root bus. */
  readonly above: number;
  readonly bus: number;
  readonly devfn: number;
  readonly role: PciRole;
  /** Enabled bits of the function's Access Control Services; null for a function without ACS. */
  readonly acs: number | null;
  readonly lends: boolean;
}

/** A host bridge, which is device 00.0 on its bus. */
export interface HostFields {
  readonly bus: number;
  readonly ids: readonly [vendor: number, device: number];
}

export type P2pOperation =
  | {
    readonly op: "tree";
    readonly nodes: readonly PciNodeConfig[];
    readonly hosts: readonly HostFields[];
    readonly functions: readonly FunctionFields[];
  }
  | {
    readonly op: "distance";
    readonly provider: number;
    readonly clients: readonly number[];
    readonly verbose: boolean;
  }
  | { readonly op: "kind"; readonly provider: number; readonly client: number }
  | { readonly op: "acs"; readonly function: number; readonly acs: number };

export function labOf(nodes: readonly PciNodeConfig[], kernel?: KernelName): Lab {
  const defaults = defaultLabConfig();
  const release = kernel === undefined ? {} : { kernel };
  return buildLab({ ...defaults, ...release, quirks: new Set(), pci: nodes });
}

/** The enabled ACS bits of a function; bit 0 is the first service. */
export function acsBits({ acs }: PciFunction): number | null {
  if (acs.presence !== "present") return null;
  return ACS_SERVICES.reduce(
    (bits, name, bit) => acs.enabled.has(name) ? bits + 2 ** bit : bits,
    0,
  );
}

export class P2pModel implements Implementation<P2pOperation> {
  #lab: Lab | null = null;
  #messages = 0;

  constructor(readonly kernel: KernelName) {}

  /** @throws {RangeError} If there is no PCI tree yet. */
  run(line: P2pOperation): OperationResult {
    if (line.op === "tree") {
      this.#lab = labOf(line.nodes, this.kernel);
      this.#lab.machine.events.listen(() => this.#messages++, ["kernel.warn"]);
      return {};
    }
    if (this.#lab === null) throw new RangeError("The first operation must be `tree`");
    const { topology } = this.#lab;
    const functionAt = (place: number) => topology.functions[place]!;
    this.#messages = 0;
    switch (line.op) {
      case "acs":
        functionAt(line.function).acs = acsPresent(
          ACS_SERVICES.filter((_, bit) => (line.acs & 2 ** bit) !== 0),
        );
        return {};
      case "kind": {
        const kind = topology.routes.kind(functionAt(line.provider), functionAt(line.client));
        return { kind, messages: this.#messages };
      }
      case "distance": {
        const { clients, provider, verbose } = line;
        const places = clients.map(functionAt);
        const distance = topology.routes.distance(functionAt(provider), places, verbose);
        return { distance, messages: this.#messages };
      }
    }
  }
}
