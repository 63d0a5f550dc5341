/** Writes rules as the registers of an endpoint's block. */
import type { Bar } from "@dmalab/devices";
import { printable } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import type { ContentRule, RegisterAnswer, Rule, Rules, Work, WorkRule } from "./rules.ts";

/** Largest number of reasons that are written for one rule. */
const MOST_REASONS = 4;

/** A register as a scenario names it. */
export interface RegisterPlace {
  /** Number of the BAR. */
  readonly bar: number;
  /** Whether it is the device's first BAR, which a scenario need not name. */
  readonly isFirst: boolean;
  readonly offset: number;
}

/** The place of a register by its address. */
export type PlaceOf = (phys: number) => RegisterPlace;

/** @param bars The device's BARs. Each address has to lie in one of them. */
export function placesIn(bars: readonly Bar[]): PlaceOf {
  return (phys) => {
    const bar = bars.find(({ basePhys, sizeBytes }) =>
      phys >= basePhys && phys < basePhys + sizeBytes
    )!;
    return { bar: bar.index, isFirst: bar === bars[0], offset: phys - bar.basePhys };
  };
}

/** The lines of an endpoint's block: variables, then what happens at writes and at reads. */
export function registerLines(rules: Rules, places: PlaceOf, device: string): readonly string[] {
  return new RegisterLines(places, device).of(rules);
}

/** The setting with words of configuration space and of firmware. */
function contentLines(
  contents: Rules["contents"],
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
function registersWritten(phys: number, { answer }: Rule): readonly number[] {
  if (answer.kind === "kept") return [phys];
  if (answer.kind === "after") return [answer.trigger];
  return answer.kind === "indexed" ? [answer.index] : [];
}

class RegisterLines {
  constructor(private readonly places: PlaceOf, private readonly device: string) {}

  of({ contents, firmwareBytes, reads, works }: Rules): readonly string[] {
    const rules = [...reads].toSorted(([a], [b]) => a - b);
    const written = [
      ...new Set([
        ...rules.flatMap(([phys, rule]) => registersWritten(phys, rule)),
        ...works.flatMap(({ work }) => work.kind === "memory" ? [work.base] : []),
      ]),
    ].toSorted((a, b) => a - b);
    const doorbells = works.map(({ doorbell }) => doorbell);
    const counted = rules.filter(([, { answer }]) => answer.kind === "steps");
    return [
      ...contentLines(contents, firmwareBytes),
      ...written.map((phys) => `let ${this.#written(phys)} = none`),
      ...counted.map(([phys]) => `let ${this.#reads(phys)} = 0`),
      ...[...new Set([...written, ...doorbells])].toSorted((a, b) => a - b).flatMap((phys) =>
        this.#writeLines(
          phys,
          written.includes(phys),
          works.filter(({ doorbell }) => doorbell === phys),
        )
      ),
      ...rules.flatMap(([phys, { answer, reasons }]) => [
        ...reasons.slice(-MOST_REASONS).map((reason) => `# ${printable(reason)}`),
        ...this.#readLines(phys, answer),
      ]),
    ];
  }

  /** A register behind `on read` or `on write`. */
  #register(phys: number): string {
    const { bar, isFirst, offset } = this.places(phys);
    return isFirst ? hex(offset) : `bar ${bar} ${hex(offset)}`;
  }

  #named(what: string, phys: number): string {
    const { bar, isFirst, offset } = this.places(phys);
    return `${what}${isFirst ? "" : `_bar${bar}`}_${offset.toString(16)}`;
  }

  #written(phys: number): string {
    return this.#named("written", phys);
  }

  #reads(phys: number): string {
    return this.#named("reads", phys);
  }

  #writeLines(phys: number, isKept: boolean, works: readonly WorkRule[]): readonly string[] {
    const keeps = isKept ? [`${this.#written(phys)} = value`] : [];
    if (works.length === 0) return [`on write ${this.#register(phys)} { ${keeps[0]} }`];
    return [
      `on write ${this.#register(phys)} {`,
      ...keeps.map((line) => `  ${line}`),
      ...works.flatMap(({ reason, work }) => [
        `  # ${printable(reason)}`,
        `  ${this.#workLine(work)}`,
      ]),
      "}",
    ];
  }

  #workLine(work: Work): string {
    if (work.kind === "raise") return `${this.device}.raise(${work.vector})`;
    const { base, offset, sizeBytes, unit, value } = work;
    const written = this.#written(base);
    const start = unit === 1 ? written : `${written} * ${hex(unit)}`;
    return `if ${written} != none { ${this.device}.dma_write((${start} + ${
      hex(offset)
    }) as dma, bytes"${bytesText(value, sizeBytes)}") }`;
  }

  #readLines(phys: number, answer: RegisterAnswer): readonly string[] {
    const register = this.#register(phys);
    const on = (value: string) => `on read ${register} { return ${value} }`;
    switch (answer.kind) {
      case "value":
        return [on(hex(answer.value))];
      case "steps": {
        const reads = this.#reads(phys);
        const [first, ...rest] = answer.steps;
        const value = rest.reduce(
          (before, step) => `if ${reads} > ${step.from} { ${hex(step.value)} } else { ${before} }`,
          hex(first!.value),
        );
        return [`on read ${register} {`, `  ${reads} += 1`, `  return ${value}`, "}"];
      }
      case "kept": {
        const written = this.#written(phys);
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
            `if ${this.#written(answer.trigger)} == none { ${hex(answer.before)} } else { ${
              hex(answer.value)
            } }`,
          ),
        ];
      case "indexed": {
        const arms = [...answer.values].map(([index, value]) =>
          `  ${hex(index)} => ${hex(value)},`
        );
        return [
          `on read ${register} {`,
          `  return match ${this.#written(answer.index)} {`,
          ...arms.map((arm) => `  ${arm}`),
          `    _ => ${hex(answer.other)},`,
          "  }",
          "}",
        ];
      }
    }
  }
}

/** What an answer is, for the report. */
export function answerText(answer: RegisterAnswer, places: PlaceOf): string {
  const register = (phys: number) => hex(places(phys).offset);
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
      return `${hex(answer.before)}, after a write to ${register(answer.trigger)} ${
        hex(answer.value)
      }`;
    case "indexed": {
      const values = [...answer.values].map(([index, value]) => `${hex(index)}: ${hex(value)}`);
      return `by the value written last to ${register(answer.index)}: ${values.join(", ")}, else ${
        hex(answer.other)
      }`;
    }
  }
}

/** What the device does, for the report. */
export function workText(work: Work, places: PlaceOf): string {
  if (work.kind === "raise") return `raises interrupt ${work.vector}`;
  const { base, offset, sizeBytes, unit, value } = work;
  const times = unit === 1 ? "" : ` times ${hex(unit)}`;
  return `writes ${hex(value)} (${formatCount(sizeBytes, "byte")}) at the address in ${
    hex(places(base).offset)
  }${times} plus ${hex(offset)}`;
}

/** A word of configuration space or of firmware, for the report. */
export function contentText({ offset, sizeBytes, space, value }: ContentRule): string {
  const where = space === "config" ? "configuration space" : "firmware";
  return `${where}, ${hex(offset)} = ${hex(value)} (${formatCount(sizeBytes, "byte")})`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
