/** The blocks of a PCI tree that are not devices: bridges, ports, switches and groups. */
import {
  BOOL,
  int,
  MAX_BYTES,
  optional,
  PAGE_SIZE_BYTES,
  setting,
  type SettingRows,
  type ShapeOf,
  size,
} from "@dmalab/runtime";
import { ACS, FUNCTION_SETTINGS } from "./function_settings.ts";
import { parseVendorDevice } from "./host_bridge.ts";
import { MAX_BUS, MAX_DOMAIN } from "./pci_address.ts";

/** A kind of block that contains other blocks. */
export interface PortKind {
  /** One sentence for help. */
  readonly doc: string;
  /** The block's name in a drawing of the tree. */
  readonly title: string;
  /** The kinds of ports that the block may contain; devices may be anywhere. */
  readonly holds: readonly string[];
  readonly settings: SettingRows;
}

const VENDOR_DEVICE: ShapeOf<string> = {
  kind: "text",
  form: 'a vendor and a device such as "8086:2030"',
  accepts: (text) => parseVendorDevice(text) !== null,
};

export const PORT_KINDS = {
  host_bridge: {
    doc: "A host bridge with root ports. Root ports outside of one share a bridge.",
    title: "host bridge",
    holds: ["root_port", "bridge", "device"],
    settings: {
      whitelisted: optional("whitelisted", BOOL, {
        leftOut: "as vendor_device is listed",
        doc: "The kernel's list allows peer traffic across it, or does not.",
      }),
      vendorDevice: optional("vendor_device", VENDOR_DEVICE, {
        leftOut: "one that is not listed",
        doc: "The first device on its root bus, which the kernel looks up in its list.",
      }),
      domain: setting("domain", int(0, MAX_DOMAIN), 0, {
        doc: "Its PCI domain, which counts bus numbers for itself.",
      }),
      bus: optional("bus", int(0, MAX_BUS), {
        leftOut: "the next that is free",
        doc: "Its root bus.",
      }),
      busOffset: setting(
        "bus_offset",
        size(-MAX_BYTES, MAX_BYTES, { multipleOf: PAGE_SIZE_BYTES }),
        0,
        { doc: "Bus address minus CPU address of the memory below it." },
      ),
    },
  },
  root_port: {
    doc: "A root port.",
    title: "root port",
    holds: ["switch", "bridge", "device"],
    settings: {
      ...FUNCTION_SETTINGS,
      external: setting("external", BOOL, false, {
        doc: "An external port, such as Thunderbolt: devices below it are untrusted.",
      }),
      whitelisted: setting("whitelisted", BOOL, false, {
        doc: "The kernel's list allows peer traffic across its host bridge.",
      }),
    },
  },
  switch: {
    doc: "A switch; each block inside is below a downstream port of its own.",
    title: "switch",
    holds: ["port", "switch", "bridge", "device"],
    settings: {
      ...FUNCTION_SETTINGS,
      // `acs` controls traffic that leaves a downstream port. An upstream port has no ACS, or it
      // has its own services, which this key sets.
      upstreamAcs: setting("upstream_acs", ACS, null, {
        doc: "The same as acs, of the port that leads up.",
      }),
    },
  },
  port: {
    doc: "A downstream port of a switch, with access control of its own.",
    title: "port",
    holds: ["switch", "bridge", "device"],
    settings: FUNCTION_SETTINGS,
  },
  bridge: {
    doc: "A bridge to conventional PCI: devices below it have the requester ID of the bridge.",
    title: "bridge",
    holds: ["bridge", "device"],
    settings: FUNCTION_SETTINGS,
  },
  device: {
    doc: "A device of several functions: each block inside is one of them.",
    title: "device",
    holds: [],
    settings: {},
  },
} as const satisfies Readonly<Record<string, PortKind>>;

/** The kinds of ports directly in `pci`. */
export const ROOT_HOLDS: readonly string[] = ["host_bridge", "root_port", "bridge", "device"];
