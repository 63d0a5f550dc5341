/** The names that a place of a run sees: those of its call, and of the machine. */
import { type Cursor, namesAt } from "@dmalab/recording";
import type { Type } from "@dmalab/lang/values";
import type { KnownNames } from "@dmalab/lang/editor";

export class NamesInSight implements KnownNames {
  readonly #place: Cursor;

  constructor(cursor: Cursor) {
    this.#place = cursor;
  }

  summary(): ReturnType<KnownNames["summary"]> {
    const { machineNames, variables } = this.#names;
    return { variables: [...variables], declared: [], machineNames: [...machineNames] };
  }

  kindOf(name: string): Type | undefined {
    return this.#names.kinds.get(name);
  }

  get #names() {
    const { position, recording } = this.#place;
    return namesAt(recording, position);
  }
}
