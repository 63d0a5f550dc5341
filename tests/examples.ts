/** Finds and opens the scenarios of the project. */
import { join, relative } from "node:path";
import { HostLoader } from "@dmalab/cli";
import { filesBelow, ROOT } from "./source_text.ts";

/** Every scenario below a folder of the project, with paths from the root. */
export function scenariosBelow(folder: string): string[] {
  return filesBelow(join(ROOT, folder))
    .filter((path) => path.endsWith(".dma"))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"));
}

/**
 * Opens a scenario of the project.
 * @param path Path from the root.
 * @throws {Error} If the scenario cannot be read.
 */
export function openScenario(path: string) {
  const opened = HostLoader.open(join(ROOT, path));
  if (typeof opened === "string") throw new Error(opened);
  return opened;
}
