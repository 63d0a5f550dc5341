/** What a page of a report has inside: what `dmalab report` writes and the page reads. */

/** What stands in the page where its data goes. */
export const EMPTY_DATA = '"{{data}}"';

/** Of what is written: the page refuses any other. */
export const REPORT_VERSION = 1;

export interface PageData {
  readonly report: number;
  /** Program and version. */
  readonly by: string;
  readonly title: string;
  readonly printed: string;
  /** Runs as `serialise` of lang/views writes them, packed; those that failed first. */
  readonly recordings: string;
}
