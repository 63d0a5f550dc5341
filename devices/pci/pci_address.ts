/** The address of a PCI function: domain, bus, device, function. */
import { invariant } from "@dmalab/runtime";

/**
 * Largest domain number. More than 16 bits, because bridges made by software have domains above
 * 0xffff.
 */
export const MAX_DOMAIN = 0xffff_ffff;
export const MAX_BUS = 255;
/** Devices on one bus. */
export const MAX_DEVICES = 32;
/** Functions of one device. */
export const MAX_FUNCTIONS = 8;

/** An address within a domain. */
export interface PciPlace {
  readonly bus: number;
  readonly device: number;
  readonly func: number;
}

/** An address including the domain. */
export interface DomainPlace extends PciPlace {
  readonly domain: number;
}

/** An address as one number: domain from bit 16 on, bus, device and function below. */
export function placeKey({ domain, bus, device, func }: DomainPlace): number {
  return domain * 65536 + bus * 256 + device * 8 + func;
}

/** Parses an address such as `3b:00.0`; null for another text. */
export function parsePlace(text: string): PciPlace | null {
  const match = /^([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i.exec(text);
  return match === null ? null : {
    bus: parseInt(match[1]!, 16),
    device: parseInt(match[2]!, 16),
    func: Number(match[3]),
  };
}

/** `3b:00.0` */
export function formatPlace({ bus, device, func }: PciPlace): string {
  return `${hexByte(bus)}:${hexByte(device)}.${func}`;
}

/** Formats a bus or device number as two hex digits. */
export function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

export class PciAddress {
  constructor(
    readonly bus: number,
    readonly device: number,
    readonly func: number,
    readonly domain = 0,
  ) {
    invariant(
      domain >= 0 && domain <= MAX_DOMAIN && bus >= 0 && bus <= MAX_BUS && device >= 0 &&
        device < MAX_DEVICES && func >= 0 &&
        func < MAX_FUNCTIONS,
      `There is no PCI address ${bus}:${device}.${func}`,
    );
  }

  /** The address as one number, for sorting. @see placeKey */
  get key(): number {
    return placeKey(this);
  }

  /** `0000:03:00.1` */
  toString(): string {
    return `${this.domain.toString(16).padStart(4, "0")}:${formatPlace(this)}`;
  }
}
