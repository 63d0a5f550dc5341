/** Tracks the bus numbers and addresses in use in a PCI tree. */
import { ConfigError } from "../config_error.ts";
import { type PciNodeConfig, settingOf } from "../lab_config.ts";
import { hexByte, MAX_BUS, parsePlace, type PciAddress, type PciPlace } from "./pci_address.ts";

export class BusNumbers {
  /** For each domain, the number after its highest bus. */
  readonly #next = new Map<number, number>();
  readonly #taken = new Set<number>();
  readonly #addresses = new Set<number>();

  /**
   * The number of a bus: from the key `at` of a block on the bus, or else the next free number.
   *
   * @param above The bus above, or -1 for a root bus.
   * @param wanted The number in the host bridge's settings; null without such a setting.
   */
  take(
    domain: number,
    above: number,
    wanted: number | null,
    children: readonly PciNodeConfig[],
    path: readonly string[],
  ): number {
    const next = this.#next.get(domain) ?? 0;
    const said = saidBus(children, path);
    if (wanted !== null && said !== null && said !== wanted) {
      throw new ConfigError(
        path,
        `The blocks in "${path.at(-1)}" are on bus ${hexByte(said)}, not on ${hexByte(wanted)}`,
      );
    }
    const bus = wanted ?? said ?? next;
    if (this.#taken.has(domain * 256 + bus) || bus <= above) {
      throw new ConfigError(
        path,
        `Bus ${hexByte(bus)} cannot lie below "${path.at(-1) ?? "pci"}": ` +
          (bus <= above ? "numbers grow downwards" : "there is one of that number"),
      );
    }
    if (bus > MAX_BUS) {
      throw new ConfigError(
        path,
        `The tree needs more than ${MAX_BUS + 1} bus numbers`,
        "a host_bridge with another `domain` has bus numbers of its own",
      );
    }
    this.#taken.add(domain * 256 + bus);
    this.#next.set(domain, Math.max(next, bus + 1));
    return bus;
  }

  /** Records a function's address. Fails if it is already in use. */
  claim(address: PciAddress, path: readonly string[]): void {
    if (this.#addresses.has(address.key)) {
      throw new ConfigError([...path, "at"], `Two functions are at ${address}`);
    }
    this.#addresses.add(address.key);
  }
}

/** The address in a block's key `at`, or null. */
export function addressOf(node: PciNodeConfig): PciPlace | null {
  const at = settingOf(node, "at");
  return at === undefined ? null : parsePlace(at);
}

/** The bus in the keys `at` of some blocks; null without any. */
function saidBus(children: readonly PciNodeConfig[], path: readonly string[]): number | null {
  const places = children.map(addressOf);
  const first = places.findIndex((place) => place !== null);
  if (first < 0) return null;
  const { bus } = places[first]!;
  for (const [index, place] of places.entries()) {
    const child = children[index]!;
    if (place === null) {
      throw new ConfigError(
        [...path, child.name],
        `"${child.name}" does not say where it is, and "${children[first]!.name}" beside it does`,
        "give each block on a bus its `at`, or none",
      );
    }
    if (place.bus !== bus) {
      throw new ConfigError(
        [...path, child.name, "at"],
        `"${child.name}" is on bus ${hexByte(place.bus)}, and "${
          children[first]!.name
        }" beside it ` +
          `on bus ${hexByte(bus)}`,
      );
    }
  }
  return bus;
}
