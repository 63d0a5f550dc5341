/** The playground's built-in data: the examples, the scenarios of drivers, and the files they use. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { type PlaygroundData, projectLoader } from "@dmalab/page";
import { PROJECT } from "../project.ts";

/**
 * The shortest scenario of a driver in C, without the C code. The page cannot run it, and says that the command
 * is needed to run it.
 */
const DRIVERS = /^extensions\/c_drivers\/drivers\/map\/map\.dma$/;

/**
 * Folders of `examples/` in the order in which gzip packs their files best: alike scenarios lie within its window.
 * Tried by exchanging folders, it saves some 1,000 bytes of the page. Other folders come behind them.
 */
const PACKED_TOGETHER = [
  ...["start", "iova", "swiotlb", "drivers", "api", "iommu", "traces", "processes", "museum"],
  ...["releases", "block", "nvme", "bench", "p2p"],
];

/** The place of a file among the packed ones. */
function packedPlace(path: string): number {
  const place = PACKED_TOGETHER.indexOf(path.split("/")[1]!);
  return place < 0 ? PACKED_TOGETHER.length : place;
}

export function playgroundData(): PlaygroundData {
  const files: Record<string, string> = {};
  collect("examples", files, /\.\w+$/);
  collect("extensions/c_drivers/drivers", files, DRIVERS);
  const examples = Object.keys(files).filter((path) => path.endsWith(".dma")).sort();
  const used = examples.map((path) => [path, usedBy(path, files)] as const);
  const others = used.flat(2).filter((path) => !path.endsWith(".dma"));
  const listed = new Set([
    ...examples.toSorted((a, b) => packedPlace(a) - packedPlace(b) || (a < b ? -1 : 1)),
    ...others,
  ]);
  return {
    files: Object.fromEntries([...listed].map((path) => [path, files[path]!])),
    uses: Object.fromEntries(used.filter(([, names]) => names.length > 0)),
  };
}

/** The files that a scenario loads, directly or through another one. */
function usedBy(path: string, files: Readonly<Record<string, string>>): readonly string[] {
  const loader = projectLoader(files);
  const names = new Set<string>();
  loadForDebugging(new SourceFile(path, files[path]!), {
    load(...wanted) {
      const loaded = loader.load(...wanted);
      if (loaded instanceof SourceFile) names.add(loaded.name);
      return loaded;
    },
  });
  return [...names];
}

/** Adds the texts of files in a folder of the project, by their paths. */
function collect(folder: string, files: Record<string, string>, wanted: RegExp): void {
  for (const name of readdirSync(join(PROJECT, folder), { recursive: true, encoding: "utf8" })) {
    const path = `${folder}/${name.replaceAll("\\", "/")}`;
    if (wanted.test(path)) files[path] = Deno.readTextFileSync(join(PROJECT, path));
  }
}
