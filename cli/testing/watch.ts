/** `--watch`: runs the tests again whenever a scenario or a file in C changes. */
import { host } from "../host.ts";
import { type ExitCode, WRONG } from "../exit_code.ts";
import { isFolder } from "../host_file.ts";
import { dirname } from "../paths.ts";
import { printError } from "../print_error.ts";
import type { Screen } from "../screen.ts";

/** Editors write a file in several steps: changes within this time count as one change. */
const QUIET_MS = 150;
/** Watched files: scenarios, and drivers with their headers. */
const WATCHED = /\.(?:dma|c|h)$/;

/**
 * Runs a function now, and again after each change of a scenario or of a file in C. Folders are watched with all
 * their subfolders. For a file, its folder is watched, because an editor may replace the file instead of writing
 * it. Ends when the process ends, or when a watched place does not exist (any more).
 */
export async function watchScenarios(
  places: readonly string[],
  run: () => Promise<unknown>,
  screen: Screen & { flush?(): void },
): Promise<ExitCode> {
  for (;;) {
    // Watching begins before the run, so that no change during the run is missed.
    const watchers = watchersOf(places, screen);
    if (watchers === null) return WRONG;
    await run();
    screen.out("\nwatching for changes; Ctrl-C ends it\n");
    screen.flush?.();
    await Promise.race(watchers.map(nextChange));
    for (const watcher of watchers) watcher.close();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    screen.out("\n");
  }
}

/** Waits for a change, without closing the watcher. */
async function nextChange(watcher: Deno.FsWatcher): Promise<void> {
  const events = watcher[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) return;
    if (value.kind !== "access" && value.paths.some((path) => WATCHED.test(path))) return;
  }
}

/** The watchers of some places; null after printing why they cannot be watched. */
function watchersOf(places: readonly string[], screen: Screen): Deno.FsWatcher[] | null {
  const { beside = [], below = [] } = Object.groupBy(
    places,
    (place) => exists(place) && !isFolder(place) ? "beside" : "below",
  );
  try {
    return [
      ...below.length === 0 ? [] : [host.watchFs(below)],
      ...beside.length === 0 ? [] : [host.watchFs(beside.map(dirname), { recursive: false })],
    ];
  } catch (error) {
    const gone = places.find((place) => !exists(place));
    const why = gone === undefined
      ? error instanceof Error ? error.message : String(error)
      : `there is no "${gone}"`;
    printError(`Cannot watch: ${why}`, screen);
    return null;
  }
}

function exists(place: string): boolean {
  try {
    host.statSync(place);
    return true;
  } catch {
    return false;
  }
}
