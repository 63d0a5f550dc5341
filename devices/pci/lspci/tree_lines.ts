/**
 * The tree that `lspci -t` draws. Columns say what is below what: a line that begins with
 * `+` or `\` goes on where a `+` stood in the same column above.
 *
 * ```text
 * -[0000:00]-+-00.0
 *            +-01.0-[01-05]----00.0-[02-05]--+-08.0-[03]----00.0
 *            |                               \-10.0-[04]----00.0
 *            \-1f.0
 * ```
 */
import type { BusNumbers, ListedAddress } from "./listed_function.ts";

export interface TreeFunction {
  readonly address: ListedAddress;
  /** The buses below, of a bridge. */
  readonly buses: BusNumbers | null;
  /** What `-v` writes behind it. */
  readonly name: string | null;
}

export interface TreeLine {
  /** Root buses that the line names. */
  readonly roots: readonly { readonly domain: number; readonly bus: number }[];
  readonly functions: readonly TreeFunction[];
}

interface Bus {
  readonly domain: number;
  readonly bus: number;
}

/** Deeper nesting is no tree of a machine: each level takes a bus number. */
const MAX_PARTS = 600;

/** A first line; the whole tree may be indented. */
const ROOT = /^\s*-(?:\+-)?\[/;
/** A line that goes on from one above. */
const BRANCH = /^[\s|]*[+\\]-/;
const BUS = /^-*\[(?:([0-9a-f]{4,8}):)?([0-9a-f]{2})(?:-([0-9a-f]{2}))?\]/i;
const FUNCTION = /^-*([01][0-9a-f])\.([0-7])/i;

export class TreeReader {
  /** Which bus goes on at a column; null stands for the level above all buses. */
  readonly #branches = new Map<number, Bus | null>();

  /** Something else came: a line that goes on where no branch is, is none. */
  reset(): void {
    this.#branches.clear();
  }

  /** Reads a line; null when it is no part of a tree. */
  read(line: string): TreeLine | null {
    const isRoot = ROOT.test(line);
    if (!isRoot && !BRANCH.test(line)) return null;
    const roots: Bus[] = [];
    const functions: TreeFunction[] = [];
    let at = line.search(/[^\s|]/);
    let bus: Bus | null = null;
    if (isRoot) this.#branches.clear();
    else {
      const branch = this.#branches.get(at);
      if (branch === undefined) return null;
      for (const column of this.#branches.keys()) if (column > at) this.#branches.delete(column);
      bus = branch;
      at++;
    }

    for (let part = 0; part < MAX_PARTS && at < line.length; part++) {
      const rest = line.slice(at);
      const fork = /^-*\+/.exec(rest);
      if (fork !== null) {
        at += fork[0].length;
        this.#branches.set(at - 1, bus);
        continue;
      }
      const bracket = BUS.exec(rest);
      if (bracket !== null) {
        at += bracket[0].length;
        bus = this.#enter(bus, bracket, functions, roots);
        continue;
      }
      const found = bus === null ? null : FUNCTION.exec(rest);
      if (bus === null || found === null) break;
      at += found[0].length;
      const name = /^ +(\S.*)$/.exec(line.slice(at))?.[1] ?? null;
      functions.push({
        address: {
          domain: bus.domain,
          bus: bus.bus,
          device: parseInt(found[1]!, 16),
          func: Number(found[2]),
        },
        buses: null,
        name,
      });
      if (name !== null) break;
    }
    return roots.length === 0 && functions.length === 0 ? null : { roots, functions };
  }

  /** A bus in brackets: behind a function it is that function's, otherwise a root bus. */
  #enter(
    above: Bus | null,
    [, domain, first, last]: RegExpExecArray,
    functions: TreeFunction[],
    roots: Bus[],
  ): Bus {
    const secondary = parseInt(first!, 16);
    const bridge = functions.at(-1);
    if (above === null || bridge === undefined) {
      const root = { domain: parseInt(domain ?? "0", 16), bus: secondary };
      roots.push(root);
      return root;
    }
    functions[functions.length - 1] = {
      ...bridge,
      buses: {
        primary: bridge.address.bus,
        secondary,
        subordinate: last === undefined ? secondary : parseInt(last, 16),
      },
    };
    return { domain: bridge.address.domain, bus: secondary };
  }
}
