/** The submitter's view of one bio, which may have become several requests. */
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

/** A shared empty list, never modified: the first request replaces it. */
const NO_REQUESTS: NvmeRequest[] = [];

/** The result of one submitted bio, which may have become several requests. */
export class Io implements RequestOwner {
  /**
   * The status of the first failed piece; OK if none failed.
   * @internal
   */
  statusCode: BlkStatus = BLK_STS.OK;
  /**
   * Why the rest of the bio was refused before it became a request; null without a refusal.
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

  /** Whether all pieces have ended. */
  get done(): boolean {
    return this.#pending === 0 && !this.#submitting;
  }

  /**
   * The status of the whole bio: the status of the first request that failed. Null while a request is in
   * flight.
   */
  get status(): BlkStatusName | null {
    return this.done ? blkStatusName(this.statusCode) : null;
  }

  /** The errno that a synchronous caller would get; null while the bio is in flight, and on success. */
  get error(): ErrnoName | null {
    const { status } = this;
    return status === null || status === "OK" ? null : blkStatusErrno(status);
  }

  /** The controller's status for the first piece that failed; null if none failed. */
  get deviceStatus(): number | null {
    return this.#requests.find(({ nvmeStatus }) => nvmeStatus !== 0)?.nvmeStatus ?? null;
  }

  /**
   * Adds a piece: a request, which may also contain parts of other bios.
   * @internal
   */
  add(request: NvmeRequest): void {
    request.addOwner(this);
    // Most bios become one request. The list of one request is a literal, because a list literal
    // costs less than a list that has grown.
    if (this.#requests.length === 0) this.#requests = [request];
    else this.#requests.push(request);
    this.#pending++;
  }

  /**
   * Ends the submission: no more pieces of the bio follow. If a part could not be submitted,
   * `status` is the status of that part.
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
