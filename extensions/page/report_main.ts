/// <reference lib="dom" />
/** The report: the page with runs inside, and no language. */
import { startReport } from "./report/report.ts";

startReport();
