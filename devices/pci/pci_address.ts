/** Where a PCI function is: domain, bus, device, function. */
import { invariant } from "../../runtime/errno.ts";

export const MAX_DOMAIN = 0xffff;
export const MAX_BUS = 255;
/** Devices on one bus. */
export const MAX_DEVICES = 32;
/** Functions of one device. */
export const MAX_FUNCTIONS = 8;

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

  /** The address as one number: domain above bit 16, bus, device and function below. */
  get key(): number {
    return this.domain * 65536 + this.bus * 256 + this.device * 8 + this.func;
  }

  /** `0000:03:00.1` */
  toString(): string {
    const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
    return `${hex(this.domain, 4)}:${hex(this.bus, 2)}:${hex(this.device, 2)}.${this.func}`;
  }
}
