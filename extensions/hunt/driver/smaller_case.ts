/** Reduces a drawn case while the violation remains. */
import type { DriverEntry } from "@dmalab/lang/run";
import { reduce } from "../reduce.ts";
import type { CaseViolation, DriverCase } from "./driver_case.ts";
import type { LayoutPiece } from "./layout.ts";
import type { MachineVariation } from "./variations.ts";

interface Found {
  readonly case: DriverCase;
  readonly wrong: CaseViolation;
  readonly refused: boolean;
}

export interface CaseChoices {
  readonly driver: DriverEntry;
  /** The machine variations, ordered by their number of differences from the file's machine. */
  readonly machines: readonly MachineVariation[];
}

/**
 * The smallest case that can be found by removing or simplifying one part of a case at a time.
 * @param run Runs a case; null if the case shows no violation.
 */
export function smallerCase(
  found: Found,
  choices: CaseChoices,
  run: (each: DriverCase) => Found | null,
): Found {
  return reduce(found, (each) => candidates(each.case, choices), (each) => {
    const tried = run(each);
    return tried?.wrong.kind === found.wrong.kind ? tried : null;
  });
}

/** Cases that are one step smaller, those with the largest reduction first. */
function* candidates(each: DriverCase, choices: CaseChoices): Generator<DriverCase> {
  const { dir, fault, layout, machine } = each;
  const { driver, machines } = choices;
  if (fault !== null) yield { ...each, fault: null };
  // With fewer pieces, an injection point may have fewer hits, so earlier hits are tried, too.
  const earlier = fault === null ? [null] : [
    fault,
    ...Array.from({ length: Math.min(8, fault.nth - 1) }, (_, less) => ({
      ...fault,
      nth: fault.nth - 1 - less,
    })),
  ];
  if (layout.length > driver.pieces.first) {
    const halves = [layout.slice(0, layout.length >> 1), layout.slice(layout.length >> 1)]
      .filter(({ length }) => length >= driver.pieces.first && length < layout.length);
    const without = layout.map((_, index) => layout.toSpliced(index, 1));
    for (const fewer of [...halves, ...without]) {
      for (const sooner of earlier) {
        yield { ...each, layout: withoutTouchingFirst(fewer, driver), fault: sooner };
      }
    }
  }
  for (const sooner of earlier.slice(1)) yield { ...each, fault: sooner };
  for (const plainer of machines.slice(0, machines.indexOf(machine))) {
    yield { ...each, machine: plainer };
  }
  for (const simpler of driver.dirs.slice(0, driver.dirs.indexOf(dir))) {
    yield { ...each, dir: simpler };
  }
  for (const [index, piece] of layout.entries()) {
    for (const plainer of plainerPieces(piece, driver)) {
      yield { ...each, layout: layout.with(index, plainer) };
    }
  }
}

function withoutTouchingFirst(
  layout: readonly LayoutPiece[],
  driver: DriverEntry,
): readonly LayoutPiece[] {
  const [first] = layout;
  if (first?.place !== "touching") return layout;
  return layout.with(0, { ...first, place: "apart", offsetBytes: driver.offsetsBytes[0]! });
}

function plainerPieces(
  piece: LayoutPiece,
  { offsetsBytes, sizesBytes }: DriverEntry,
): readonly LayoutPiece[] {
  const apart: LayoutPiece = { ...piece, place: "apart" };
  const offsetBytes = offsetsBytes[0]!;
  const sizeBytes = sizesBytes[0]!;
  return [
    { ...apart, offsetBytes, sizeBytes },
    ...piece.place === "apart" ? [] : [{ ...apart, offsetBytes: piece.offsetBytes }],
    ...piece.place === "touching" ? [] : [{ ...piece, offsetBytes }],
    { ...piece, sizeBytes },
  ].filter((plainer) =>
    plainer.place !== piece.place || plainer.offsetBytes !== piece.offsetBytes ||
    plainer.sizeBytes !== piece.sizeBytes
  );
}
