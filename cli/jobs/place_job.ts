/** Tries places of a sweep in a worker, on behalf of a test in another thread. */
import { PlaceTrials } from "@dmalab/lang/program";
import type { HostWatch, PlacesRequest, RunNames } from "@dmalab/lang/run";
import type { Limits } from "@dmalab/lang/values";
import { withoutCompiling } from "../compile_cache.ts";
import { MemoryScreen } from "../memory_screen.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import { SharedPlaces, textsOf } from "./shared_places.ts";

/** The file of a test, and the settings of its run. */
export interface PlaceSource {
  readonly path: string;
  /** The kernel tree that `--tree` names. */
  readonly tree: string | null;
  readonly lenient: boolean;
  readonly limits: Limits;
  /** Null: the seed that the file names. */
  readonly seed: number | null;
}

export interface PlaceJob extends PlaceSource {
  readonly kind: "places";
  /** The texts of the program's files: a file may have been changed meanwhile. */
  readonly texts: readonly string[];
  readonly names: RunNames;
  readonly request: PlacesRequest;
  readonly shared: SharedArrayBuffer;
  /** Limit of the host's memory for this thread, in bytes. */
  readonly hostBytes: number;
}

/** Opens the file in the worker, and returns the function that tries its places. */
export async function openPlaces({ limits, path, texts, tree }: PlaceJob) {
  const opened = await withoutCompiling(() =>
    loadScenario(path, new MemoryScreen(), tree, limits.timeMs)
  );
  const { program } = opened;
  const isSame = program !== null && JSON.stringify(textsOf(program)) === JSON.stringify(texts);
  const run = (
    { hostBytes, lenient, limits, names, request, seed, shared }: PlaceJob,
    send: (message: { readonly kind: "end" }) => void,
    watch: HostWatch,
  ) => {
    const places = new SharedPlaces(request, shared);
    const own = { ...{ lenient, limits, hostBytes }, ...seed === null ? {} : { seed } };
    if (isSame) {
      const stoppable: HostWatch = {
        nowMs: () => watch.nowMs(),
        interrupted: () => places.isStopped || watch.interrupted(),
        ...watch.memory === undefined ? {} : { memory: watch.memory },
      };
      const trials = new PlaceTrials(program, names, request, { ...own, watch: stoppable });
      places.tryFromEnd((index) => trials.try(index));
    }
    send({ kind: "end" });
  };
  return { run };
}
