/**
 * The files of a new folder of scenarios.
 *
 * Its `package.json` names the folder itself and sends every `*.dma` to the runner, and its
 * `deno.json` sends what lies beside the main module through that name: scenarios run by
 * `deno run first.dma`, and everything else is what it always was. The package lies in the folder,
 * so that a clone of it works at once, and nothing asks a registry.
 */
import { DENO_VERSION } from "../package_version.ts";
import { FAILED_TESTS, HISTORY, OWN_FOLDER } from "../own_folder.ts";

/** What the folder calls itself, in both of its files; nobody else sees it. */
const OWN_NAME = "lab";
const OWN_VERSION = "0.0.0";

// The variable tells that a task was started, which would not notice that Ctrl-Z stops the REPL.
const COMMAND = `deno run -R -W --allow-env=INIT_CWD ${OWN_FOLDER}/bin.js`;

const DENO_JSON = {
  nodeModulesDir: "none",
  imports: {
    "./": `npm:/${OWN_NAME}@${OWN_VERSION}/`,
    "dma": `./${OWN_FOLDER}/run.js`,
    "dmalab": `./${OWN_FOLDER}/mod.js`,
    "dmalab/test": `./${OWN_FOLDER}/scenarios.js`,
  },
  tasks: {
    dmalab: COMMAND,
    test: "deno test -R=.",
    check: `${COMMAND} check .`,
    fmt: `${COMMAND} fmt .`,
    hunt: `${COMMAND} hunt`,
    repl: `${COMMAND} repl`,
  },
  exclude: [`${OWN_FOLDER}/`],
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
};

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

const SCENARIOS_TEST = `import { registerScenarios } from "dmalab/test";

registerScenarios(import.meta.dirname);
`;

const README = `# A folder of dmalab scenarios

Needs Deno ${DENO_VERSION} or later, nothing else: dmalab itself lies in \`${OWN_FOLDER}/\`.
Without Deno, put \`npx -y deno@${DENO_VERSION}\` where \`deno\` stands here.

    deno run -R=. first.dma           run a scenario; --trace shows every event
    deno test -R=.                    run the tests of all scenarios
    deno task repl                    try things, step by step
    deno task check                   look for mistakes without running
    deno task fmt                     lay out all scenarios alike
    deno task hunt                    look for what breaks the simulated driver
    deno task dmalab explain dma.3.3  what a rule, an error or a name means
    deno task dmalab --help           everything else

\`first.dma\` is where to begin. Scenarios may lie in folders, and TypeScript
beside them: \`import { buildLab } from "dmalab"\` is the simulation as a library.
\`scenarios_test.ts\` registers the scenarios with \`deno test\`.

Keep \`${OWN_FOLDER}/\` in the repository: a clone then works at once, without a
network.
`;

const GITIGNORE = `node_modules/
${OWN_FOLDER}/${HISTORY}
${OWN_FOLDER}/${FAILED_TESTS}
`;

const EDITOR = {
  "deno.enable": true,
  "files.exclude": { [OWN_FOLDER]: true },
  "[dma]": { "editor.tabSize": 2, "editor.insertSpaces": true },
};

const TEST_ANYWHERE = `npx -y deno@${DENO_VERSION} test -R=.`;

const GITHUB = `name: scenarios
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 22 }
      - run: ${TEST_ANYWHERE}
`;

const GITLAB = `scenarios:
  image: node:22
  script:
    - ${TEST_ANYWHERE}
`;

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The files written, and what stands in them. */
export const INIT_FILES: Readonly<Record<string, string>> = {
  "deno.json": json(DENO_JSON),
  "package.json": json(PACKAGE_JSON),
  "first.dma": FIRST_SCENARIO,
  "scenarios_test.ts": SCENARIOS_TEST,
  "README.md": README,
  ".gitignore": GITIGNORE,
  ".vscode/settings.json": json(EDITOR),
  ".github/workflows/scenarios.yml": GITHUB,
  ".gitlab-ci.yml": GITLAB,
};
