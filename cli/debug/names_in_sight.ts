/** The names that a place of a run sees: those of its call, and of the machine. */
import { evaluate, LookError, type Place } from "../../lang/recording/mod.ts";
import type { Value } from "../../lang/values/value.ts";
import type { KnownNames } from "../repl/describe_name.ts";

export class NamesInSight implements KnownNames {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  summary(): ReturnType<KnownNames["summary"]> {
    return {
      variables: [...this.#place.variables()],
      declared: [],
      machineNames: [...this.world.globals.keys()],
    };
  }

  valueOf(name: string): Value | undefined {
    const { at, recording } = this.#place;
    if (!this.#place.variables().some((each) => each.name === name)) return undefined;
    try {
      return evaluate(recording, at, name, 0, ({ value }) => value);
    } catch (error) {
      if (error instanceof LookError) return undefined;
      throw error;
    }
  }

  get world(): KnownNames["world"] {
    const { at, recording } = this.#place;
    return recording.reruns.look(at, ({ vm }) => ({ globals: new Map(vm.world.globals) }));
  }
}
