/** `--watch`: again whenever a scenario changes. */
import { host } from "../host.ts";
import { type ExitCode, WRONG } from "../exit_code.ts";
import type { Screen } from "../screen.ts";

/** Editors write a file in several steps: what comes within this time is one change. */
const QUIET_MS = 150;

/**
 * Runs something now, and again after each change of a `.dma` file below some places. Ends when the
 * process does, or when a place is not there (any more).
 */
export async function watchScenarios(
  places: readonly string[],
  run: () => Promise<unknown>,
  screen: Screen & { flush?(): void },
): Promise<ExitCode> {
  for (;;) {
    // Listening begins before the run, so that no change is missed in the meantime.
    const watcher = watcherOf(places, screen);
    if (watcher === null) return WRONG;
    await run();
    screen.out("\nwatching for changes; Ctrl-C ends it\n");
    screen.flush?.();
    for await (const { kind, paths } of watcher) {
      if (kind !== "access" && paths.some((path) => path.endsWith(".dma"))) break;
    }
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    screen.out("\n");
  }
}

/** The watcher of some places; null after printing why they cannot be watched. */
function watcherOf(places: readonly string[], screen: Screen): Deno.FsWatcher | null {
  try {
    return host.watchFs([...places]);
  } catch (error) {
    const gone = places.find((place) => !exists(place));
    const why = gone === undefined
      ? error instanceof Error ? error.message : String(error)
      : `there is no "${gone}"`;
    screen.err(`error: Cannot watch: ${why}\n`);
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
