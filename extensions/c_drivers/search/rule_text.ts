/** Writes rules as the registers of an endpoint's block. */
import { printable } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import type { ContentRule, RegisterAnswer, Rule, Rules, Work, WorkRule } from "./rules.ts";

/** Largest number of reasons that are written for one rule. */
const MOST_REASONS = 4;

/** The answers of a register, by its offset in the BAR. */
export interface OffsetRule extends Rule {
  readonly offset: number;
}

/** The rules of a BAR, with offsets in place of addresses. */
export interface BarRules extends Pick<Rules, "contents" | "firmwareBytes"> {
  readonly reads: readonly OffsetRule[];
  readonly works: readonly WorkRule[];
}

/** Rules with offsets in place of addresses. */
export function offsetRules({ reads, works, ...others }: Rules, basePhys: number): BarRules {
  const at = (phys: number) => phys - basePhys;
  return {
    ...others,
    reads: [...reads].toSorted(([a], [b]) => a - b).map(([phys, { answer, reasons }]) => ({
      offset: at(phys),
      reasons,
      answer: answer.kind === "after"
        ? { ...answer, trigger: at(answer.trigger) }
        : answer.kind === "indexed"
        ? { ...answer, index: at(answer.index) }
        : answer,
    })),
    works: works.map(({ doorbell, reason, work }) => ({
      doorbell: at(doorbell),
      reason,
      work: work.kind === "memory" ? { ...work, base: at(work.base) } : work,
    })),
  };
}

/** The lines of an endpoint's block: variables, then what happens at writes and at reads. */
export function registerLines(
  { contents, firmwareBytes, reads, works }: BarRules,
  device: string,
): readonly string[] {
  const written = [
    ...new Set([
      ...reads.flatMap(registersWritten),
      ...works.flatMap(({ work }) => work.kind === "memory" ? [work.base] : []),
    ]),
  ].toSorted((a, b) => a - b);
  const doorbells = works.map(({ doorbell }) => doorbell);
  const counted = reads.filter(({ answer }) => answer.kind === "steps");
  return [
    ...contentLines(contents, firmwareBytes),
    ...written.map((offset) => `let ${writtenName(offset)} = none`),
    ...counted.map(({ offset }) => `let ${readsName(offset)} = 0`),
    ...[...new Set([...written, ...doorbells])].toSorted((a, b) => a - b).flatMap((offset) =>
      writeLines(
        offset,
        written.includes(offset),
        works.filter(({ doorbell }) => doorbell === offset),
        device,
      )
    ),
    ...reads.flatMap((rule) => [
      ...rule.reasons.slice(-MOST_REASONS).map((reason) => `# ${printable(reason)}`),
      ...readLines(rule),
    ]),
  ];
}

/** The setting with words of configuration space and of firmware. */
function contentLines(
  contents: BarRules["contents"],
  firmwareBytes: number,
): readonly string[] {
  const properties = [
    ...firmwareBytes === 0 ? [] : [`firmware = <${firmwareBytes}>`],
    ...contents.map(({ offset, sizeBytes, space, value }) =>
      `${space}@${offset.toString(16)} = [${bytesText(value, sizeBytes)}]`
    ),
  ];
  if (properties.length === 0) return [];
  return [
    ...contents.map(({ offset, reasons, space }) =>
      `# ${space}@${offset.toString(16)}: ${printable(reasons.slice(-MOST_REASONS).join("; "))}`
    ),
    `properties = ${JSON.stringify(properties.join("; "))}`,
  ];
}

function bytesText(value: number, sizeBytes: number): string {
  return Array.from(
    { length: sizeBytes },
    (_, byte) => (value >>> 8 * byte & 0xff).toString(16).padStart(2, "0"),
  ).join(" ");
}

/** Registers whose last written value an answer needs. */
function registersWritten({ answer, offset }: OffsetRule): readonly number[] {
  if (answer.kind === "kept") return [offset];
  if (answer.kind === "after") return [answer.trigger];
  return answer.kind === "indexed" ? [answer.index] : [];
}

function writeLines(
  offset: number,
  isKept: boolean,
  works: readonly WorkRule[],
  device: string,
): readonly string[] {
  const keeps = isKept ? [`${writtenName(offset)} = value`] : [];
  if (works.length === 0) return [`on write ${hex(offset)} { ${keeps[0]} }`];
  return [
    `on write ${hex(offset)} {`,
    ...keeps.map((line) => `  ${line}`),
    ...works.flatMap(({ reason, work }) => [
      `  # ${printable(reason)}`,
      `  ${workLine(work, device)}`,
    ]),
    "}",
  ];
}

function workLine(work: Work, device: string): string {
  if (work.kind === "raise") return `${device}.raise(${work.vector})`;
  const { base, offset, sizeBytes, unit, value } = work;
  const start = unit === 1 ? writtenName(base) : `${writtenName(base)} * ${hex(unit)}`;
  return `if ${writtenName(base)} != none { ${device}.dma_write((${start} + ${
    hex(offset)
  }) as dma, bytes"${bytesText(value, sizeBytes)}") }`;
}

function readLines({ answer, offset }: OffsetRule): readonly string[] {
  const on = (value: string) => `on read ${hex(offset)} { return ${value} }`;
  switch (answer.kind) {
    case "value":
      return [on(hex(answer.value))];
    case "steps": {
      const reads = readsName(offset);
      const [first, ...rest] = answer.steps;
      const value = rest.reduce(
        (before, step) => `if ${reads} > ${step.from} { ${hex(step.value)} } else { ${before} }`,
        hex(first!.value),
      );
      return [`on read ${hex(offset)} {`, `  ${reads} += 1`, `  return ${value}`, "}"];
    }
    case "kept": {
      const written = writtenName(offset);
      const keep = hex((~answer.clear >>> 0) % 2 ** 32);
      return [
        on(
          `if ${written} == none { ${hex(answer.set)} } else { ${written} & ${keep} | ${
            hex(answer.set)
          } }`,
        ),
      ];
    }
    case "after":
      return [
        on(
          `if ${writtenName(answer.trigger)} == none { ${hex(answer.before)} } else { ${
            hex(answer.value)
          } }`,
        ),
      ];
    case "indexed": {
      const arms = [...answer.values].map(([index, value]) => `  ${hex(index)} => ${hex(value)},`);
      return [
        `on read ${hex(offset)} {`,
        `  return match ${writtenName(answer.index)} {`,
        ...arms.map((arm) => `  ${arm}`),
        `    _ => ${hex(answer.other)},`,
        "  }",
        "}",
      ];
    }
  }
}

/** What an answer is, for the report. */
export function answerText(answer: RegisterAnswer): string {
  switch (answer.kind) {
    case "value":
      return hex(answer.value);
    case "steps":
      return answer.steps.map(({ from, value }) =>
        from === 0 ? hex(value) : `from read ${from + 1} on ${hex(value)}`
      ).join(", ");
    case "kept":
      return [
        "the value written last",
        ...answer.clear === 0 ? [] : [`without ${hex(answer.clear)}`],
        ...answer.set === 0 ? [] : [`with ${hex(answer.set)}`],
      ].join(" ");
    case "after":
      return `${hex(answer.before)}, after a write to ${hex(answer.trigger)} ${hex(answer.value)}`;
    case "indexed": {
      const values = [...answer.values].map(([index, value]) => `${hex(index)}: ${hex(value)}`);
      return `by the value written last to ${hex(answer.index)}: ${values.join(", ")}, else ${
        hex(answer.other)
      }`;
    }
  }
}

/** What the device does, for the report. */
export function workText(work: Work): string {
  if (work.kind === "raise") return `raises interrupt ${work.vector}`;
  const { base, offset, sizeBytes, unit, value } = work;
  const times = unit === 1 ? "" : ` times ${hex(unit)}`;
  return `writes ${hex(value)} (${formatCount(sizeBytes, "byte")}) at the address in ${
    hex(base)
  }${times} plus ${hex(offset)}`;
}

/** A word of configuration space or of firmware, for the report. */
export function contentText({ offset, sizeBytes, space, value }: ContentRule): string {
  const where = space === "config" ? "configuration space" : "firmware";
  return `${where}, ${hex(offset)} = ${hex(value)} (${formatCount(sizeBytes, "byte")})`;
}

function writtenName(offset: number): string {
  return `written_${offset.toString(16)}`;
}

function readsName(offset: number): string {
  return `reads_${offset.toString(16)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
