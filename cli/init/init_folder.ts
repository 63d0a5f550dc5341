/** `dmalab init`: what a folder of scenarios needs to begin. */
import { join } from "@std/path";
import { buildPackage } from "../package/build_package.ts";
import { VERSION } from "../package_version.ts";

/** `manual`: Deno takes the package as it lies in `node_modules` and asks no registry. */
const DENO_JSON = `{
  "nodeModulesDir": "manual",
  "imports": { "./": "npm:/dmalab@^${VERSION}/" }
}
`;

const PACKAGE_JSON = `{
  "private": true,
  "type": "module",
  "dependencies": { "dmalab": "^${VERSION}" }
}
`;

const FIRST_SCENARIO = `# first.dma: one page, mapped for a device, read by it, and unmapped.
#
# Run it with    deno run -R=. first.dma
# and with       deno run -R=. first.dma --trace    to see every event.

machine {
  iommu { mode = strict }
  pci {
    root_port rp0 {
      nvme ssd { queues = 1, depth = 32 }
    }
  }
}

test "a page is mapped, seen by the device, and unmapped" {
  let page = alloc_pages(1)
  page.fill(0x5a)

  let mapping = dma_map_single(ssd, page, 4KiB, to_device)
  assert ssd.dma_read(mapping.addr, 4KiB) == page.bytes
  assert iommu.live_mappings == 1

  dma_unmap_single(ssd, mapping, 4KiB, to_device)
  assert iommu.live_mappings == 0
  ssd.dma_read(mapping.addr, 4KiB) faults not_present
}
`;

/** The files written, and what stands in them. */
export const INIT_FILES: Readonly<Record<string, string>> = {
  "deno.json": DENO_JSON,
  "package.json": PACKAGE_JSON,
  "first.dma": FIRST_SCENARIO,
};

/** Where the package goes, as `npm install` would put it. */
const PACKAGE_FOLDER = "node_modules/dmalab";

export type InitOutcome =
  | { readonly done: true; readonly written: readonly string[] }
  | { readonly done: false; readonly problem: string };

/** Writes the files and the package they need; nothing when one of the files is there already. */
export function initFolder(folder: string): InitOutcome {
  try {
    const names = Object.keys(INIT_FILES);
    const there = names.filter((name) => exists(join(folder, name)));
    if (there.length > 0) {
      return {
        done: false,
        problem: `"${folder}" has ${there.join(" and ")} already; nothing was written`,
      };
    }
    const built = buildPackage(join(folder, PACKAGE_FOLDER));
    if (!built.done) return built;
    for (const name of names) {
      Deno.writeTextFileSync(join(folder, name), INIT_FILES[name]!, { createNew: true });
    }
    return { done: true, written: [...names, PACKAGE_FOLDER] };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      return {
        done: false,
        problem: `Not allowed to write "${folder}" and to run Deno, which makes the package: ` +
          "start dmalab with -R -W --allow-run",
      };
    }
    if (error instanceof Error) {
      return { done: false, problem: `Cannot start a folder at "${folder}": ${error.message}` };
    }
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
