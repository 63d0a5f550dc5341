import type { EvaluationError } from "@dmalab/recording";

export class RequestError extends Error {
  override readonly name = "RequestError";

  /** @param message A message for the user: a sentence without its full stop. */
  constructor(message: string, readonly hint: string | null = null) {
    super(message);
  }
}

/** The problem as a sentence with its hint. */
export function evaluationProblem(error: EvaluationError | RequestError): string {
  return error.hint === null ? error.message : `${error.message} (${error.hint})`;
}
