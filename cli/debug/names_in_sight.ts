/** The names that a place of a run sees: those of its call, and of the machine. */
import { namesAt, type Place } from "@dmalab/recording";
import type { Kind } from "@dmalab/lang/values";
import type { KnownNames } from "@dmalab/lang/editor";

export class NamesInSight implements KnownNames {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  summary(): ReturnType<KnownNames["summary"]> {
    const { machineNames, variables } = this.#names;
    return { variables: [...variables], declared: [], machineNames: [...machineNames] };
  }

  kindOf(name: string): Kind | undefined {
    return this.#names.kinds.get(name);
  }

  get #names() {
    const { at, recording } = this.#place;
    return namesAt(recording, at);
  }
}
