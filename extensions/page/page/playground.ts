/// <reference lib="dom" />
/** The playground: the page with an editor and the engine. */
import { formatSource } from "@dmalab/lang/editor";
import { SourceFile } from "@dmalab/lang";
import type { EngineResponse, PageProblem, Project, RunEntry } from "../engine/protocol.ts";
import type { Position, RecordedRun } from "@dmalab/recording";
import { readSerialised } from "@dmalab/recording/views";
import { formatCount } from "@dmalab/lang/text";
import { byId, fillSelect, offerFiles, save } from "../view/dom.ts";
import { type ListedRun, marksIn } from "../view/page_model.ts";
import { type SourceView, Viewer } from "../view/viewer.ts";
import { examplesOf, type PlaygroundData, readBuiltIn } from "./built_in_files.ts";
import { SourceEditor } from "./editor.ts";
import { EngineClient } from "./engine_client.ts";
import { LanguageHelp } from "./language_help.ts";
import { Messages } from "./messages.ts";
import { MAX_LINK_LENGTH, readLink, type Shared, writeLink } from "./share_link.ts";
import { startTheme } from "./theme.ts";

/** Delay after the last key, in milliseconds. */
const EDIT_MS = 30;

export function startPlayground(): void {
  new Playground(readBuiltIn(byId("data").textContent!)).open();
}

class Playground {
  readonly #messages = new Messages();
  readonly #editor: SourceEditor;
  readonly #viewer: Viewer;
  readonly #engine: EngineClient;
  readonly #examples: readonly string[];
  #project: Project;
  #run = 0;
  /** The position at which the next run is opened; null for its default position. */
  #at: Position | null = null;
  #runs: readonly RunEntry[] = [];
  #hasErrors = false;
  /** The outcomes of the runs of this text have been received. */
  #isListed = false;
  /** The text has been edited, so that it differs from every example and link. */
  #isEdited = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #printed = "";
  /** Resolvers of pending requests for runs to compare with, first in, first out. */
  #waiting: ((run: RecordedRun) => void)[] = [];

  constructor(private readonly data: PlaygroundData) {
    this.#examples = examplesOf(data);
    this.#project = this.#exampleProject(this.#examples[0]!);
    const help = new LanguageHelp(() => ({ name: this.#file, files: this.#project.files }));
    this.#editor = new SourceEditor(byId("source"), help, {
      onEdit: () => this.#edited(),
      onLine: (line) => this.#viewer.toggleStop(`${this.#file}:${line}`),
      onRunTo: (line) => this.#viewer.goToLine(this.#file, line),
      onPoint: (line) => this.#viewer.pointAtLine(line === null ? null : `${this.#file}:${line}`),
    });
    this.#viewer = new Viewer({
      mark: (marks) => this.#mark(marks),
      annotate: (_, notes) => this.#editor.annotate(marksIn(this.#file, notes)),
    }, () => ({
      runs: this.#runs.map(({ outcome, report, title }): ListedRun => ({
        title,
        state: outcome === "passed" || outcome === "failed" ? outcome : "warned",
        outcome,
        events: report?.events ?? null,
      })),
      shown: this.#run,
      open: (index) => this.#recordBeside(index),
      show: (index) => this.#showRun(index),
    }));
    this.#engine = new EngineClient(
      byId("program").textContent!,
      (answer) => this.#answered(answer),
      (why) => this.#messages.show(why, null, true),
    );
    this.#listen();
    startTheme();
  }

  open(): void {
    const choices = this.#examples.map((path) => {
      const slash = path.lastIndexOf("/");
      return { value: path, title: path.slice(slash + 1), group: path.slice(0, slash) };
    });
    const offered = byId<HTMLSelectElement>("example");
    fillSelect(offered, choices, this.#project.entry);
    const none = new Option("examples …", "");
    none.disabled = true;
    offered.prepend(none);
    void this.#openLink(true);
  }

  #listen(): void {
    const on = (id: string, type: string, act: () => void) => byId(id).addEventListener(type, act);
    on("example", "change", () => {
      const path = byId<HTMLSelectElement>("example").value;
      this.#guarded(() => this.#show(this.#exampleProject(path)));
    });
    on("file", "change", () => this.#showFile());
    on("format", "click", () => this.#format());
    on("share", "click", () => void this.#share());
    on("download", "click", () => {
      const name = this.#file.slice(this.#file.lastIndexOf("/") + 1);
      save(name, this.#editor.text, "text/plain");
    });
    addEventListener("hashchange", () => void this.#openLink(false));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#dropped([...event.dataTransfer?.files ?? []]);
    });
  }

  #showRun(index: number): void {
    this.#run = index;
    this.#waiting = [];
    this.#viewer.drawRuns();
    this.#engine.record(index);
  }

  /** Calls a function that replaces the text; asks for confirmation first if the text was edited. */
  #guarded(act: () => void): void {
    if (!this.#isEdited) return act();
    this.#messages.show("This replaces your edited text", {
      title: "Replace it",
      act,
    });
  }

  #exampleProject(path: string): Project {
    const names = [path, ...this.data.uses[path] ?? []];
    const files = Object.fromEntries(names.map((name) => [name, this.data.files[name]!]));
    return { files, entry: path, seed: null };
  }

  /** @param run Null shows the run that a report shows: the first run that fails. */
  #show(project: Project, run: number | null = null): void {
    this.#project = project;
    this.#run = run ?? 0;
    this.#isEdited = false;
    byId("printed").textContent = "";
    this.#runs = [];
    this.#viewer.title = project.entry;
    this.#viewer.printVerdict({
      state: "none",
      word: "RUNNING",
      place: null,
      what: project.entry,
      why: ["The panes show the run as soon as it has ended"],
    }, []);
    byId("position").textContent = "running …";
    offerFiles(Object.keys(project.files), project.entry);
    const examples = this.#examples;
    byId<HTMLSelectElement>("example").value = examples.includes(project.entry)
      ? project.entry
      : "";
    this.#showFile();
    this.#start(run);
  }

  get #file(): string {
    return byId<HTMLSelectElement>("file").value;
  }

  #showFile(): void {
    this.#editor.text = this.#project.files[this.#file] ?? "";
    this.#editor.mark([], null);
  }

  #edited(): void {
    document.body.classList.add("old");
    this.#isEdited = true;
    const files = { ...this.#project.files, [this.#file]: this.#editor.text };
    this.#project = { ...this.#project, files };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), EDIT_MS);
  }

  #format(): void {
    const formatted = formatSource(new SourceFile(this.#file, this.#editor.text));
    if (!formatted.ok) {
      return this.#messages.show("The scenario has errors, so it was not formatted");
    }
    if (formatted.text === this.#editor.text) return;
    this.#editor.text = formatted.text;
    this.#edited();
  }

  #start(run: number | null = this.#run): void {
    byId("state").textContent = "running …";
    this.#isListed = false;
    this.#viewer.failedBench = null;
    this.#viewer.benches = [];
    this.#printed = "";
    this.#waiting = [];
    this.#engine.run(this.#project, run);
  }

  #answered(answer: Exclude<EngineResponse, { readonly kind: "ready" }>): void {
    switch (answer.kind) {
      case "checked":
        return this.#checked(answer.problems);
      case "output":
        this.#printed = answer.text;
        return;
      case "runs":
        this.#viewer.failedBench = answer.failedBench;
        this.#viewer.benches = answer.benches;
        return this.#listed(answer.runs);
      case "recorded":
        this.#run = answer.run;
        return this.#recorded(answer.bytes);
      case "beside":
        return this.#waiting.shift()?.(readSerialised(answer.bytes)[0]!.open());
      case "done":
        if (answer.exitCode !== null) byId("state").textContent = `exit code ${answer.exitCode}`;
    }
  }

  #recordBeside(index: number): Promise<RecordedRun> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#engine.recordBeside(index);
    });
  }

  #recorded(bytes: Uint8Array): void {
    const run = readSerialised(bytes)[0]!.open();
    const { run: shown } = this.#viewer;
    // After an edit the position stays the same, if the new run is long enough.
    const isSame = this.#at === null && shown?.name.place === run.name.place &&
      shown.name.combination === run.name.combination && shown.name.file === run.name.file;
    const { seq } = this.#viewer.position;
    const position = isSame ? run.afterEvent(Math.min(seq, run.log.count)) : this.#at;
    this.#at = null;
    // While a new text runs for the first time, its outcomes are not known yet.
    const known = this.#isListed ? this.#runs[this.#run] : undefined;
    this.#viewer.open(run, position, known?.report);
    this.#stale(null);
  }

  /** Marks the page as outdated: it shows a run of the previous text. Null removes the mark. */
  #stale(why: string | null): void {
    document.body.classList.toggle("old", why !== null);
    byId("stale").hidden = why === null;
    byId("stale").textContent = why;
  }

  #mark(marks: Parameters<SourceView["mark"]>[0]): void {
    const own = marksIn(this.#file, marks);
    // While the user types, the editor does not scroll to the current statement.
    const here = this.#editor.hasFocus ? undefined : own.find(({ name }) => name === "here");
    this.#editor.mark(own, here?.line ?? null);
  }

  #checked(problems: readonly PageProblem[]): void {
    this.#editor.show(this.#file === this.#project.entry ? problems : []);
    const errors = problems.filter(({ severity }) => severity === "error");
    this.#hasErrors = errors.length > 0;
    const [first] = errors;
    if (first !== undefined) {
      this.#stale("The views show the run before your last edit.");
      this.#viewer.printVerdict({
        state: "failed",
        word: formatCount(errors.length, "ERROR", "ERRORS"),
        place: first.place,
        what: first.message,
        why: [first.hint ?? "The text does not run until it is corrected."],
      }, [{
        title: `Go to line ${first.place.match(/:(\d+):\d+$/)?.[1] ?? 1}`,
        act: () => this.#editor.focusAt(first.from),
      }]);
    }
    const needsCommand = problems.some(({ code }) => code === "E0710");
    if (needsCommand) {
      this.#messages.show(
        `The page cannot compile C: run this scenario with dmalab run ${this.#project.entry}`,
      );
    } else this.#messages.hide();
  }

  #listed(runs: readonly RunEntry[]): void {
    // The printed text is set only if it has changed. Most edits do not change it, and the browser
    // would lay it out again.
    const printed = byId("printed");
    if (printed.textContent !== this.#printed) printed.textContent = this.#printed;
    this.#runs = runs;
    this.#isListed = true;
    if (runs.length === 0 && !this.#hasErrors) {
      this.#stale(null);
      this.#viewer.close("This text has no statements to run and no test.");
    } else if (runs.length === 0) this.#viewer.drawRuns();
    else this.#viewer.outcome = runs[this.#run]?.report ?? null;
  }

  /** Opens the link in the address, or the first example. */
  async #openLink(isFirst: boolean): Promise<void> {
    const link = await readLink(location.hash);
    if (link !== null && "shared" in link) {
      const { frame, shared } = link;
      const { at, run, view, ...project } = shared;
      const show = () => {
        document.body.dataset.frame = frame ?? "";
        this.#editor.readOnly = frame === "read";
        this.#show(project, run === 0 && at === null ? null : run);
        this.#at = at === null ? null : { seq: at[0], statement: at[1] };
        if (view !== null) this.#viewer.view = view;
      };
      return isFirst ? show() : this.#guarded(show);
    }
    if (isFirst) this.#show(this.#project);
    if (link !== null) this.#messages.show(link.problem, null, true);
  }

  async #share(): Promise<void> {
    const shared: Shared = {
      ...this.#project,
      run: this.#run,
      at: [this.#viewer.position.seq, this.#viewer.position.statement],
      view: this.#viewer.view,
    };
    const fragment = await writeLink(shared);
    if (fragment.length > MAX_LINK_LENGTH) {
      return this.#messages.show(
        `The link would have ${fragment.length} characters, more than the ${MAX_LINK_LENGTH} that work everywhere: ` +
          "download the file and send it",
      );
    }
    history.replaceState(null, "", fragment);
    try {
      await navigator.clipboard.writeText(location.href);
      this.#messages.show("Copied the link; it is also in the address bar");
    } catch {
      // The page may lack permission for the clipboard, for example in a frame. Then the user
      // copies the link from the address bar.
      this.#messages.show("The link is in the address bar");
    }
  }

  /** Opens files dropped from the desktop: scenarios, and the files that they use. */
  async #dropped(dropped: readonly File[]): Promise<void> {
    const texts = await Promise.all(dropped.map(async (file) => [file.name, await file.text()]));
    const entry = dropped.find(({ name }) => name.endsWith(".dma"))?.name;
    const files: Record<string, string> = Object.fromEntries(texts);
    if (entry !== undefined) {
      return this.#guarded(() => this.#show({ files, entry, seed: null }));
    }
    if (texts.length === 0) return;
    const own = this.#project.files;
    this.#show({ ...this.#project, files: { ...own, ...files } }, this.#run);
    this.#isEdited = true;
  }
}
