/** The report page beside the text: the report of a file, at the line of the cursor. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import * as vscode from "vscode";

/** Large enough for a report of very long runs. */
const MAX_OUTPUT_BYTES = 2 ** 28;

export class ReportPanel implements vscode.Disposable {
  readonly #here = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor("editor.stackFrameHighlightBackground"),
  });
  readonly #parts: vscode.Disposable[] = [
    this.#here,
    vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.#follow(textEditor)),
    vscode.workspace.onDidSaveTextDocument(({ languageId }) => {
      if (languageId === "dma" || languageId === "c") void this.#refresh();
    }),
  ];
  #panel: vscode.WebviewPanel | undefined;
  #file: vscode.Uri | undefined;
  /** Position of the cursor, as `file:line`. */
  #cursor = "";
  /** Whether the page is still loading. The cursor's position is sent to the page when it has loaded. */
  #isNew = false;

  constructor(private readonly program: () => readonly [string, ...string[]]) {}

  dispose(): void {
    for (const part of this.#parts) part.dispose();
    this.#panel?.dispose();
  }

  /** Shows the runs of a file at a line, counted from 1. */
  async show(uri: vscode.Uri, line: number): Promise<void> {
    this.#file = uri;
    this.#cursor = `${this.#nameOf(uri)}:${line}`;
    await vscode.workspace.saveAll(false);
    await this.#refresh();
  }

  async #refresh(): Promise<void> {
    const uri = this.#file;
    if (uri === undefined) return;
    const { output, page } = await this.#report(uri);
    if (page === null) {
      // While the text has errors, the last page stays.
      if (this.#panel === undefined) void vscode.window.showErrorMessage(output);
      return;
    }
    this.#panel ??= this.#open();
    this.#panel.title = `Runs of ${vscode.workspace.asRelativePath(uri)}`;
    this.#isNew = true;
    this.#panel.webview.html = page;
  }

  #open(): vscode.WebviewPanel {
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const options = { enableScripts: true, localResourceRoots: [], retainContextWhenHidden: true };
    const panel = vscode.window.createWebviewPanel("dmalab.report", "Runs", column, options);
    panel.webview.onDidReceiveMessage(({ place }) => {
      if (this.#isNew) this.#tell();
      this.#mark(`${place}`);
    });
    panel.onDidDispose(() => {
      this.#panel = this.#file = undefined;
      this.#mark("");
    });
    return panel;
  }

  #follow({ document, selection }: vscode.TextEditor): void {
    if (this.#panel === undefined || document.languageId !== "dma") return;
    const cursor = `${this.#nameOf(document.uri)}:${selection.active.line + 1}`;
    if (cursor === this.#cursor) return;
    this.#cursor = cursor;
    this.#tell();
  }

  #tell(): void {
    this.#isNew = false;
    const [, file, line] = this.#cursor.match(/^(.*):(\d+)$/)!;
    void this.#panel?.webview.postMessage({ file, line: Number(line) });
  }

  /** Highlights the line that the page shows. */
  #mark(place: string): void {
    for (const editor of vscode.window.visibleTextEditors) {
      const name = this.#nameOf(editor.document.uri);
      const line = place.startsWith(`${name}:`) ? Number(place.slice(name.length + 1)) : NaN;
      const range = line > 0 ? [new vscode.Range(line - 1, 0, line - 1, 0)] : [];
      editor.setDecorations(this.#here, range);
    }
  }

  /** The folder in which the program is started for the page's file. */
  #folder(): string {
    const folder = this.#file && vscode.workspace.getWorkspaceFolder(this.#file);
    return folder?.uri.fsPath ?? dirname(this.#file?.fsPath ?? ".");
  }

  /** A file's name relative to the folder in which the program is started, as the program prints it. */
  #nameOf({ fsPath }: vscode.Uri): string {
    const name = relative(this.#folder(), fsPath).replaceAll("\\", "/");
    return name.startsWith("../") ? fsPath : name;
  }

  async #report(uri: vscode.Uri): Promise<{ page: string | null; output: string }> {
    const [command, ...args] = this.program();
    const folder = await mkdtemp(join(tmpdir(), "dmalab-"));
    const path = join(folder, "report.html");
    const options = { maxBuffer: MAX_OUTPUT_BYTES, cwd: this.#folder() };
    try {
      const output = await new Promise<string>((resolve) =>
        execFile(
          command,
          [...args, "report", this.#nameOf(uri), "--out", path],
          options,
          (error, _stdout, stderr) => resolve(stderr || String(error)),
        )
      );
      // The program ends with an error after a failed test, but it has written a page.
      const page = await readFile(path, "utf8").catch(() => null);
      return { page, output };
    } finally {
      await rm(folder, { recursive: true });
    }
  }
}
