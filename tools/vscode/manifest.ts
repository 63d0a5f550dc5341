/** The manifest of the VS Code extension, from the records of its features. */
import { LAUNCH_KEYS } from "@dmalab/editor";
import { VERSION } from "@dmalab/cli/extend";

const LAUNCH = {
  type: "dma",
  request: "launch",
  name: "Scenario",
  program: "${file}",
  stopOnEntry: true,
};

const HAS_SCENARIO = "editorLangId == dma && isWorkspaceTrusted";

/** The button that opens the report, and its title in the command palette. */
const REPORT = {
  commands: [{
    command: "dmalab.report",
    title: "Show the Runs of This File Beside It",
    category: "dmalab",
    icon: "$(open-preview)",
  }],
  menus: {
    "editor/title": [{ command: "dmalab.report", when: HAS_SCENARIO, group: "navigation" }],
    commandPalette: [{ command: "dmalab.report", when: HAS_SCENARIO }],
  },
};

const CAPABILITIES = {
  untrustedWorkspaces: {
    supported: "limited",
    description:
      "Scenarios have their colours and snippets. Nothing is started for them until you trust the folder.",
    restrictedConfigurations: ["dmalab.command"],
  },
  virtualWorkspaces: false,
};

const STEPS = [
  {
    id: "write",
    title: "Write a scenario",
    description:
      "A scenario is a text file whose name ends in .dma. Type machine or test and choose a snippet; errors show as you type.",
  },
  {
    id: "run",
    title: "Run its tests",
    description:
      "Run is above each test, and the test explorer lists all tests.\n[Open the test explorer](command:workbench.view.testing.focus)",
  },
  {
    id: "debug",
    title: "Debug forwards and backwards",
    description:
      "Debug above a test stops at its first statement. The toolbar has Step Back and Reverse. Page tables, queues and requests are among the variables.",
  },
  {
    id: "look",
    title: "Look into a run",
    description:
      "Report above a test opens the page of its runs beside the text: requests, page tables, queues and decisions at any moment. The page follows the cursor. Behind each variable stands its value in the last run.",
  },
].map((step) => ({ ...step, media: { markdown: "README.md" } }));

/** The extension's manifest. It has no dependencies: its code is one file. */
export function manifest() {
  return {
    name: "dmalab",
    displayName: "dmalab: DMA scenarios",
    description:
      "Scenarios of DMA mapping: checked as you type, tested, debugged forwards and back",
    version: VERSION,
    publisher: "dmalab",
    license: "MIT",
    engines: { vscode: "^1.91.0" },
    categories: ["Programming Languages", "Debuggers", "Testing"],
    main: "./extension.js",
    capabilities: CAPABILITIES,
    activationEvents: ["workspaceContains:**/*.dma", "onDebugResolve:dma"],
    contributes: {
      languages: [{
        id: "dma",
        aliases: ["DMA scenario"],
        extensions: [".dma"],
        configuration: "./language-configuration.json",
      }],
      grammars: [{
        language: "dma",
        scopeName: "source.dma",
        path: "./syntaxes/dma.tmLanguage.json",
      }],
      snippets: [{ language: "dma", path: "./snippets.json" }],
      breakpoints: [{ language: "dma" }, { language: "c" }],
      debuggers: [{
        type: "dma",
        label: "DMA scenario",
        languages: ["dma"],
        configurationAttributes: { launch: { required: ["program"], properties: LAUNCH_KEYS } },
        initialConfigurations: [LAUNCH],
        configurationSnippets: [{
          label: "dmalab: scenario",
          description: "Debug a scenario, forwards and backwards",
          body: LAUNCH,
        }],
      }],
      ...REPORT,
      configuration: {
        title: "dmalab",
        properties: {
          "dmalab.command": {
            // Machine scope: a repository must not set the command that is started.
            scope: "machine",
            type: "array",
            items: { type: "string" },
            default: ["dmalab"],
            description:
              "The program and its first arguments; found on the PATH by its name. Only user settings set it.",
          },
        },
      },
      configurationDefaults: { "[dma]": { "editor.tabSize": 2, "editor.insertSpaces": true } },
      walkthroughs: [{
        id: "start",
        title: "DMA scenarios",
        description: "From an empty file to reverse debugging",
        steps: STEPS,
      }],
    },
  };
}
