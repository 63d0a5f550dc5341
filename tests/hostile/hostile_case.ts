/** A hostile case: its input, its limits, and its required end. */

/** `dmalab`, what runs scenarios without it, and the replay of captured data. */
export type Program = "command" | "runner" | "replay";

/** One process of dmalab with hostile input. */
export interface HostileCase {
  readonly name: string;
  /** The started program: `dmalab` by default. */
  readonly program?: Program;
  /** The words of the command line, limits among them. `DIR` means the folder of its input. */
  readonly words: readonly string[];
  /**
   * How it ends: by one of these codes, which is reported; `held`, within its limits; or `refused`,
   * with a sentence before anything is read as a script.
   */
  readonly ends: readonly string[];
  /** Instead of the exit code that follows from how it ends. */
  readonly exit?: number;
  /** Seconds and bytes it is given, where no limit of its command line says it. */
  readonly seconds?: number;
  readonly memoryBytes?: number;
  /** Bytes that it may write, reports included. */
  readonly outputBytes?: number;
  /** A text that it must say. */
  readonly says?: string;
  /** A text that it must not say. */
  readonly hides?: string;
  /** Makes what it reads. */
  readonly input?: (folder: string) => void;
  /** What its standard input brings, over and over when it is endless. */
  readonly stdin?: { readonly text: string; readonly endless?: boolean };
  /** A file that takes its output. */
  readonly stdout?: string;
}

/** The limits of a case that names none. */
export const GIVEN = { seconds: 5, memoryBytes: 2 ** 28, outputBytes: 2 ** 17 };

const HEADER =
  /^# hostile: (?<words>.*)\n# ends: (?<ends>[^\n]*)\n(?:# exit: (?<exit>\d)\n)?(?:# output: (?<output>[\d_]+)\n)?/;

/**
 * The case that a script is: its first lines say what it is given and how it must end.
 *
 * ```
 * # hostile: --max-time 1 --max-memory 67_108_864
 * # ends: E0801 or E0806
 * ```
 *
 * @throws {Error} When they do not.
 */
export function caseOfScript(path: string, text: string): HostileCase {
  const parts = text.match(HEADER)?.groups;
  if (parts === undefined) throw new Error(`${path} does not say what it is given`);
  const [command = "", ...options] = parts["words"]!.split(" ").filter((word) => word !== "");
  const words = command.startsWith("-") || command === ""
    ? ["run", path, command, ...options]
    : [command, path, ...options];
  return {
    name: path,
    words: words.filter((word) => word !== ""),
    ends: parts["ends"]!.split(" or "),
    ...parts["exit"] === undefined ? {} : { exit: Number(parts["exit"]) },
    ...parts["output"] === undefined ? {} : { outputBytes: whole(parts["output"]) },
  };
}

/** The limits of a case, from its options. */
export function givenTo(
  { memoryBytes, outputBytes, seconds, words }: HostileCase,
): typeof GIVEN {
  const option = (name: string): number | undefined => {
    const at = words.indexOf(name);
    return at < 0 ? undefined : whole(words[at + 1]!);
  };
  return {
    seconds: seconds ?? option("--max-time") ?? GIVEN.seconds,
    memoryBytes: memoryBytes ?? option("--max-memory") ?? GIVEN.memoryBytes,
    outputBytes: outputBytes ?? GIVEN.outputBytes,
  };
}

function whole(text: string): number {
  return Number(text.replaceAll("_", ""));
}

/** The exit code that goes with how a case ends (docs/language/running.md). */
export function exitCodeOf({ ends, exit }: HostileCase): number {
  if (exit !== undefined) return exit;
  const [code] = ends;
  if (code === "held" || code!.startsWith("W")) return 0;
  // Limits end a run; mistakes in a file are reported before it; the rest fails.
  return code!.startsWith("E08") ? 3 : code!.startsWith("E09") ? 1 : 2;
}
