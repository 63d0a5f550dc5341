/**
 * dmalab's own scenarios for kernel trees. A review names them by short names, such as reach.dma, wherever dmalab is
 * installed.
 */
import { currentFolder, host, TREE_SCENARIOS } from "@dmalab/cli";
import { basename, shortPath } from "@dmalab/cli/extend";
import { statOf } from "./series.ts";

/** The paths of dmalab's own scenarios for kernel trees, relative to the current folder. */
export function ownScenarios(): readonly string[] {
  return TREE_SCENARIOS.flatMap((folder) =>
    [...host.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".dma"))
      .toSorted().map((name) => shortPath(`${folder}/${name}`, currentFolder()))
  );
}

/** The name of a scenario in a review. */
export function scenarioName(path: string): string {
  return ownScenarios().includes(path) ? basename(path) : path;
}

/** The path of the scenario with a name; a file in the current folder takes precedence. */
export function scenarioPath(name: string): string {
  const own = ownScenarios().find((path) => basename(path) === name);
  return own === undefined || statOf(name)?.isFile === true ? name : own;
}
