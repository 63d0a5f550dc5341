/** The tests of scenarios in the test explorer, run with `dmalab test`. */
import { execFile } from "node:child_process";
import * as vscode from "vscode";

/** The used parts of the output of `dmalab test --reporter json`. */
interface Report {
  readonly files: readonly { readonly tests: readonly Result[] }[];
  readonly wrong?: readonly unknown[];
}

interface Result {
  /** `FILE:LINE:COLUMN` of the test's name. */
  readonly place: string;
  readonly name: string;
  readonly combination: string;
  readonly outcome: string;
  readonly wallMs: number;
  readonly failure: { readonly place: string; readonly lines: readonly string[] } | null;
}

/** Large enough for a report of very many tests. */
const MAX_OUTPUT_BYTES = 2 ** 28;

const isTest = ({ detail }: vscode.DocumentSymbol) => detail === "test" || detail === "property";

export class TestExplorer implements vscode.Disposable {
  readonly #controller = vscode.tests.createTestController("dmalab", "DMA scenarios");
  readonly #parts: vscode.Disposable[] = [this.#controller];
  /**
   * Lines, counted from 0, that end with a note about a failed test. The outer key is the path of
   * the text, the inner key the test.
   */
  readonly #badges = new Map<string, Map<string, readonly number[]>>();

  constructor(
    private readonly program: () => readonly [string, ...string[]],
    private readonly onResults: () => void,
  ) {
    const watcher = vscode.workspace.createFileSystemWatcher("**/*.dma");
    this.#controller.resolveHandler = (item) => item === undefined ? this.#findFiles() : undefined;
    this.#controller.createRunProfile(
      "Run",
      vscode.TestRunProfileKind.Run,
      (request, token) => this.#run(request, token),
      true,
    );
    this.#parts.push(
      watcher,
      watcher.onDidCreate((uri) => this.#readFile(uri)),
      watcher.onDidChange((uri) => this.#readFile(uri)),
      watcher.onDidDelete((uri) => this.#controller.items.delete(uri.toString())),
      vscode.workspace.onDidOpenTextDocument(({ languageId, uri }) => {
        if (languageId === "dma") void this.#readFile(uri);
      }),
    );
    void this.#findFiles();
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
  }

  /** Whether a line, from 0, ends with the badge of a failed test. */
  hasBadge(uri: vscode.Uri, line: number): boolean {
    const badges = this.#badges.get(uri.fsPath)?.values() ?? [];
    return [...badges].some((lines) => lines.includes(line));
  }

  /** Runs the test with its name in a given line of a file, counted from 1. */
  async runAt(uri: vscode.Uri, line: number): Promise<void> {
    await this.#readFile(uri);
    const item = this.#controller.items.get(uri.toString())?.children.get(String(line));
    const include = item === undefined ? undefined : [item];
    const request = new vscode.TestRunRequest(include);
    await this.#run(request, new vscode.CancellationTokenSource().token);
  }

  async #findFiles(): Promise<void> {
    const uris = await vscode.workspace.findFiles("**/*.dma", "**/node_modules/**");
    for (const uri of uris) await this.#readFile(uri);
  }

  /**
   * Reads the tests of a file. Each test is identified by the line of its name, as in the results
   * of a run.
   */
  async #readFile(uri: vscode.Uri): Promise<void> {
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[] | undefined>(
      "vscode.executeDocumentSymbolProvider",
      uri,
    );
    // The server is not running yet; the file is read again when it is opened or run.
    if (symbols === undefined) return;
    const tests = symbols.filter(isTest);
    if (tests.length === 0) return this.#controller.items.delete(uri.toString());
    const label = vscode.workspace.asRelativePath(uri);
    const file = this.#controller.createTestItem(uri.toString(), label, uri);
    for (const { name, selectionRange } of tests) {
      const line = selectionRange.start.line + 1;
      const item = this.#controller.createTestItem(String(line), name, uri);
      item.range = selectionRange;
      file.children.add(item);
    }
    this.#controller.items.add(file);
  }

  async #run(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    const run = this.#controller.createTestRun(request);
    const wanted = request.include ?? [...this.#controller.items].map(([, item]) => item);
    const files = new Map<string, vscode.TestItem[]>();
    for (const item of wanted) {
      const tests = item.children.size > 0 ? [...item.children].map(([, test]) => test) : [item];
      for (const test of tests.filter((each) => request.exclude?.includes(each) !== true)) {
        const path = test.uri!.fsPath;
        files.set(path, [...files.get(path) ?? [], test]);
        run.started(test);
      }
    }
    await vscode.workspace.saveAll(false);
    for (const [path, tests] of files) {
      if (!token.isCancellationRequested) await this.#runFile(path, tests, run, token);
    }
    run.end();
    this.onResults();
  }

  async #runFile(
    path: string,
    tests: readonly vscode.TestItem[],
    run: vscode.TestRun,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const { output, report } = await this.#report(path, token);
    const results = Map.groupBy(
      report?.files.flatMap((file) => file.tests) ?? [],
      ({ place }) => place.split(":").at(-2)!,
    );
    const badges = this.#badges.get(path) ?? new Map<string, readonly number[]>();
    this.#badges.set(path, badges);
    for (const test of tests) {
      const found = results.get(test.id);
      badges.delete(test.id);
      if (found === undefined) {
        run.errored(test, new vscode.TestMessage(output || "The test did not run."));
        continue;
      }
      const failed = found.filter(({ failure }) => failure !== null);
      const wallMs = found.reduce((sum, each) => sum + each.wallMs, 0);
      if (failed.length > 0) {
        const messages = failed.map((each) => messageOf(each, test));
        badges.set(test.id, messages.map(({ location }) => location!.range.start.line));
        run.failed(test, messages, wallMs);
      } else if (found.every(({ outcome }) => outcome === "skipped")) run.skipped(test);
      else run.passed(test, wallMs);
    }
  }

  #report(
    path: string,
    token: vscode.CancellationToken,
  ): Promise<{ readonly report: Report | null; readonly output: string }> {
    const [command, ...args] = this.program();
    return new Promise((resolve) => {
      const child = execFile(
        command,
        [...args, "test", "--reporter", "json", path],
        { maxBuffer: MAX_OUTPUT_BYTES, cwd: vscode.workspace.workspaceFolders?.[0]?.uri.fsPath },
        (error, stdout, stderr) => {
          try {
            resolve({ report: JSON.parse(stdout), output: stderr });
          } catch {
            resolve({ report: null, output: stderr || String(error) });
          }
        },
      );
      token.onCancellationRequested(() => child.kill());
    });
  }
}

function messageOf({ combination, failure, name }: Result, test: vscode.TestItem) {
  const head = combination === "" ? name : `${name} [${combination}]`;
  const message = new vscode.TestMessage(`${head}\n${failure!.lines.join("\n")}`);
  const [line = 1, column = 1] = failure!.place.split(":").slice(-2).map(Number);
  message.location = new vscode.Location(test.uri!, new vscode.Position(line - 1, column - 1));
  return message;
}
