/**
 * Writes a case with a violation as a failing test. The test is meant to be pasted into a file
 * beside the driver's file.
 */
import type { DriverEntry, DriverFunction } from "@dmalab/lang/run";
import { formatCount, formatOrdinal, formatSize, wrapText } from "@dmalab/lang/text";
import { whatInjectionDoes } from "@dmalab/runtime";
import { segmentsText } from "../requests/scenario_memory.ts";
import { indent } from "../requests/scenario_text.ts";
import type { DriverCase, DriverFinding } from "./driver_case.ts";
import { HIGH_PHYS, layoutBytes, segmentsOf } from "./layout.ts";

const COMMENT_COLUMNS = 96;

/** Calls that the checker reports while a spin lock is held. */
const MAY_SLEEP = ["kmalloc(64B)"];

export interface CaseTextOptions {
  readonly driver: DriverEntry;
  /** The path of the driver's file, relative to the scenario. */
  readonly file: string;
  /**
   * The setting that adds memory above 4 GiB to the file's machine; empty if the machine has such
   * memory.
   */
  readonly highSetting: string;
}

/** The scenario, without a final line end. */
export function caseText(finding: DriverFinding, options: CaseTextOptions): string {
  const { case: each, wrong } = finding;
  const { dir, fault, layout, machine } = each;
  const { driver, file, highSetting } = options;
  const segments = segmentsOf(layout);
  const settings = [
    ...machine.settings === "" ? [] : [machine.settings],
    ...segments.some(({ phys }) => phys >= HIGH_PHYS) && highSetting !== "" ? [highSetting] : [],
    ...wrong.kind === "report" || wrong.kind === "locked" ? ["checker = fail"] : [],
    ...wrong.kind === "left" ? ["leaks = fail"] : [],
  ];
  const body = new BodyWriter(finding, driver).lines();
  const tried = fault === null
    ? body
    : [`inject ${fault.point} nth ${fault.nth} {`, ...indent(body), "}"];
  const room = dir === "to_device"
    ? []
    : [`let news = buffer(size: ${formatSize(layoutBytes(layout))}, fill: random)`];
  const lines = [
    `let buf = ${segmentsText(segments, "random")}`,
    ...room,
    ...tried,
    ...wrong.kind === "locked" ? MAY_SLEEP : [],
  ];
  return [
    ...wrapText(`${wrong.text}.`, COMMENT_COLUMNS).map((line) => `# ${line}`),
    `use "${file}"`,
    "",
    `test "${titleOf(each, driver)}"${
      settings.length === 0 ? "" : ` with { ${settings.join(", ")} }`
    } {`,
    ...indent(lines),
    "}",
  ].join("\n");
}

/** `ring: 2 pieces, to_device, dma_iova_link fails the 2nd time`. */
function titleOf({ dir, fault, layout }: DriverCase, driver: DriverEntry): string {
  return [
    `${driver.name.replaceAll('"', '\\"')}: ${formatCount(layout.length, "piece")}`,
    ...driver.dirs.length === 1 ? [] : [dir],
    ...fault === null
      ? []
      : [`${fault.point} ${whatInjectionDoes(fault.point)} the ${formatOrdinal(fault.nth)} time`],
  ].join(", ");
}

/** Writes the body of the test: the case's use of the driver. */
class BodyWriter {
  constructor(readonly finding: DriverFinding, readonly driver: DriverEntry) {}

  lines(): string[] {
    const { driver: { map }, finding: { case: { dir, fault }, refusal, refused, wrong } } = this;
    const mapping = this.#call(map, "buf");
    if (refused && wrong.kind !== "refused") return [mapping];
    const reads = wrong.kind !== "refused" && dir !== "from_device";
    const use = this.#use();
    return [
      ...reads ? ["let sent = buf.bytes"] : [],
      `let handle = ${mapping}`,
      ...wrong.kind === "refused"
        ? [`assert handle != ${refusal}`, this.#unmap()]
        // In a correct driver, an injected failure makes `map` fail. The buffer is used only if
        // `map` did not fail.
        : fault === null
        ? use
        : [`if handle != ${refusal} {`, ...indent(use), "}"],
    ];
  }

  /** The accesses to a mapped buffer. */
  #use(): string[] {
    const { driver: { device }, finding: { case: { dir } } } = this;
    const writes = dir !== "to_device";
    return [
      ...dir === "from_device" ? [] : [`assert ${device}.gather(handle) == sent`],
      ...writes ? [`assert ${device}.scatter(handle, news.bytes)`] : [],
      this.#unmap(),
      ...writes ? ["assert buf == news"] : [],
    ];
  }

  #unmap(): string {
    return this.#call(this.driver.unmap, "buf, handle");
  }

  #call({ name, takesDirection }: DriverFunction, args: string): string {
    return `${name}(${args}${takesDirection ? `, ${this.finding.case.dir}` : ""})`;
  }
}
