/** The type of a hostile case: its input, its limits, and its required end. */

/**
 * The program of a case: `dmalab`; the runner, which runs scenarios without `dmalab`; or the replay
 * of captured data.
 */
export type Program = "command" | "runner" | "replay";

/** A process of dmalab with hostile input. */
export interface HostileCase {
  readonly name: string;
  /** The started program: `dmalab` by default. */
  readonly program?: Program;
  /**
   * The words of the command line, including limits. `DIR` represents the folder of the case's
   * input.
   */
  readonly words: readonly string[];
  /**
   * The required end of the case. A list of codes: one of them must be reported. `held`: success
   * within the limits. `refused`: an error message before anything is read as a script.
   */
  readonly ends: readonly string[];
  /** The exit code, if it differs from the one that follows from `ends`. */
  readonly exit?: number;
  /** The case's limits of time and memory, if its command line does not set them. */
  readonly seconds?: number;
  readonly memoryBytes?: number;
  /** Limit of the bytes that the process writes, reports included. */
  readonly outputBytes?: number;
  /** A text that the output must contain. */
  readonly says?: string;
  /** A text that the output must not contain. */
  readonly hides?: string;
  /** Creates the input files. */
  readonly input?: (folder: string) => void;
  /** Text for the process's standard input, repeated without end if `endless` is set. */
  readonly stdin?: { readonly text: string; readonly endless?: boolean };
  /** A file to which the process's output is redirected. */
  readonly stdout?: string;
}

/** The limits of a case that sets none. */
export const GIVEN = { seconds: 5, memoryBytes: 2 ** 28, outputBytes: 2 ** 17 };

const HEADER =
  /^# hostile: (?<words>.*)\n# ends: (?<ends>[^\n]*)\n(?:# exit: (?<exit>\d)\n)?(?:# output: (?<output>[\d_]+)\n)?/;

/**
 * The case for a script: its first lines name its limits and its required end.
 *
 * ```
 * # hostile: --limit time-seconds=1 --limit memory-bytes=67_108_864
 * # ends: E0801 or E0806
 * ```
 *
 * @throws {Error} If the script does not have these lines.
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
    const word = words.find((each) => each.startsWith(`${name}=`));
    return word === undefined ? undefined : whole(word.slice(name.length + 1));
  };
  return {
    seconds: seconds ?? option("time-seconds") ?? GIVEN.seconds,
    memoryBytes: memoryBytes ?? option("memory-bytes") ?? GIVEN.memoryBytes,
    outputBytes: outputBytes ?? GIVEN.outputBytes,
  };
}

function whole(text: string): number {
  return Number(text.replaceAll("_", ""));
}

/** The exit code for the end of a case (docs/language/running.md). */
export function exitCodeOf({ ends, exit }: HostileCase): number {
  if (exit !== undefined) return exit;
  const [code] = ends;
  if (code === "held" || code!.startsWith("W")) return 0;
  // Exit codes: 3 if a limit ended the run; 1 if a test failed; 2 for errors in the file, before
  // the run.
  return code!.startsWith("E08") ? 3 : code!.startsWith("E09") ? 1 : 2;
}
