/** All pairs of a machine's functions: their distance, and how one reaches the other's memory. */
import { maxOf } from "@dmalab/runtime/basics";
import { findRoute, ORDINARY_CPU, type PciFunction, type PeerRoute } from "@dmalab/devices";
import { doubtsAbout, type ImportedMachine, peersOf } from "./lspci/imported_machine.ts";
import { alikeRuns } from "./alike.ts";
import { pad, type Paint, type TextRole } from "@dmalab/lang/text";

export interface Pair {
  readonly route: PeerRoute;
  /** The unknown facts that could change the result. */
  readonly doubts: readonly string[];
}

/**
 * Largest number of functions in a matrix. A larger matrix is not drawn, because ten thousand cells
 * are unreadable.
 */
const DISPLAYED_FUNCTIONS = 96;

/** The functions of the matrix: one of each group of alike functions, or all. */
export function matrixFunctions(machine: ImportedMachine, all: boolean): readonly PciFunction[] {
  return all
    ? machine.functions.filter(({ isBridge }) => !isBridge)
    : alikeRuns(peersOf(machine), machine).map(({ func }) => func);
}

export function pairOf(
  provider: PciFunction,
  client: PciFunction,
  machine: ImportedMachine,
): Pair {
  const route = findRoute(provider, client, machine.cpu ?? ORDINARY_CPU);
  return { route, doubts: doubtsAbout(route, machine) };
}

const MARKS: Readonly<Record<PeerRoute["mapType"], string>> = {
  bus_addr: "b",
  thru_host_bridge: "h",
  not_supported: "x",
};

const ROLES: Readonly<Record<PeerRoute["mapType"], TextRole>> = {
  bus_addr: "good",
  thru_host_bridge: "iommu",
  not_supported: "bad",
};

const CELL = 5;

/**
 * The lines of the matrix, split into parts that fit into the width.
 * @param functions Rows lend memory, columns access it.
 * @param paint Colours the cells.
 */
export function matrixLines(
  machine: ImportedMachine,
  functions: readonly PciFunction[],
  columns: number,
  paint: Paint,
): string[] {
  if (functions.length < 2) return ["there are no two functions that could be peers"];
  const shown = functions.slice(0, DISPLAYED_FUNCTIONS);
  const labelWidth = maxOf(shown.map(({ name }) => name.length)) + 1;
  const cell = maxOf(shown.map(({ name }) => name.length + 1), CELL);
  const perPart = Math.max(1, Math.floor((columns - labelWidth) / cell));
  const lines: string[] = [];
  for (let from = 0; from < shown.length; from += perPart) {
    const part = shown.slice(from, from + perPart);
    if (from > 0) lines.push("");
    lines.push(
      " ".repeat(labelWidth) + part.map(({ name }) => pad(name, cell, "right")).join(""),
    );
    for (const provider of shown) {
      const cells = part.map((client) => {
        if (provider === client) return pad("·", cell, "right");
        const pair = pairOf(provider, client, machine);
        const role = pair.doubts.length > 0 ? "warning" : ROLES[pair.route.mapType];
        return paint(role, pad(cellText(pair), cell, "right"));
      });
      lines.push(pad(provider.name, labelWidth) + cells.join(""));
    }
  }
  lines.push(
    "",
    "row: provider, column: client; number: distance",
    "b bus address, h through the host bridge, x not supported, ? not certain",
  );
  if (shown.length < functions.length) {
    lines.push(
      `the first ${shown.length} of ${functions.length}; --provider and --client answer for the rest`,
    );
  }
  return lines;
}

function cellText({ route, doubts }: Pair): string {
  return `${route.distance}${MARKS[route.mapType]}${doubts.length > 0 ? "?" : ""}`;
}
