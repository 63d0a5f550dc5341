/** A copy of the project in another folder. */
import { dirname, join } from "node:path";
import { filesBelow, ROOT } from "./source_text.ts";

/**
 * Folders that are not copied: npm leaves them in a checkout, or they are in the folder but not
 * part of the project.
 */
const NOT_COPIED = [".git", ".dmalab", "coverage", "dist", "node_modules"];

/** @param isWanted Whether a file is copied, by its path from the root. */
export function copyProject(
  target: string,
  isWanted: (path: string) => boolean = () => true,
): void {
  for (const { name } of Deno.readDirSync(ROOT)) {
    if (NOT_COPIED.includes(name)) continue;
    for (const path of filesBelow(join(ROOT, name))) {
      const relative = path.slice(ROOT.length);
      if (!isWanted(relative)) continue;
      const copy = join(target, relative);
      Deno.mkdirSync(dirname(copy), { recursive: true });
      Deno.copyFileSync(path, copy);
    }
  }
}
