/** The scenarios of the project. */
import { join, relative } from "node:path";
import { filesBelow, ROOT } from "./source_text.ts";

/** Every scenario below a folder of the project, from the root. */
export function scenariosBelow(folder: string): string[] {
  return filesBelow(join(ROOT, folder))
    .filter((path) => path.endsWith(".dma"))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"));
}
