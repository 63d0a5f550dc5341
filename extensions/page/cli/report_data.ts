/** Creates the data inside a report's page, and puts it into the page. */
import { FileError, host, REPORT_PAGE } from "@dmalab/cli";
import { VERSION } from "@dmalab/cli/extend";
import { packText, type RunAndOutcome, serialise } from "@dmalab/recording/views";
import { coloursOf } from "../page/highlight.ts";
import {
  colourKey,
  dataText,
  EMPTY_DATA,
  type PageData,
  REPORT_VERSION,
  type SourceColours,
} from "./page_data.ts";

/** The texts of a report besides its runs; the fields about benches may be left out. */
type ReportText =
  & Pick<PageData, "printed" | "title">
  & Partial<Pick<PageData, "benches" | "failedBench">>;

/** A page with runs inside, the failed runs first. @param page The page without data. */
export async function reportPage(
  page: string,
  runs: readonly RunAndOutcome[],
  { benches = [], failedBench = null, printed, title }: ReportText,
): Promise<string> {
  const failed = ({ run }: RunAndOutcome) => run.failure !== null;
  const sorted = [...runs.filter(failed), ...runs.filter((each) => !failed(each))];
  const data: PageData = {
    report: REPORT_VERSION,
    by: `dmalab ${VERSION}`,
    title,
    printed,
    failedBench,
    benches,
    recordings: await packText(serialise(sorted)),
    colours: await packText(new TextEncoder().encode(JSON.stringify(coloursIn(runs)))),
  };
  return page.replace(EMPTY_DATA, () => dataText(data));
}

/**
 * The colours of the runs' source texts. Lines of a trace have no colours, because they are not in
 * the language.
 */
function coloursIn(runs: readonly RunAndOutcome[]): SourceColours {
  const spans = runs.flatMap(({ run: { code } }) => [...code.statements, ...code.sites])
    .map(({ span: { source } }) => [colourKey(source), source] as const);
  const scenarios = [...new Map(spans)].filter(([, { name }]) =>
    !/\.(?:c|h|txt|jsonl)$/.test(name)
  );
  return Object.fromEntries(scenarios.map(([key, { text }]) => [key, coloursOf(text)]));
}

/** The page into which runs are put. @throws {FileError} When it has not been built. */
export function readReportPage(): string {
  try {
    return host.readTextFileSync(REPORT_PAGE);
  } catch (error) {
    if (!(error instanceof host.errors.NotFound)) throw error;
    throw new FileError("The page of reports is not built", null, "`deno task web` builds it");
  }
}
