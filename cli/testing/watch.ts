/** `--watch`: again whenever a scenario changes. */
import type { Screen } from "../screen.ts";

/** Editors write a file in several steps: what comes within this time is one change. */
const QUIET_MS = 150;

/**
 * Runs something now, and again after each change of a `.dma` file below some places. Ends when the
 * process does.
 */
export async function watchScenarios(
  places: readonly string[],
  run: () => Promise<unknown>,
  screen: Screen & { flush?(): void },
): Promise<never> {
  for (;;) {
    // Listening begins before the run, so that no change is missed in the meantime.
    const watcher = Deno.watchFs([...places]);
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
