/** Declarations in a machine's blocks besides keys: variables, and code of registers. */
import type {
  LetStatement,
  MachineBlock,
  MachineDeclaration,
  MachineEntry,
  RegisterDeclaration,
} from "./ast.ts";

/** A register and the block that contains it; the block is null for the machine itself. */
export interface PlacedRegister {
  readonly block: MachineBlock | null;
  readonly register: RegisterDeclaration;
}

function* placed(
  entries: readonly MachineEntry[],
  block: MachineBlock | null,
): Generator<{ readonly block: MachineBlock | null; readonly entry: MachineEntry }> {
  for (const entry of entries) {
    yield { block, entry };
    if (entry.kind === "Block") yield* placed(entry.entries, entry);
  }
}

/** The variables of a machine, in textual order. */
export function machineLets({ entries }: MachineDeclaration): readonly LetStatement[] {
  return [...placed(entries, null)].flatMap(({ entry }) => entry.kind === "Let" ? [entry] : []);
}

/** The registers of a machine that have code, in textual order. */
export function registersOf({ entries }: MachineDeclaration): readonly PlacedRegister[] {
  return [...placed(entries, null)].flatMap(({ block, entry }) =>
    entry.kind === "Register" ? [{ block, register: entry }] : []
  );
}
