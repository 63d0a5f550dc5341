/**
 * The kinds of blocks that a PCI tree can have. To add a kind of device, add its folder and one line
 * here.
 */
import type { GivenSettings, SettingRows } from "../runtime/settings.ts";
import type { DeviceKind } from "./device_kind.ts";
import type { deviceSettings } from "./device_settings.ts";
import { ENDPOINT } from "./endpoint/endpoint.ts";
import { NVME } from "./nvme/nvme_device.ts";
import { PORT_KINDS, ROOT_HOLDS } from "./pci/port_kinds.ts";
import { RDMA } from "./rdma/rdma_device.ts";
import { VFIO } from "./vfio/vfio_device.ts";

export const DEVICE_KINDS = [NVME, ENDPOINT, VFIO, RDMA] as const;

/** @internal */
export type RegisteredKind = (typeof DEVICE_KINDS)[number];

/** A device of a lab; its `kind` says what else it has. */
export type LabDevice = ReturnType<RegisteredKind["create"]>;

/** The word of a kind of device. */
export type DeviceWord = LabDevice["kind"];

/** A device of one kind. */
export type DeviceOf<K extends DeviceWord> = Extract<LabDevice, { readonly kind: K }>;

/** Any kind of device, as far as all are alike. */
export type AnyDeviceKind = DeviceKind<ReturnType<typeof deviceSettings>, LabDevice>;

/** @internal */
export type PortKinds = typeof PORT_KINDS;

/** The word of a block that is no device. */
export type PortWord = keyof PortKinds;

/** The blocks of the `pci` part of a machine. */
export type PciNodeKind = PortWord | DeviceWord;

/**
 * The rows of the keys of a kind of block.
 * @internal
 */
export type RowsOf<K extends PciNodeKind> = K extends PortWord ? PortKinds[K]["settings"]
  : Extract<RegisteredKind, { readonly kind: K }>["settings"];

/** The keys that a block of a kind may have. */
export type BlockSettings<K extends PciNodeKind = PciNodeKind> = K extends PciNodeKind
  ? GivenSettings<RowsOf<K>>
  : never;

/** The kind of device that a block's keyword names, or undefined. */
export function deviceKind(keyword: string): AnyDeviceKind | undefined {
  return DEVICE_KINDS.find(({ kind }) => kind === keyword) as AnyDeviceKind | undefined;
}

/** What one kind of block is: its sentence, its keys, and the kinds of blocks that it may hold. */
export interface PciBlockKind {
  readonly doc: string;
  /** What it is called in a picture of the tree. */
  readonly title: string;
  readonly settings: SettingRows;
  readonly holds: readonly string[];
  /** Whether a scenario says what its registers do. */
  readonly hasRegisters: boolean;
}

/** Every block of a PCI tree by its keyword. */
export const PCI_BLOCKS: ReadonlyMap<string, PciBlockKind> = new Map<string, PciBlockKind>([
  ...Object.entries(PORT_KINDS).map(([word, kind]): [string, PciBlockKind] => [
    word,
    { ...kind, holds: withDevices(kind.holds), hasRegisters: false },
  ]),
  ...(DEVICE_KINDS as readonly AnyDeviceKind[]).map((
    { doc, hasRegisters, kind, settings },
  ): [string, PciBlockKind] => [
    kind,
    { doc, title: kind, settings, holds: [], hasRegisters },
  ]),
]);

/** What `pci` itself may hold. */
export const PCI_ROOT_HOLDS: readonly string[] = withDevices(ROOT_HOLDS);

function withDevices(ports: readonly string[]): readonly string[] {
  return [...ports, ...DEVICE_KINDS.map(({ kind }) => kind)];
}
