/// <reference lib="dom" />
/** The report: the page with runs inside, without the language. */
import { startReport } from "./report/report.ts";

startReport();
