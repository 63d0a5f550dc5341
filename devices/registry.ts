/**
 * The hardware from which machines are built. To add a built-in kind of device, add its folder and
 * one line here; `DeviceRegistry.with` adds a kind from outside.
 */
import {
  CORE_EVENTS,
  type EventVocabulary,
  invariant,
  type PartialSettings,
} from "@dmalab/runtime";
import { type AnyTableSpec, RUNTIME_TABLES } from "@dmalab/runtime/recording";
import type { EventTable } from "@dmalab/runtime/vocabulary";
import type { DeviceKind } from "./device_kind.ts";
import type { deviceSettings } from "./device_settings.ts";
import { ENDPOINT } from "./endpoint/endpoint.ts";
import { NVME } from "./nvme/nvme_device.ts";
import { PORT_KINDS, type PortKind, ROOT_HOLDS } from "./pci/port_kinds.ts";
import { RDMA } from "./rdma/rdma_device.ts";
import { VFIO } from "./vfio/vfio_device.ts";

export const DEVICE_KINDS = [NVME, ENDPOINT, VFIO, RDMA] as const;

/** @internal */
export type RegisteredKind = (typeof DEVICE_KINDS)[number];

/** A device of a lab; its `kind` determines its further properties. */
export type LabDevice = ReturnType<RegisteredKind["create"]>;

/** The keyword of a kind of device. */
export type DeviceWord = LabDevice["kind"];

/** A device of one kind. */
export type DeviceOf<K extends DeviceWord> = Extract<LabDevice, { readonly kind: K }>;

/** Any kind of device, with the properties common to all. */
export type AnyDeviceKind = DeviceKind<ReturnType<typeof deviceSettings>, LabDevice>;

/** @internal */
export type PortKinds = typeof PORT_KINDS;

/** The keyword of a block that is not a device. */
export type PortWord = keyof PortKinds;

/** The keyword of any block of the `pci` part of a machine. */
export type PciNodeKind = PortWord | DeviceWord;

/**
 * The setting rows that define the keys of a block of the kind `K`.
 * @internal
 */
export type RowsOf<K extends PciNodeKind> = K extends PortWord ? PortKinds[K]["settings"]
  : Extract<RegisteredKind, { readonly kind: K }>["settings"];

/** The keys of a block of the kind `K`. */
export type BlockSettings<K extends PciNodeKind = PciNodeKind> = K extends PciNodeKind
  ? PartialSettings<RowsOf<K>>
  : never;

/** A kind of block; its `holds` also includes the kinds of devices. */
export interface PciBlockKind extends PortKind {
  /** Whether the block is a device with registers that a scenario describes. */
  readonly hasRegisters: boolean;
}

/** Hardware in addition to the built-in one. */
export interface AddedHardware {
  readonly devices?: readonly AddedKind[];
  /** Events that belong to no single kind of device. */
  readonly events?: readonly EventTable[];
  /** Tables of a recording that belong to no single kind of device. */
  readonly tables?: readonly AnyTableSpec[];
}

/** A kind of device from outside, with types of settings and devices that are unknown here. */
// deno-lint-ignore no-explicit-any
export type AddedKind = DeviceKind<any, any>;

/**
 * The parts of machines: kinds of devices, events, and tables of a recording.
 * @internal
 */
export class DeviceRegistry {
  /** Every block of a PCI tree by its keyword. */
  readonly blocks: ReadonlyMap<string, PciBlockKind>;
  /** The kinds of blocks that `pci` itself may contain. */
  readonly rootHolds: readonly string[];
  /** The events of a machine. */
  readonly events: EventVocabulary;
  /** Tables of a recording; no two have the same name. */
  readonly tables: readonly AnyTableSpec[];

  private constructor(
    readonly kinds: readonly AnyDeviceKind[],
    events: EventVocabulary,
    tables: readonly AnyTableSpec[],
  ) {
    this.events = events;
    this.tables = tables;
    const withDevices = (ports: readonly string[]) => [...ports, ...kinds.map(({ kind }) => kind)];
    this.blocks = new Map<string, PciBlockKind>([
      ...Object.entries(PORT_KINDS).map(([word, kind]): [string, PciBlockKind] => [
        word,
        { ...kind, holds: withDevices(kind.holds), hasRegisters: false },
      ]),
      ...kinds.map(({ doc, hasRegisters, kind, settings }): [string, PciBlockKind] => [
        kind,
        { doc, title: kind, settings, holds: [], hasRegisters },
      ]),
    ]);
    invariant(
      this.blocks.size === Object.keys(PORT_KINDS).length + kinds.length,
      "each block has a keyword of its own",
    );
    this.rootHolds = withDevices(ROOT_HOLDS);
  }

  static builtIn(): DeviceRegistry {
    const nothing = new DeviceRegistry([], CORE_EVENTS, RUNTIME_TABLES);
    return nothing.with({ devices: DEVICE_KINDS });
  }

  /**
   * A registry with more hardware. Each added kind of device adds its events and its tables.
   * @throws {RangeError} If a name is already in use.
   */
  with({ devices = [], events = [], tables = [] }: AddedHardware): DeviceRegistry {
    let vocabulary = this.events;
    for (const table of [...devices.map((device) => device.events), ...events]) {
      vocabulary = vocabulary.with(table);
    }
    const words = new Set(this.blocks.keys());
    for (const { kind } of devices) {
      if (words.has(kind)) throw taken("block", kind);
      words.add(kind);
    }
    const added = [...devices.flatMap((device) => device.tables), ...tables];
    const names = new Set(this.tables.map(({ name }) => name));
    for (const { name } of added) {
      if (names.has(name)) throw taken("table of a recording", name);
      names.add(name);
    }
    return new DeviceRegistry([...this.kinds, ...devices], vocabulary, [...this.tables, ...added]);
  }

  /** The kind of device with a keyword, or undefined. */
  kind(keyword: string): AnyDeviceKind | undefined {
    return this.kinds.find(({ kind }) => kind === keyword);
  }
}

function taken(what: string, name: string): RangeError {
  return new RangeError(`There is a ${what} "${name}" already: choose another name`);
}

export const DEVICES: DeviceRegistry = DeviceRegistry.builtIn();
