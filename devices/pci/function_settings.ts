/** Keys of every block of a PCI function: its address, and its access control. */
import { GIB, int, isPowerOfTwo, KIB, MIB, optional, setting, type ShapeOf } from "@dmalab/runtime";
import {
  ACS_ABSENT,
  ACS_SERVICES,
  ACS_UNKNOWN,
  type AcsCapability,
  acsPresent,
  type AcsService,
} from "./peers/access_control.ts";
import { parsePlace } from "./pci_address.ts";
import type { BarKind, BarRequest } from "./pci_function.ts";

/** The value of `acs`: the enabled services; null for no capability. */
type AcsSetting = readonly AcsService[] | "all" | "unknown" | null;

export const ACS: ShapeOf<AcsSetting> = {
  kind: "words",
  choices: ACS_SERVICES,
  orWords: ["all", "unknown"],
  orNone: true,
};
const SERVICES: ShapeOf<readonly AcsService[]> = { kind: "words", choices: ACS_SERVICES };
const PLACE: ShapeOf<string> = {
  kind: "text",
  form: 'a bus, a device and a function such as "3b:00.0"',
  accepts: (text) => parsePlace(text) !== null,
};

export const FUNCTION_SETTINGS = {
  acs: setting("acs", ACS, null, {
    doc:
      "Access control services that are switched on; all: those that `acs_capable` lists; none: it " +
      "has no such capability; unknown: it could not be read.",
  }),
  acsCapable: optional("acs_capable", SERVICES, {
    leftOut: "all",
    doc: "Access control services that its capability implements.",
  }),
  at: optional("at", PLACE, {
    leftOut: "assigned as firmware does",
    doc: "Where the function is, in a machine that is there already: bus, device, function.",
  }),
};

const ID = int(0, 0xffff);
const OF_ENTRY = { leftOut: "of the driver's first entry" };
const CAPABILITIES = ["pm", "msi", "msix", "express"] as const;
/** Matches a BAR in lower case: the text is converted to lower case before the match. */
const BAR_TEXT = /^([0-5]) (io|mem32|mem64)( prefetchable)? (\d+)(b|kib|mib|gib)$/;
const UNITS = { b: 1, kib: KIB, mib: MIB, gib: GIB } as const;
const MIN_IO_BYTES = 4;
/** The smallest memory BAR (PCI Local Bus 3.0, 6.2.5.1): the low four bits of its register are not its address. */
export const MIN_MEMORY_BAR_BYTES = 16;
const MAX_IO_BYTES = 256;

/** Keys for a function's configuration space, which only a driver in C reads. */
export const IDENTITY_SETTINGS = {
  vendor: optional("vendor", ID, { ...OF_ENTRY, doc: "The vendor's number." }),
  device: optional("device", ID, { ...OF_ENTRY, doc: "The device's number." }),
  subvendor: optional("subvendor", ID, { ...OF_ENTRY, doc: "The subsystem's vendor." }),
  subdevice: optional("subdevice", ID, { ...OF_ENTRY, doc: "The subsystem's number." }),
  class: optional("class", int(0, 0xff_ffff), {
    ...OF_ENTRY,
    doc: "What it is: base class, subclass and programming interface.",
  }),
  revision: optional("revision", int(0, 0xff), { leftOut: "0", doc: "The revision." }),
  capabilities: setting<readonly string[]>(
    "capabilities",
    { kind: "words", choices: CAPABILITIES },
    CAPABILITIES,
    { doc: "What its configuration space lists." },
  ),
  msi: optional("msi", int(0, 32), {
    leftOut: "as `vectors`, up to 32",
    doc: "Messages of MSI; 0: it has no such capability.",
  }),
  msix: optional("msix", int(0, 2048), {
    leftOut: "as `vectors`",
    doc: "Messages of MSI-X; 0: it has no such capability.",
  }),
  bars: optional<string>("bars", {
    kind: "text",
    form: 'BARs such as "1 io 256B, 2 mem64 prefetchable 1MiB"',
    accepts: (text) => parseBars(text) !== null,
  }, {
    leftOut: "none",
    doc: "Further BARs: number, kind (io, mem32, mem64) and size of each.",
  }),
};

/** Parses a list of BARs; null for another text. */
export function parseBars(text: string): readonly BarRequest[] | null {
  const found: BarRequest[] = [];
  for (const part of text.split(",")) {
    const [, index, kind, prefetchable, count, unit] = BAR_TEXT.exec(part.trim().toLowerCase()) ??
      [];
    if (index === undefined) return null;
    const sizeBytes = Number(count) * UNITS[unit as keyof typeof UNITS];
    const [min, max] = kind === "io" ? [MIN_IO_BYTES, MAX_IO_BYTES] : [
      MIN_MEMORY_BAR_BYTES,
      1024 * GIB,
    ];
    if (!isPowerOfTwo(sizeBytes) || sizeBytes < min || sizeBytes > max) return null;
    found.push({
      index: Number(index),
      sizeBytes,
      peerBytes: 0,
      kind: kind as BarKind,
      prefetchable: prefetchable !== undefined,
    });
  }
  return found;
}

/**
 * A BAR number that is used twice or is greater than 5. A 64-bit BAR counts with both of its
 * numbers. Null if there is no such number.
 */
export function doubleBar(bars: readonly Pick<BarRequest, "index" | "kind">[]): number | null {
  const numbers = bars.flatMap(({ index, kind }) =>
    kind === "mem64" ? [index, index + 1] : [index]
  );
  return numbers.find((each, at) => each > 5 || numbers.indexOf(each) !== at) ?? null;
}

/** The services that `acs` enables. */
export function switchedOn(
  acs: readonly AcsService[] | "all",
  capable: readonly AcsService[] = ACS_SERVICES,
): readonly AcsService[] {
  return acs === "all" ? capable : acs;
}

/** The capability according to a block's keys. */
export function capabilityOf(
  acs: AcsSetting | undefined,
  capable: readonly AcsService[] = ACS_SERVICES,
): AcsCapability {
  if (acs === undefined || acs === null) return ACS_ABSENT;
  if (acs === "unknown") return ACS_UNKNOWN;
  return acsPresent(switchedOn(acs, capable), capable);
}
