/** How a device answers reads of its registers, as the search assumes it. */
/** What has a content beside registers: configuration space and firmware. */
export type ContentSpace = "config" | "firmware";

/** Bytes at an offset of configuration space or of firmware. */
export interface Content {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The value that a register returns. */
export type RegisterAnswer =
  /** The same value at each read. */
  | { readonly kind: "value"; readonly value: number }
  /** Each value from a certain read on, counted from 0. The first step begins at 0. */
  | { readonly kind: "steps"; readonly steps: readonly AnswerStep[] }
  /** The value that was written last, with bits cleared and set: such as a bit that clears itself. */
  | { readonly kind: "kept"; readonly clear: number; readonly set: number }
  /** One value until another register was written, another value afterwards. */
  | {
    readonly kind: "after";
    /** Address of the other register. */
    readonly trigger: number;
    readonly before: number;
    readonly value: number;
  }
  /** A value for each value that was written last into an index register. */
  | {
    readonly kind: "indexed";
    readonly index: number;
    readonly values: ReadonlyMap<number, number>;
    readonly other: number;
  };

export interface AnswerStep {
  readonly from: number;
  readonly value: number;
}

/** An answer, with the place in C that wanted it. */
export interface Rule {
  readonly answer: RegisterAnswer;
  /** Sentences about the comparisons that the answer decides, in the order in which they were found. */
  readonly reasons: readonly string[];
}

/** What the device does when the driver writes a register. */
export type Work =
  | { readonly kind: "raise"; readonly vector: number }
  /** Writes a word into memory whose address the driver has written into a register. */
  | {
    readonly kind: "memory";
    /** The register with the address. */
    readonly base: number;
    /** The number by which the register's value is multiplied, such as 4096 for the number of a page. */
    readonly unit: number;
    /** Offset of the word from that address. */
    readonly offset: number;
    readonly sizeBytes: number;
    readonly value: number;
  };

/** The device's own work, with the place in C that waited for it. */
export interface WorkRule {
  /** The register whose write starts the work. */
  readonly doorbell: number;
  readonly work: Work;
  readonly reason: string;
}

/** A word of configuration space or of firmware. */
export interface ContentRule {
  readonly space: ContentSpace;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly value: number;
  readonly reasons: readonly string[];
}

/** What a device does, by the physical addresses of its registers. */
export interface Rules {
  /** Answers to reads. */
  readonly reads: ReadonlyMap<number, Rule>;
  readonly works: readonly WorkRule[];
  readonly contents: readonly ContentRule[];
  /** Size of the firmware; 0 for none. */
  readonly firmwareBytes: number;
}

export const NO_RULES: Rules = { reads: new Map(), works: [], contents: [], firmwareBytes: 0 };

/** All registers that rules name. */
export function registersOf({ reads, works }: Rules): readonly number[] {
  return [
    ...reads.keys(),
    ...works.flatMap(({ doorbell, work }) =>
      work.kind === "memory" ? [doorbell, work.base] : [doorbell]
    ),
  ];
}

/** What a device has seen since it was started. */
export class RegisterState {
  /** Number of reads of each register. */
  readonly reads = new Map<number, number>();
  /** The value written last to each register. */
  readonly written = new Map<number, number>();

  /** The value of the next read of a register, which is counted. */
  next(phys: number, answer: RegisterAnswer): number {
    switch (answer.kind) {
      case "value":
        return answer.value;
      case "steps": {
        const read = this.reads.get(phys) ?? 0;
        return answer.steps.findLast(({ from }) => from <= read)!.value;
      }
      case "kept":
        return ((this.written.get(phys) ?? 0) & ~answer.clear | answer.set) >>> 0;
      case "after":
        return this.written.has(answer.trigger) ? answer.value : answer.before;
      case "indexed":
        return answer.values.get(this.written.get(answer.index) ?? -1) ?? answer.other;
    }
  }
}

/** A text that is equal for equal rules. */
export function rulesKey({ contents, firmwareBytes, reads, works }: Rules): string {
  const answers = [...reads].toSorted(([a], [b]) => a - b).map(([phys, { answer }]) => [
    phys,
    answer.kind === "indexed" ? { ...answer, values: [...answer.values] } : answer,
  ]);
  const words = contents.map(({ reasons: _, ...word }) => word);
  return JSON.stringify([
    answers,
    works.map(({ doorbell, work }) => [doorbell, work]),
    words,
    firmwareBytes,
  ]);
}
