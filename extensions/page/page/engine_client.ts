/// <reference lib="dom" />
/**
 * The page's client of the engine. The engine is a worker, which is replaced whenever it has to be
 * stopped.
 */
import type { EngineResponse, Project, Wish } from "../engine/protocol.ts";

/**
 * Time after which a worker that has not responded is terminated. It is needed only if the engine
 * fails to end a run at the run's limits.
 */
const MAX_MS = 30_000;
/** How long a new request waits for the current one before the worker is replaced. */
const WAIT_MS = 200;

export class EngineClient {
  readonly #url: string;
  #worker: Worker;
  #id = 0;
  #isBusy = false;
  /** The request that is sent when the current one has ended, or has taken too long. */
  #next: Wish | null = null;
  /** Runs to record for comparisons, when there is nothing else to do. */
  #beside: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The project that the worker has loaded. */
  #project: Project | null = null;

  /** @param program The source of the page's own script. */
  constructor(
    program: string,
    private readonly onAnswer: (
      answer: Exclude<EngineResponse, { readonly kind: "ready" }>,
    ) => void,
    /** Called with the reason when the worker was terminated. */
    private readonly onLost: (why: string) => void,
  ) {
    this.#url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    this.#worker = this.#start();
  }

  /**
   * Checks, runs and records a project. If `run` is null, the first run that fails is recorded. From this call on,
   * responses to earlier requests are ignored.
   */
  run(project: Project, run: number | null): void {
    this.#project = project;
    this.#ask({ kind: "run", project, run });
  }

  record(run: number): void {
    if (this.#project !== null) this.#ask({ kind: "record", run });
  }

  /**
   * Records a run of the same project, and those of its blocks that run on separate machines. This
   * request is sent after all other requests.
   */
  recordBeside(run: number): void {
    this.#beside.push(run);
    if (!this.#isBusy) this.#sendNext();
  }

  #ask(wish: Wish): void {
    this.#beside = [];
    if (!this.#isBusy) return this.#send(wish);
    this.#next = wish;
    // The current request is outdated: its responses are ignored.
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

  /** Terminates the worker, and sends the waiting request to a new one. */
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
    // A new worker has no project loaded, so the request is a complete one.
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
