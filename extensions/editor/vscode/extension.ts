/** The VS Code extension: the language server, the debug adapter, and the tests of scenarios. */
import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";
import { ReportPanel } from "./report_panel.ts";
import { TestExplorer } from "./test_explorer.ts";

/** The program that runs the servers, with its first arguments. */
function program(): readonly [string, ...string[]] {
  const command = vscode.workspace.getConfiguration("dmalab").get<string[]>("command");
  const [first = "dmalab", ...more] = command ?? [];
  return [first, ...more];
}

let client: LanguageClient | undefined;

/** Starts the servers, in a folder that the user trusts. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  if (vscode.workspace.isTrusted) return await serve(context);
  context.subscriptions.push(vscode.workspace.onDidGrantWorkspaceTrust(() => serve(context)));
}

async function serve(context: vscode.ExtensionContext): Promise<void> {
  const tests = new TestExplorer(program, refreshValues);
  const [command, ...args] = program();
  client = new LanguageClient(
    "dmalab",
    "dmalab",
    { command, args: [...args, "lsp"] },
    {
      documentSelector: [{ language: "dma" }],
      middleware: {
        async provideInlayHints(document, range, token, next) {
          // No values are shown while debugging. They would be values of the last run, and the
          // debugged run has not reached these lines yet.
          if (isDebugging()) return [];
          const hints = await next(document, range, token);
          // A badge would cover the hint, and its message contains the values.
          return hints?.filter(({ position: { line } }) => !tests.hasBadge(document.uri, line));
        },
      },
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{dma,c,h}") },
    },
  );
  const report = new ReportPanel(program);
  context.subscriptions.push(
    tests,
    report,
    vscode.debug.onDidStartDebugSession(refreshValues),
    vscode.debug.onDidTerminateDebugSession(refreshValues),
    vscode.commands.registerCommand(
      "dmalab.run",
      (uri: string, line: number) => tests.runAt(vscode.Uri.parse(uri), line),
    ),
    vscode.commands.registerCommand(
      "dmalab.debug",
      (uri: string, line: number) => debugAt(vscode.Uri.parse(uri), line),
    ),
    vscode.commands.registerCommand("dmalab.report", (uri?: unknown, line?: number) => {
      const editor = vscode.window.activeTextEditor;
      // A code lens passes a text and a line. For buttons and the command palette, the text with
      // the cursor is used.
      if (typeof uri === "string") return report.show(vscode.Uri.parse(uri), line ?? 1);
      return editor && report.show(editor.document.uri, editor.selection.active.line + 1);
    }),
    vscode.debug.registerDebugAdapterDescriptorFactory("dma", {
      createDebugAdapterDescriptor() {
        const [command, ...args] = program();
        return new vscode.DebugAdapterExecutable(command, [...args, "dap"]);
      },
    }),
    vscode.debug.registerDebugConfigurationProvider("dma", {
      // For F5 in a folder without launch.json.
      resolveDebugConfiguration(_folder, configuration) {
        const editor = vscode.window.activeTextEditor;
        if (configuration.type !== undefined || editor?.document.languageId !== "dma") {
          return configuration;
        }
        return configurationAt(editor.document.uri, editor.selection.active.line + 1);
      },
    }),
  );
  await client.start();
}

function isDebugging(): boolean {
  return vscode.debug.activeDebugSession?.type === "dma";
}

/** Requests the values beside the lines again. */
function refreshValues(): void {
  const feature = client?.getFeature("textDocument/inlayHint");
  for (const document of vscode.workspace.textDocuments) {
    feature?.getProvider(document)?.onDidChangeInlayHints.fire();
  }
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

function configurationAt(uri: vscode.Uri, line: number): vscode.DebugConfiguration {
  return { type: "dma", request: "launch", name: "Scenario", program: uri.fsPath, line };
}

async function debugAt(uri: vscode.Uri, line: number): Promise<void> {
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  await vscode.debug.startDebugging(folder, { ...configurationAt(uri, line), stopOnEntry: true });
}
