/**
 * The files that `dmalab init` writes, besides the package itself.
 *
 * In a new folder `package.json` names the folder and resolves every `*.dma` to the runner, and
 * `deno.json` resolves a main module beside it through that name: `deno run first.dma` runs a
 * scenario. The package lies in the folder, so that a fresh clone works and needs no registry.
 */
import { DENO_VERSION } from "../package_version.ts";
import { FAILED_TESTS, HISTORY, OWN_FOLDER } from "../own_folder.ts";
import type { InitFile } from "./init_file.ts";
import { CONTAINER_FILE, REPORT } from "./job_files.ts";

/** The package name of a new folder, in both of its configurations. */
const OWN_NAME = "lab";
const OWN_VERSION = "0.0.0";

// With INIT_CWD the REPL knows that a task runner started it, which would not notice Ctrl-Z.
const COMMAND = `deno run -R -W --allow-env=INIT_CWD ${OWN_FOLDER}/bin.js`;

/** What a configuration of Deno needs, in a project too. */
const DENO_ADDED = {
  imports: {
    "dma": `./${OWN_FOLDER}/run.js`,
    "dmalab": `./${OWN_FOLDER}/mod.js`,
    "dmalab/recording": `./${OWN_FOLDER}/recording.js`,
    "dmalab/test": `./${OWN_FOLDER}/scenarios.js`,
  },
  tasks: { dmalab: COMMAND },
  exclude: [`${OWN_FOLDER}/`],
};

const DENO_JSON = {
  nodeModulesDir: "none",
  imports: { "./": `npm:/${OWN_NAME}@${OWN_VERSION}/`, ...DENO_ADDED.imports },
  tasks: {
    ...DENO_ADDED.tasks,
    test: "deno test -R=.",
    check: `${COMMAND} check .`,
    fmt: `${COMMAND} fmt .`,
    hunt: `${COMMAND} hunt`,
    repl: `${COMMAND} repl`,
  },
  exclude: DENO_ADDED.exclude,
};

/** What a package.json needs, in a project too. */
const PACKAGE_ADDED = {
  imports: {
    "#dmalab": {
      types: `./${OWN_FOLDER}/types/mod.d.ts`,
      default: `./${OWN_FOLDER}/mod.js`,
    },
    "#dmalab/recording": {
      types: `./${OWN_FOLDER}/types/recording.d.ts`,
      default: `./${OWN_FOLDER}/recording.js`,
    },
    "#dmalab/test": {
      types: `./${OWN_FOLDER}/types/cli/testing/register_scenarios.d.ts`,
      default: `./${OWN_FOLDER}/scenarios.js`,
    },
  },
  scripts: {
    test: "node --test",
    dmalab: `node ${OWN_FOLDER}/bin.js`,
  },
};

const PACKAGE_JSON = {
  name: OWN_NAME,
  version: OWN_VERSION,
  private: true,
  type: "module",
  exports: {
    "./*.dma": `./${OWN_FOLDER}/run.js`,
    "./*": "./*",
  },
  ...PACKAGE_ADDED,
};

const FIRST_SCENARIO = `# first.dma: one page, mapped for a device, read by it, and unmapped.
#
# Run it with Deno:  deno run -R=. first.dma
# or with Node:      npm run dmalab run first.dma
# Add  --trace  (npm: -- --trace)  to see every event.

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

// The ending .mjs is a module in every project, and matches what both test runners look for.
const SCENARIOS_TEST = `import { registerScenarios } from "#dmalab/test";

registerScenarios(new URL(".", import.meta.url));
`;

const README = `# A folder of dmalab scenarios

Needs Node 20 or later, or Deno ${DENO_VERSION} or later, and no network: dmalab itself is
in \`${OWN_FOLDER}/\`.

    npm test                            test all scenarios
    npm run dmalab run first.dma        run one
    npm run dmalab -- run first.dma --trace    and print every event
    npm run dmalab repl                 run statements one by one
    npm run dmalab check .              check without running
    npm run dmalab fmt .                format all scenarios
    npm run dmalab explain dma.3.3      explain a rule, an error or a name

With Deno these are \`deno test -R=.\`, \`deno run -R=. first.dma\` and
\`deno task dmalab ...\`; repl, check, fmt and hunt are tasks of their own.

Begin with \`first.dma\`. Scenarios may be in subfolders, and programs beside
them: \`import { buildLab } from "#dmalab"\` is the simulation as a library.
\`scenarios_test.mjs\` registers the scenarios with \`node --test\` and \`deno test\`.
A checker report, an IOMMU fault or a leak that a test does not expect fails the
test: write \`warns\`, \`faults\` or \`leaks = allow\` where it is meant.

Commit \`${OWN_FOLDER}/\`: a fresh clone then works as it is.
`;

const GITIGNORE = `node_modules/
${OWN_FOLDER}/${HISTORY}
${OWN_FOLDER}/${FAILED_TESTS}
${REPORT}
`;

// Bundles: a diff of them is megabytes that no reviewer reads.
const GITATTRIBUTES = `${OWN_FOLDER}/** linguist-generated -diff
`;

const EDITOR = {
  "deno.enable": true,
  "files.exclude": { [OWN_FOLDER]: true },
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

/** What every folder gets. */
const FILES: readonly InitFile[] = [
  file("first.dma", FIRST_SCENARIO),
  file("scenarios_test.mjs", SCENARIOS_TEST),
  file(".gitignore", GITIGNORE, "lines"),
  file(".gitattributes", GITATTRIBUTES, "lines"),
  CONTAINER_FILE,
];

/** The files of a folder of its own. */
export const FOLDER_FILES: readonly InitFile[] = [
  file("deno.json", json(DENO_JSON)),
  file("package.json", json(PACKAGE_JSON)),
  file("README.md", README),
  file(".vscode/settings.json", json(EDITOR)),
  ...FILES,
];

/** The files of a folder that is a project of Node's, of Deno's, or of both. */
export function projectFiles(hasDenoJson: boolean): readonly InitFile[] {
  return [
    ...hasDenoJson ? [file("deno.json", json(DENO_ADDED), "keys")] : [],
    file("package.json", json(PACKAGE_ADDED), "keys"),
    ...FILES,
  ];
}
