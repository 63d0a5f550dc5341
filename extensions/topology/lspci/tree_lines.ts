/**
 * Reads the tree that `lspci -t` prints: buses, bridges and functions. With `-v` it contains the
 * names of functions, with `-n` and `-nn` their numbers. It shows neither classes nor capabilities.
 *
 * A branch begins with `+` or `\`. The branch belongs to the bus that has its first `+` in the same
 * column.
 *
 * @see pciutils 3.9.0 and 3.15.0: the tests contain their trees of invented machines (`lspci -A
 *   dump -O dump.name=FILE -tv`)
 */
import { readIds } from "./function_header.ts";
import { GrowingFunction } from "./growing_function.ts";

/** A line of a tree; each has at least one branch. */
const TREE =
  /^\s*-(?:[+\\]-)?\[[0-9a-f]{4,8}:[0-9a-f]{2}\]|^[\s|]*[+\\]-+(?:\[|[01][0-9a-f]\.[0-7])/i;
/** `[0000:c0]` */
const ROOT = /^\[([0-9a-f]{4,8}):([0-9a-f]{2})\]/i;
/** `01.1`, or with the buses below it: `01.1-[c1-c6]`. */
const FUNCTION =
  /^([01][0-9a-f])\.([0-7])(?:-\[(?:[0-9a-f]{4,8}:)?([0-9a-f]{2})(?:-([0-9a-f]{2}))?\])?/i;
/**
 * The dashes before the functions on a bus. They contain a `+` or `\` if the bus has several
 * functions.
 */
const TO_FIRST = /^-*([+\\]-)?/;
/**
 * Numbers in place of a name. `-n` writes them for every function, `-v` for a function of a vendor
 * without a known name.
 */
const ONLY_IDS = /^(?:Device )?([0-9a-f]{4}):([0-9a-f]{4})$/i;

interface Bus {
  readonly domain: number;
  readonly bus: number;
}

/** The contents of one line of a tree. */
export interface TreeLine {
  readonly functions: readonly GrowingFunction[];
  /** Buses that the tree shows without a bridge above. */
  readonly roots: readonly Bus[];
  /** Whether a part of the line does not belong to a tree, or belongs to no bus of the lines above. */
  readonly damaged: boolean;
}

/** Reads the lines of trees in their order. */
export class TreeReader {
  /** By column, the bus that has its branches in that column. */
  readonly #buses = new Map<number, Bus>();
  /** Column of the branches to root buses; null if the tree has only one root bus. */
  #rootColumn: number | null = null;

  /** @returns The contents of the line; null if it is no line of a tree. */
  read(line: string, number: number): TreeLine | null {
    if (!TREE.test(line)) return null;
    const found = { functions: [] as GrowingFunction[], roots: [] as Bus[], damaged: false };
    found.damaged = !this.#readItems(line, number, found);
    return found;
  }

  /** @returns Whether the whole line was understood. */
  #readItems(
    line: string,
    number: number,
    found: { readonly functions: GrowingFunction[]; readonly roots: Bus[] },
  ): boolean {
    const column = line.search(/[-+\\]/);
    let bus = this.#buses.get(column) ?? null;
    if (line[column] === "-") {
      // A tree begins.
      this.#buses.clear();
      this.#rootColumn = null;
      bus = null;
    }
    const branch = line.slice(column).match(/^-?[+\\]?-+/);
    if (branch === null) return false;
    let at = column + branch[0].length;
    const root = ROOT.exec(line.slice(at));
    if (root !== null) {
      // `-[` begins the only root bus, or the root bus of the last domain. `-+-[` begins the first
      // of several root buses; the lines of the others have their branch in the column of this `+`.
      const isFirst = line[column] === "-";
      if (!isFirst && column !== this.#rootColumn) return false;
      if (isFirst) this.#rootColumn = branch[0].length > 1 ? column + 1 : null;
      bus = { domain: parseInt(root[1]!, 16), bus: parseInt(root[2]!, 16) };
      found.roots.push(bus);
      at = this.#toFirst(line, at + root[0].length, bus);
    }
    while (at < line.length) {
      if (bus === null) return false;
      const match = FUNCTION.exec(line.slice(at));
      if (match === null) return false;
      const [, device, func, secondary, subordinate] = match;
      const address = { ...bus, device: parseInt(device!, 16), func: Number(func) };
      const growing = new GrowingFunction(address, number);
      found.functions.push(growing);
      at += match[0].length;
      if (secondary === undefined) return takeName(growing, line.slice(at));
      const below = parseInt(secondary, 16);
      growing.buses = {
        primary: bus.bus,
        secondary: below,
        subordinate: parseInt(subordinate ?? secondary, 16),
      };
      bus = { domain: bus.domain, bus: below };
      at = this.#toFirst(line, at, bus);
    }
    return true;
  }

  /**
   * The position of the first function on a bus. If further functions of the bus follow in the
   * lines below, stores their column.
   */
  #toFirst(line: string, at: number, bus: Bus): number {
    const [dashes = "", branch] = TO_FIRST.exec(line.slice(at)) ?? [];
    if (branch !== undefined) {
      const column = at + dashes.length - branch.length;
      // Columns to the right of this branch belong to earlier branches, which have ended.
      for (const other of this.#buses.keys()) if (other >= column) this.#buses.delete(other);
      this.#buses.set(column, bus);
    }
    return at + dashes.length;
  }
}

/** @param text The text after a function. @returns Whether it can be a name. */
function takeName(into: GrowingFunction, text: string): boolean {
  if (text.trim() === "") return true;
  if (!/^\s/.test(text)) return false;
  const name = text.trim();
  const ids = ONLY_IDS.exec(name);
  if (ids !== null) {
    into.vendor = parseInt(ids[1]!, 16);
    into.device = parseInt(ids[2]!, 16);
    return true;
  }
  const numbers = readIds(name);
  into.vendor = numbers?.vendor ?? null;
  into.device = numbers?.device ?? null;
  into.name = (numbers === null ? name : name.replace(/ ?\[[0-9a-f]{4}:[0-9a-f]{4}\]$/i, "")) ||
    null;
  return true;
}
