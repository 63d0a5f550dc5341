/**
 * Marks root ports of QEMU as external-facing. The kernel distrusts the devices below such a port.
 *
 * Firmware marks a port by a property of the port's device, in ACPI's machine language. QEMU's own
 * tables have a device for each port of the root bus. This file makes another table, which adds the
 * property to the port's device.
 *
 * @see ACPI 6.5, 20.2 (encoding) and 6.2.5 (`_DSD`); the name and the UUID of the property are those of
 *   Microsoft's "Identifying externally exposed PCIe root ports", which Linux reads, too.
 */

/** The UUID `efcc06cc-73ac-4bc3-bff0-76143807c389`, with its bytes in the order of a buffer. */
// deno-fmt-ignore
const UUID = [
  0xcc, 0x06, 0xcc, 0xef, 0xac, 0x73, 0xc3, 0x4b, 0xbf, 0xf0, 0x76, 0x14, 0x38, 0x07, 0xc3, 0x89,
];

const OP = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  string: 0x0d,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  multiName: 0x2f,
  root: 0x5c,
} as const;
/**
 * Lengths below this value are encoded in one byte. Larger lengths are encoded in two bytes, with
 * the low four bits in the first byte.
 */
const ONE_BYTE_LENGTHS = 64;

type Encoded = readonly number[];

/**
 * The body of a secondary table (SSDT).
 *
 * @param devices Device numbers of the ports on the root bus, function 0.
 */
export function externalPortsTable(devices: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(devices.flatMap(portScope));
}

function portScope(device: number): Encoded {
  // QEMU forms the ACPI name of a device from its number and function: `S80` is device 16, function
  // 0.
  const name = `S${(device << 3).toString(16).toUpperCase().padStart(2, "0")}_`;
  const path = [OP.root, OP.multiName, 3, ...ascii("_SB_"), ...ascii("PCI0"), ...ascii(name)];
  const entries = [["ExternalFacingPort", OP.one], ["UID", OP.zero]] as const;
  const properties = packageOf(
    entries.map(([key, value]) => packageOf([[OP.string, ...ascii(key), 0], [value]])),
  );
  const uuid = [OP.buffer, ...sized([OP.byte, UUID.length, ...UUID])];
  const data = [OP.name, ...ascii("_DSD"), ...packageOf([uuid, properties])];
  return [OP.scope, ...sized([...path, ...data])];
}

function packageOf(elements: readonly Encoded[]): Encoded {
  return [OP.package, ...sized([elements.length, ...elements.flat()])];
}

/**
 * The content after an encoded length. The length counts the content and the length's own bytes.
 */
function sized(content: Encoded): Encoded {
  const short = content.length + 1;
  if (short < ONE_BYTE_LENGTHS) return [short, ...content];
  const long = content.length + 2;
  return [0x40 | long & 0xf, long >> 4, ...content];
}

function ascii(text: string): Encoded {
  return [...text].map((character) => character.charCodeAt(0));
}
