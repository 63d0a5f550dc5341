/**
 * Workers that help a test with its sweeps. The test's run does not return to the event loop, so it exchanges
 * results with the workers in shared memory. A place that went well elsewhere is only counted. Any other place is
 * tried in the test's own thread, so that the report is that of one thread.
 */
import type { PlaceFigures, PlaceHelp, PlacesRequest, Program, RunNames } from "@dmalab/lang/run";
import type { PlaceJob, PlaceSource } from "./place_job.ts";
import type { JobCount } from "./job_count.ts";
import { postJob, restMs, startJob } from "./run_plan.ts";
import { SharedPlaces, textsOf } from "./shared_places.ts";
import { WorkerStart } from "./worker_start.ts";

export class PlaceCrew {
  readonly #workers: Worker[] = [];

  /**
   * @param jobs Largest number of threads, the test's included.
   * @param interrupts The flag that Ctrl-C sets.
   */
  constructor(
    readonly jobs: JobCount,
    readonly source: PlaceSource,
    readonly program: Program,
    readonly interrupts: SharedArrayBuffer,
  ) {}

  help(names: RunNames, request: PlacesRequest): PlaceHelp {
    return new CrewHelp(
      request,
      new WorkerStart(this.jobs, this.#workers.length),
      (workers, shared) => {
        this.#begin(names, request, workers, shared);
      },
    );
  }

  #begin(
    names: RunNames,
    request: PlacesRequest,
    workers: number,
    shared: SharedArrayBuffer,
  ): void {
    const job: PlaceJob = {
      kind: "places",
      ...this.source,
      texts: textsOf(this.program),
      names,
      request,
      shared,
      hostBytes: this.source.limits.memoryBytes / this.jobs.most,
    };
    for (let index = 0; index < workers; index++) {
      const worker = this.#workers[index];
      if (worker === undefined) this.#workers.push(this.#start(job));
      else postJob(worker, job, this.interrupts);
    }
  }

  #start(job: PlaceJob): Worker {
    const worker = startJob(job, this.interrupts);
    // The test's own thread tries what a dead worker has left.
    worker.onerror = (event) => event.preventDefault();
    return worker;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

class CrewHelp implements PlaceHelp {
  readonly #places: SharedPlaces;
  #isBegun = false;

  constructor(
    readonly request: PlacesRequest,
    readonly start: WorkerStart,
    readonly begin: (workers: number, shared: SharedArrayBuffer) => void,
  ) {
    this.#places = new SharedPlaces(request);
  }

  take(index: number, mostSteps: number, check: () => void): PlaceFigures | null {
    if (this.#places.claim(index)) {
      this.#beginLate(index);
      return null;
    }
    const figures = this.#places.wait(index, check);
    return figures === null || figures.steps > mostSteps ? null : figures;
  }

  stop(): void {
    this.#places.stop();
  }

  /** Starts the workers once they pay. */
  #beginLate(tried: number): void {
    if (this.#isBegun) return;
    const { length } = this.request.places;
    const workers = this.start.workers((takenMs) => restMs(takenMs, tried, length));
    if (workers === 0) return;
    this.#isBegun = true;
    this.begin(workers, this.#places.shared);
  }
}
