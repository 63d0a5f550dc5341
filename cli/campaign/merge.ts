/** `dmalab campaign merge`: what the shards found, each cause once, by its smallest scenario. */
import { printableText } from "../../lang/diagnostics/display_width.ts";
import { formatCount, groupThousands } from "../../lang/text/numbers.ts";
import { tableLines } from "../../lang/text/columns.ts";
import { type ExitCode, FAILED, HELD, STOPPED } from "../exit_code.ts";
import { FileError } from "../files/file_error.ts";
import { makeResultFolder, writeFile } from "../files/write_file.ts";
import type { Screen } from "../screen.ts";
import { type CampaignPlan, triesOf } from "./plan.ts";
import { readShardFile } from "./shard_file.ts";
import type { TryRecord } from "./run_try.ts";

/** What differs by nothing but the seed. */
interface Group {
  planned: number;
  tried: number;
  cases: number;
  /** Tries that found anything. */
  found: number;
}

interface Cause {
  readonly cause: string;
  /** Tries that found it, and the groups that they are of. */
  tries: number;
  readonly groups: Set<string>;
  /** The smallest scenario, and the try that it is of. */
  scenario: string;
  key: string;
}

/**
 * Merges shards' files, prints what is in them, and writes the scenarios and a report.
 *
 * @param typed The folder that the user named.
 */
export function mergeShards(
  paths: readonly string[],
  typed: string | null,
  screen: Screen,
): ExitCode {
  const { plan, records, shards } = readAll(paths);
  const groups = new Map<string, Group>();
  const causes = new Map<string, Cause>();
  /** By shard, from 0: how many of its tries have no record. */
  const missing = new Map<number, number>();
  let number = 0;
  for (const { group, key } of triesOf(plan)) {
    const shard = number++ % plan.shards;
    const counts = groups.get(group) ?? { planned: 0, tried: 0, cases: 0, found: 0 };
    groups.set(group, counts);
    counts.planned++;
    const record = records.get(key);
    if (record === undefined) {
      missing.set(shard, (missing.get(shard) ?? 0) + 1);
      continue;
    }
    counts.tried++;
    counts.cases += record.cases;
    counts.found += record.findings.length > 0 ? 1 : 0;
    addFindings(record, group, causes);
  }
  const sorted = [...causes.values()].sort((one, other) => one.cause < other.cause ? -1 : 1);
  const files = sorted.map(({ cause }, index) => `${numbered(index)}-${slugOf(cause)}.dma`);
  const lost = [...missing].sort(([one], [other]) => one - other).map(([shard, count]) =>
    `- shard ${shard + 1} of ${plan.shards}: ${
      shards.has(shard + 1) ? `${formatCount(count, "try", "tries")} without a record` : "no file"
    }`
  );
  const report = reportText(plan, groups, sorted, files, lost);
  const out = makeResultFolder(typed, { folder: ".", name: "found" });
  sorted.forEach(({ cause, groups: of, key, scenario, tries }, index) => {
    const where = [...of].sort().map((group) => `#   ${group}\n`).join("");
    const by = `found by ${formatCount(tries, "try", "tries")}, this one by: ${key}`;
    const text = `# A dmalab campaign found: ${cause}\n# ${by}\n${where}\n${scenario}`;
    writeFile({ folder: out, name: files[index]! }, printableText(text, false));
  });
  writeFile({ folder: out, name: "report.md" }, printableText(report, false));
  screen.out(report);
  return sorted.length > 0 ? FAILED : lost.length > 0 ? STOPPED : HELD;
}

/** Every try once, whatever number of files has it. @throws {FileError} */
function readAll(paths: readonly string[]) {
  let plan: CampaignPlan | null = null;
  const shards = new Set<number>();
  const records = new Map<string, TryRecord>();
  for (const path of paths) {
    const file = readShardFile(path);
    if (file === null) throw new FileError(`Cannot read "${path}": it is missing or empty`);
    const { campaign, shard } = file.head;
    shards.add(shard);
    plan ??= campaign;
    if (JSON.stringify(plan) !== JSON.stringify(campaign)) {
      throw new FileError(`"${path}" and "${paths[0]}" belong to different plans`);
    }
    for (const record of file.records) {
      const other = records.get(record.key);
      if (other !== undefined && JSON.stringify(other) !== JSON.stringify(record)) {
        const hint =
          "shards of one campaign run with one version of dmalab and of the plan's files";
        throw new FileError(`"${record.key}" has two results, one in "${path}"`, null, hint);
      }
      records.set(record.key, record);
    }
  }
  return { plan: plan!, records, shards };
}

function addFindings(
  { findings, key }: TryRecord,
  group: string,
  causes: Map<string, Cause>,
): void {
  for (const { cause, scenario } of findings) {
    const known = causes.get(cause);
    if (known === undefined) {
      causes.set(cause, { cause, tries: 1, groups: new Set([group]), scenario, key });
      continue;
    }
    known.tries++;
    known.groups.add(group);
    if (isSmaller({ scenario, key }, known)) Object.assign(known, { scenario, key });
  }
}

/** By the length of what is not a comment; which file was read first makes no difference. */
function isSmaller(one: Pick<Cause, "scenario" | "key">, other: typeof one): boolean {
  const length = ({ scenario }: typeof one) => scenario.replace(/^\s*#.*\n/gm, "").length;
  const less = length(one) - length(other);
  return less === 0 ? one.key < other.key : less < 0;
}

/** Markdown, which a terminal shows as well. */
function reportText(
  plan: CampaignPlan,
  groups: ReadonlyMap<string, Group>,
  causes: readonly Cause[],
  files: readonly string[],
  lost: readonly string[],
): string {
  const all = [...groups.values()];
  const sum = (of: (group: Group) => number) => all.reduce((total, group) => total + of(group), 0);
  const [planned, tried, cases] = [
    sum((group) => group.planned),
    sum((group) => group.tried),
    sum((group) => group.cases),
  ];
  const rows = [...groups].map(([group, counts]) => [
    group,
    `${groupThousands(counts.tried)} of ${groupThousands(counts.planned)}`,
    groupThousands(counts.cases),
    groupThousands(counts.found),
  ]);
  const table = tableLines(
    ["what", "tried", "cases", "with findings"],
    rows,
    ["left", "right", "right", "right"],
    Infinity,
  );
  const found = causes.flatMap(({ cause, key, tries }, index) => [
    `${index + 1}. ${cause}`,
    `   - tries: ${tries}; smallest: ${key}`,
    `   - ${files[index]}`,
  ]);
  return [
    `# dmalab campaign ${plan.name}`,
    "",
    `tried ${groupThousands(tried)} of ${groupThousands(planned)} tries, ${
      formatCount(cases, "case")
    }; not yet tried: ${groupThousands(planned - tried)}`,
    "",
    "```text",
    ...table,
    "```",
    "",
    ...lost.length === 0 ? [] : ["Not finished; run these shards again:", "", ...lost, ""],
    causes.length > 0
      ? `${formatCount(causes.length, "cause")} found:`
      : lost.length > 0
      ? "No defect found in what was tried."
      : "No defect found.",
    "",
    ...found,
    ...found.length === 0 ? [] : [""],
  ].join("\n");
}

function numbered(index: number): string {
  return String(index + 1).padStart(2, "0");
}

function slugOf(cause: string): string {
  return cause.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 48);
}
