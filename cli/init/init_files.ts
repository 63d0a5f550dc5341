/**
 * The files that `dmalab init` writes. One of them is a package.json that has dmalab as a
 * dependency.
 *
 * In a new folder, `package.json` names the folder as a package and maps every `*.dma` to the
 * runner. `deno.json`, next to it, resolves the main module through that package name, so that
 * `deno run first.dma` runs a scenario. npm's `exports` can map names only to files of the folder:
 * therefore the runner is a file of one line in the folder.
 */
import { DENO_VERSION, VERSION } from "../package_version.ts";
import { STATE_FOLDER } from "../state_folder.ts";
import type { InitFile } from "./init_file.ts";
import { CONTAINER_FILE, REPORT } from "./job_files.ts";

/** The package name of a new folder, in `package.json` and `deno.json`. */
const OWN_NAME = "lab";
const OWN_VERSION = "0.0.0";

const DENO_JSON = {
  nodeModulesDir: "manual",
  imports: { "./": `npm:/${OWN_NAME}@${OWN_VERSION}/` },
};

/** The keys that a package.json needs, in a new folder and in an existing project. */
const PACKAGE_ADDED = {
  scripts: { test: "dmalab test", dmalab: "dmalab" },
  devDependencies: { dmalab: `^${VERSION}` },
};

const PACKAGE_JSON = {
  name: OWN_NAME,
  version: OWN_VERSION,
  private: true,
  type: "module",
  exports: { "./*.dma": "./run.js", "./*": "./*" },
  ...PACKAGE_ADDED,
};

const RUNNER = `import "dmalab/run";
`;

const FIRST_SCENARIO = `# first.dma: one page, mapped for a device, read by it, and unmapped.
#
# Run it:  npx dmalab run first.dma       or with Deno:  deno run -R=. first.dma
# Add  --trace  to see every event.

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

const SCENARIOS_TEST = `import { registerScenarios } from "dmalab/test";

registerScenarios(new URL("./", import.meta.url));
`;

const README = `# A folder of dmalab scenarios

Needs Node 20 or later. \`npm install\` installs dmalab from the npm registry;
\`npm install -D ./dmalab-${VERSION}.tgz\` installs a packed file instead, which
\`npm pack\` made of the package. Commit it with package.json then.

    npm test                            test all scenarios
    npx dmalab run first.dma            run one
    npx dmalab run first.dma --trace    and print every event
    npx dmalab repl                     run statements one by one
    npx dmalab check .                  check without running
    npx dmalab fmt .                    format all scenarios
    npx dmalab explain dma.3.3          explain a rule, an error or a name

With Deno ${DENO_VERSION} or later, \`deno run -R=. first.dma\` runs a scenario, and
\`deno test -R=.\` all: \`scenarios_test.mjs\` registers them.

Begin with \`first.dma\`. Scenarios may be in subfolders, and programs beside
them: \`import { buildLab } from "dmalab"\` is the simulation as a library.

A checker report, an IOMMU fault or a leak that a test does not expect fails the
test: write \`warns\`, \`faults\` or \`leaks = allow\` where it is meant.
`;

const GITIGNORE = `node_modules/
${STATE_FOLDER}/
${REPORT}
`;

const EDITOR = {
  "deno.enable": true,
  "files.exclude": { [STATE_FOLDER]: true },
  "[dma]": { "editor.tabSize": 2, "editor.insertSpaces": true },
};

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const file = (path: string, text: string, merge: InitFile["merge"] = "none"): InitFile => ({
  path,
  text,
  merge,
});

/** The files that every folder gets. */
const FILES: readonly InitFile[] = [
  file("first.dma", FIRST_SCENARIO),
  file("scenarios_test.mjs", SCENARIOS_TEST),
  file(".gitignore", GITIGNORE, "lines"),
  CONTAINER_FILE,
];

export const FOLDER_FILES: readonly InitFile[] = [
  file("package.json", json(PACKAGE_JSON)),
  file("deno.json", json(DENO_JSON)),
  file("run.js", RUNNER),
  file("README.md", README),
  file(".vscode/settings.json", json(EDITOR)),
  ...FILES,
];

/** The files for an existing project of Node, of Deno, or of both. */
export const PROJECT_FILES: readonly InitFile[] = [
  file("package.json", json(PACKAGE_ADDED), "keys"),
  ...FILES,
];
