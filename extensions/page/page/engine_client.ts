/// <reference lib="dom" />
/** The engine as the page sees it: a worker that is made anew whenever it must not go on. */
import type { EngineResponse, Project, Wish } from "../engine/protocol.ts";

/** The engine ends a run by its limits; a worker that still says nothing so long after is ended. */
const MAX_MS = 30_000;
/** How long another request waits for the one that runs. */
const WAIT_MS = 200;

export class EngineClient {
  readonly #url: string;
  #worker: Worker;
  #id = 0;
  #isBusy = false;
  /** The request that goes out when the one that runs is done, or has taken too long. */
  #next: Wish | null = null;
  /** Runs to record when nothing else is to do. */
  #beside: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The project that the worker has loaded. */
  #project: Project | null = null;

  /** @param program The text of the page's own script. */
  constructor(
    program: string,
    private readonly onAnswer: (
      answer: Exclude<EngineResponse, { readonly kind: "ready" }>,
    ) => void,
    /** Gets why, as a sentence. */
    private readonly onLost: (why: string) => void,
  ) {
    this.#url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    this.#worker = this.#start();
  }

  /** Checks, runs and records, the first that fails for null; answers to earlier requests are left out from here on. */
  run(project: Project, run: number | null): void {
    this.#project = project;
    this.#ask({ kind: "run", project, run });
  }

  record(run: number): void {
    if (this.#project !== null) this.#ask({ kind: "record", run });
  }

  /** Records a run of the same project with its blocks on separate machines, after all else. */
  recordBeside(run: number): void {
    this.#beside.push(run);
    if (!this.#isBusy) this.#sendNext();
  }

  #ask(wish: Wish): void {
    this.#beside = [];
    if (!this.#isBusy) return this.#send(wish);
    this.#next = wish;
    // What runs is out of date: its answers are not shown.
    this.#id++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(), WAIT_MS);
  }

  #send(wish: Wish): void {
    this.#isBusy = true;
    this.#timer = setTimeout(() => {
      this.#restart();
      this.onLost("The run was terminated: it did not stop at its limits");
    }, MAX_MS);
    this.#worker.postMessage({ id: ++this.#id, ...wish });
  }

  /** The worker does not go on; what waits is sent to a new one. */
  #restart(): void {
    this.#beside = [];
    this.#worker.terminate();
    this.#worker = this.#start();
    this.#sendNext();
  }

  #sendNext(): void {
    clearTimeout(this.#timer);
    this.#isBusy = false;
    const next = this.#next;
    this.#next = null;
    const beside = this.#beside.shift();
    // A new worker knows no project.
    if (next !== null) this.#send({ ...next, kind: "run", project: this.#project! });
    else if (beside !== undefined) this.#send({ kind: "beside", run: beside });
  }

  #start(): Worker {
    const worker = new Worker(this.#url);
    worker.onmessage = ({ data }: MessageEvent<EngineResponse>) => {
      if (data.kind === "ready") return;
      if (data.id === this.#id) this.onAnswer(data);
      if (data.kind === "done") this.#sendNext();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#restart();
      this.onLost(`Bug in dmalab: ${event.message}`);
    };
    return worker;
  }
}
