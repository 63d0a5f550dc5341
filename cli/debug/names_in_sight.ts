/** The names that a place of a run sees: those of its call, and of the machine. */
import { type Cursor, machineNamesAt, variablesAt } from "@dmalab/recording";
import type { Type } from "@dmalab/lang/values";
import type { KnownNames } from "@dmalab/lang/editor";

export class NamesInSight implements KnownNames {
  readonly #cursor: Cursor;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  summary(): ReturnType<KnownNames["summary"]> {
    const { position, recording } = this.#cursor;
    const machineNames = [...machineNamesAt(recording, position).keys()];
    return { variables: [...variablesAt(recording, position)], declared: [], machineNames };
  }

  kindOf(name: string): Type | undefined {
    const { position, recording } = this.#cursor;
    return variablesAt(recording, position).find((each) => each.name === name)?.type ??
      machineNamesAt(recording, position).get(name);
  }
}
