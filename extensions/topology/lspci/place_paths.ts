/**
 * Finds the buses of functions that a text names only by a path through the bridges, as `lspci -P`
 * does.
 */
import { formatPlace, hexByte, placeKey } from "@dmalab/devices";
import { type ListingFinding, mistake } from "./finding.ts";
import type { PathStep } from "./function_header.ts";
import { GrowingFunction } from "./growing_function.ts";
import { busKey, type ListedAddress } from "./listed_function.ts";

/** A function with the bridges above it; only the first step always has a bus. */
export interface PathFunction {
  readonly domain: number;
  readonly path: readonly PathStep[];
  readonly growing: GrowingFunction;
}

const BUSES = 256;

/**
 * Gives functions their addresses. If the lines of a bridge do not give the bus below the bridge,
 * that bus gets a free number, and addresses below the bridge are written as paths.
 *
 * @param known Functions with a listed address, by the number of the address. Buses that are found
 *   are added to their bridges.
 * @returns The functions, and bridges that are named only in paths; or the error.
 */
export function* placePaths(
  functions: readonly PathFunction[],
  known: ReadonlyMap<number, GrowingFunction>,
): Generator<GrowingFunction | ListingFinding> {
  const placed = new Map<number, GrowingFunction>();
  const used = usedBuses(functions, known.values());
  const made = new Set<number>();
  // In the order in which firmware numbers buses: a bridge, then all functions below it.
  for (const { domain, path, growing } of functions.toSorted(byPlace)) {
    let address: ListedAddress = { domain, ...path[0]!, bus: path[0]!.bus! };
    for (const step of path.slice(1)) {
      const key = placeKey(address);
      let bridge = known.get(key) ?? placed.get(key);
      if (bridge === undefined) {
        bridge = new GrowingFunction(address, growing.line);
        placed.set(key, bridge);
        yield bridge;
      }
      if (bridge.buses === null) {
        const bus = step.bus ?? freeBus(address, used);
        if (bus === null) {
          const message = "No number is left for a bus behind a bridge";
          yield mistake("E1003", growing.line, message, "paste `lspci -PP -nn` instead");
          return;
        }
        bridge.buses = { primary: address.bus, secondary: bus, subordinate: bus };
        used.add(busKey(domain, bus));
        if (step.bus === null) made.add(busKey(domain, bus));
      }
      const { device, func } = step;
      const bus = bridge.buses.secondary;
      const above = address.path ?? formatPlace(address);
      address = {
        domain,
        bus,
        device,
        func,
        ...made.has(busKey(domain, bus)) ? { path: `${above}/${hexByte(device)}.${func}` } : {},
      };
    }
    growing.address = address;
    placed.set(placeKey(address), growing);
    yield growing;
  }
}

/** Compares two functions by their order in a walk down the tree. */
function byPlace(one: PathFunction, other: PathFunction): number {
  if (one.domain !== other.domain) return one.domain - other.domain;
  for (const [index, step] of one.path.entries()) {
    const beside = other.path[index];
    if (beside === undefined) return 1;
    const difference = placeKey({ domain: 0, ...step, bus: step.bus ?? 0 }) -
      placeKey({ domain: 0, ...beside, bus: beside.bus ?? 0 });
    if (difference !== 0) return difference;
  }
  return one.path.length - other.path.length;
}

/**
 * The next bus number that the text does not use, after the bridge's own bus number; null if the
 * text uses all of them.
 */
function freeBus({ bus, domain }: ListedAddress, used: ReadonlySet<number>): number | null {
  for (let next = bus + 1; next < BUSES; next++) if (!used.has(busKey(domain, next))) return next;
  return null;
}

/** The bus numbers that occur in the text. */
function usedBuses(
  functions: readonly PathFunction[],
  known: Iterable<GrowingFunction>,
): Set<number> {
  const used = new Set<number>();
  for (const { domain, path, growing } of functions) {
    used.add(busKey(domain, path[0]!.bus!));
    takeBelow(growing, domain);
  }
  for (const each of known) {
    used.add(busKey(each.address.domain, each.address.bus));
    takeBelow(each, each.address.domain);
  }
  return used;

  function takeBelow({ buses }: GrowingFunction, domain: number): void {
    if (buses === null) return;
    for (let bus = buses.secondary; bus <= buses.subordinate; bus++) used.add(busKey(domain, bus));
  }
}
