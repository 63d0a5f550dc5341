/** The table of a tree's drivers as one HTML file, with links to the reports. */
import { staticPage } from "@dmalab/cli/presentation";
import { escapeMarkup } from "@dmalab/lang/text";
import { reportFolder } from "./driver_report_job.ts";
import { type DriverRow, needOf, reachedBy, summaryOf } from "./driver_row.ts";

const STYLE = "table{border-collapse:collapse;width:100%;margin-top:16px}" +
  "th,td{text-align:left;vertical-align:top;padding:3px 12px 3px 0;border-top:1px solid var(--line)}" +
  "td{overflow-wrap:anywhere}td:nth-child(2){white-space:nowrap}" +
  "@media(max-width:800px){td:nth-child(2){white-space:normal}}";

/** @param release The tree's release, such as "6.12". */
export function driversPage(rows: readonly DriverRow[], release: string): string {
  const [counts = "", ...needs] = summaryOf(rows);
  const lines = rows.map((row) =>
    `<tr><td><a href="${escapeMarkup(reportFolder(row.path))}/report.txt">${
      escapeMarkup(row.path)
    }</a></td><td>${escapeMarkup(reachedBy(row))}</td><td>${
      escapeMarkup(needOf(row) ?? "")
    }</td></tr>`
  );
  return staticPage({
    title: `PCI drivers of Linux ${release}: ${counts}`,
    outcome: null,
    style: STYLE,
    body: `${
      needs.length === 0 ? "" : `<pre tabindex="0">${escapeMarkup(needs.join("\n"))}</pre>\n`
    }<table>
<tr><th>driver</th><th>how far it comes</th><th>what stops it</th></tr>
${lines.join("\n")}
</table>`,
  });
}
