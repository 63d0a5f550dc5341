/** The submitter's view of one bio, however many requests it became. */
import {
  BLK_STS,
  type BlkStatus,
  blkStatusErrno,
  type BlkStatusName,
  blkStatusName,
  type BlockRequest,
  type Bytes,
  type ErrnoName,
  invariant,
  type RequestOwner,
  type Why,
} from "@dmalab/runtime";
import type { NvmeRequest } from "./driver/request.ts";

/** Never written: the first request replaces it. */
const NO_REQUESTS: NvmeRequest[] = [];

/** What became of one bio that was submitted, in however many requests. */
export class Io implements RequestOwner {
  /**
   * The first failure of a piece; OK until one fails.
   * @internal
   */
  statusCode: BlkStatus = BLK_STS.OK;
  /**
   * Why what is left of it was refused before it became a request; null when nothing was.
   * @internal
   */
  refusal: Why | null = null;
  #requests: NvmeRequest[] = NO_REQUESTS;
  #pending = 0;
  #submitting = true;

  /**
   * @param bytes Length of the bio as it was submitted.
   * @internal
   */
  constructor(readonly bytes: Bytes) {}

  /**
   * The pieces the bio was cut into, in the order of their sectors.
   * @internal
   */
  get requests(): readonly NvmeRequest[] {
    return this.#requests;
  }

  /** All pieces have ended. */
  get done(): boolean {
    return this.#pending === 0 && !this.#submitting;
  }

  /** The status of the whole: that of the first request that failed; null while one is in flight. */
  get status(): BlkStatusName | null {
    return this.done ? blkStatusName(this.statusCode) : null;
  }

  /** The errno a synchronous caller would get; null while it is in flight and where it is OK. */
  get error(): ErrnoName | null {
    const { status } = this;
    return status === null || status === "OK" ? null : blkStatusErrno(status);
  }

  /** The controller's answer to the first piece that failed; null while none has. */
  get deviceStatus(): number | null {
    return this.#requests.find(({ nvmeStatus }) => nvmeStatus !== 0)?.nvmeStatus ?? null;
  }

  /**
   * Takes one more piece: a request, of which other bios may be a part too.
   * @internal
   */
  add(request: NvmeRequest): void {
    request.addOwner(this);
    // Most bios are one request: a list of one costs less than one that may grow.
    if (this.#requests.length === 0) this.#requests = [request];
    else this.#requests.push(request);
    this.#pending++;
  }

  /**
   * No more pieces will come; what could not be submitted ended with `status`.
   * @internal
   */
  close(status: BlkStatus): void {
    this.#submitting = false;
    if (this.statusCode === BLK_STS.OK) this.statusCode = status;
  }

  /** @internal */
  requestMerged(request: BlockRequest, into: BlockRequest): void {
    invariant(
      this.#requests.includes(request as NvmeRequest),
      "A request merges that the io has not",
    );
    this.#requests = this.#requests.map((each) => each === request ? into as NvmeRequest : each);
  }

  /** @internal */
  requestEnded(request: BlockRequest): void {
    invariant(this.#pending > 0, "An io ends more requests than it has");
    this.#pending--;
    if (this.statusCode === BLK_STS.OK) this.statusCode = request.statusCode;
  }
}
