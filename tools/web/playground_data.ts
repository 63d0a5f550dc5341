/** What the playground has built in: the examples, the drivers' scenarios, and the files they use. */
import { join } from "@std/path";
import type { PlaygroundData } from "../../web/page/playground.ts";
import { PROJECT } from "../package/bundle.ts";

/** Scenarios of drivers in C, without the C: the page says that they need the command. */
const DRIVERS = /^drivers\/\w+\/\w+\.dma$/;

export function playgroundData(): PlaygroundData {
  const files: Record<string, string> = {};
  collect("examples", files, /./);
  collect("drivers", files, DRIVERS);
  const examples = Object.keys(files).filter((path) => path.endsWith(".dma")).sort();
  const first = examples.filter((path) => path.startsWith("examples/start/"));
  return { files, examples: [...first, ...examples.filter((path) => !first.includes(path))] };
}

function collect(folder: string, files: Record<string, string>, wanted: RegExp): void {
  for (const { isDirectory, name } of Deno.readDirSync(join(PROJECT, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) collect(path, files, wanted);
    else if (wanted.test(path)) files[path] = Deno.readTextFileSync(join(PROJECT, path));
  }
}
