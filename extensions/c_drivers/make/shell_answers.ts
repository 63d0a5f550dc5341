/**
 * Answers of a shell to commands of makefiles that only ask about files and numbers: `[ 6 -ge 5 ] && echo y`,
 * `grep -q NAME FILE`. They are read, and no program is run. Every other command has no answer here.
 */
import { type MakeFiles, resolvedPath } from "./make_files.ts";

/** Longest command that is read. */
const MAX_LENGTH = 4000;
const TOKEN =
  /\s+|&&|\|\||;|!=|2>&1|[12]?>[ \t]*\/dev\/null|[!()]|(?:[^\s&|;<>()!'"\\$`*?]|\\[^\n]|'[^'\n]*'|"(?:[^"\n$`\\]|\\[^"\n$`\\])*")+/g;
const QUOTED = /\\([^\n])|'([^'\n]*)'|"([^"\n]*)"/g;
/** Files that a build makes, and that a tree of sources has not. */
const MADE =
  /\/(?:\.config|Module\.symvers|System\.map|vmlinux|include\/(?:generated|config)(?:\/.*)?)$/;
const NUMBER = /^[+-]?\d{1,15}$/;

/** The end of a command: its status and what it prints. */
interface Answer {
  readonly holds: boolean;
  readonly output: string;
}

/** Thrown for a command without an answer. */
class NoAnswer extends Error {}

/**
 * What a command prints; null if only a program could tell.
 *
 * @param folder Folder in which the command runs.
 */
export function shellAnswer(command: string, files: MakeFiles, folder: string): string | null {
  if (command.length > MAX_LENGTH) return null;
  const tokens = tokensOf(command);
  if (tokens === null) return null;
  try {
    const shell = new Shell(tokens, files, folder);
    const { output } = shell.list();
    return shell.isAtEnd ? output.trimEnd().replaceAll("\n", " ") : null;
  } catch (error) {
    if (error instanceof NoAnswer) return null;
    throw error;
  }
}

/** The words and signs of a command; null if it has others. A quoted word keeps its quotes. */
function tokensOf(command: string): readonly string[] | null {
  const tokens: string[] = [];
  let end = 0;
  for (const { 0: token, index } of command.matchAll(TOKEN)) {
    if (index !== end) return null;
    end += token.length;
    if (token.trim() !== "") tokens.push(token);
  }
  if (end < command.length) return null;
  return tokens;
}

function plain(word: string): string {
  return word.replace(QUOTED, (_all, escaped, single, double) => escaped ?? single ?? double);
}

class Shell {
  #at = 0;

  constructor(
    readonly tokens: readonly string[],
    readonly files: MakeFiles,
    readonly folder: string,
  ) {}

  get isAtEnd(): boolean {
    return this.#at === this.tokens.length;
  }

  /** Commands with `&&`, `||` and `;` between them, up to a word that ends them. */
  list(ends: readonly string[] = []): Answer {
    let last = this.#command();
    let { output } = last;
    while (!this.isAtEnd && !ends.includes(this.tokens[this.#at]!)) {
      const sign = this.tokens[this.#at++];
      if (sign === ";" && (this.isAtEnd || ends.includes(this.tokens[this.#at]!))) break;
      const next = this.#command();
      const runs = sign === ";" || sign === (last.holds ? "&&" : "||");
      if (sign !== ";" && sign !== "&&" && sign !== "||") throw new NoAnswer();
      if (!runs) continue;
      last = next;
      output += next.output;
    }
    return { holds: last.holds, output };
  }

  #command(): Answer {
    const words: string[] = [];
    let isSilent = false;
    if (this.tokens[this.#at] === "if") return this.#branch();
    if (this.tokens[this.#at] === "!") {
      this.#at++;
      const { holds, output } = this.#command();
      return { holds: !holds, output };
    }
    for (; !this.isAtEnd && !/^(?:&&|\|\||;)$/.test(this.tokens[this.#at]!); this.#at++) {
      const token = this.tokens[this.#at]!;
      if (/^1?>/.test(token)) isSilent = true;
      else if (!/^2>/.test(token)) words.push(token);
    }
    const { holds, output } = this.#run(words);
    return { holds, output: isSilent ? "" : output };
  }

  #branch(): Answer {
    this.#at++;
    const { holds } = this.list(["then"]);
    this.#expect("then");
    const yes = this.list(["else", "fi"]);
    const hasElse = this.tokens[this.#at] === "else";
    if (hasElse) this.#at++;
    const no = hasElse ? this.list(["fi"]) : { holds: true, output: "" };
    this.#expect("fi");
    return holds ? yes : no;
  }

  #expect(word: string): void {
    if (this.tokens[this.#at++] !== word) throw new NoAnswer();
  }

  #run([name = "", ...words]: readonly string[]): Answer {
    if (name === "true" || name === ":") return { holds: true, output: "" };
    if (name === "false") return { holds: false, output: "" };
    if (name === "echo") {
      const isShort = words[0] === "-n";
      const text = words.slice(Number(isShort)).map(plain).join(" ");
      return { holds: true, output: isShort ? text : `${text}\n` };
    }
    if (name === "test") return { holds: this.#test(words), output: "" };
    if (name === "[" && words.at(-1) === "]") {
      return { holds: this.#test(words.slice(0, -1)), output: "" };
    }
    if (name === "grep" || name === "fgrep") return this.#grep(words, name === "fgrep");
    throw new NoAnswer();
  }

  /** `[ A -ge B -a \( C = D -o -f FILE \) ]` */
  #test(words: readonly string[]): boolean {
    const test = new Test(words, (path, isFolder) => this.#isThere(path, isFolder));
    const holds = test.any();
    if (!test.isAtEnd) throw new NoAnswer();
    return holds;
  }

  #isThere(path: string, isFolder: boolean): boolean {
    const place = resolvedPath(path, this.folder);
    if (this.files.pathOf(place) === null) throw new NoAnswer();
    const isThere = this.files.wildcard(place, this.folder).length > 0;
    if (!isThere && MADE.test(place)) throw new NoAnswer();
    const inside = this.files.pathOf(place)!;
    return isThere && (!isFolder || this.files.files.entries(inside).length > 0);
  }

  #grep(words: readonly string[], isFixed: boolean): Answer {
    const options = words.filter((word) => /^-[a-zA-Z]+$/.test(word)).join("").replaceAll("-", "");
    if (/[^qscwFEin]/.test(options)) throw new NoAnswer();
    const [pattern, ...paths] = words.filter((word) => !/^-[a-zA-Z]+$/.test(word)).map(plain);
    const [path] = paths;
    if (pattern === undefined || path === undefined || paths.length !== 1) throw new NoAnswer();
    const place = resolvedPath(path, this.folder);
    const text = this.files.text(place);
    if (text === null) {
      // A file that is there, but is not read, may have anything in it.
      if (this.#isThere(path, false)) throw new NoAnswer();
      return { holds: false, output: "" };
    }
    const finds = new LinePattern(pattern, {
      isFixed: isFixed || options.includes("F"),
      isExtended: options.includes("E"),
      isWord: options.includes("w"),
      ignoresCase: options.includes("i"),
    });
    const lines = text.split("\n").filter((line) => {
      if (!finds.mayMatch(line)) return false;
      this.files.searchLeft -= line.length * finds.size;
      if (this.files.searchLeft < 0) throw new NoAnswer();
      return finds.matches(line);
    });
    const holds = lines.length > 0;
    if (options.includes("q")) return { holds, output: "" };
    if (options.includes("c")) return { holds, output: `${lines.length}\n` };
    if (options.includes("n")) throw new NoAnswer();
    return { holds, output: lines.map((line) => `${line}\n`).join("") };
  }
}

/** An expression of `test`. */
class Test {
  #at = 0;

  constructor(
    readonly words: readonly string[],
    readonly isThere: (path: string, isFolder: boolean) => boolean,
  ) {}

  get isAtEnd(): boolean {
    return this.#at === this.words.length;
  }

  any(): boolean {
    let holds = this.#all();
    while (this.#takes("-o")) holds = this.#all() || holds;
    return holds;
  }

  #all(): boolean {
    let holds = this.#one();
    while (this.#takes("-a")) holds = this.#one() && holds;
    return holds;
  }

  #one(): boolean {
    if (this.#takes("!")) return !this.#one();
    if (this.#takes("\\(")) {
      const holds = this.any();
      if (!this.#takes("\\)")) throw new NoAnswer();
      return holds;
    }
    const first = this.#word();
    if (first === "-n") return this.#word() !== "";
    if (first === "-z") return this.#word() === "";
    if (/^-[efrs]$/.test(first)) return this.isThere(this.#word(), false);
    if (first === "-d") return this.isThere(this.#word(), true);
    if (this.isAtEnd) return first !== "";
    const sign = this.#word();
    const second = this.#word();
    if (sign === "=" || sign === "==") return first === second;
    if (sign === "!=") return first !== second;
    if (!NUMBER.test(first) || !NUMBER.test(second)) throw new NoAnswer();
    const difference = Number(first) - Number(second);
    const compared = {
      "-eq": difference === 0,
      "-ne": difference !== 0,
      "-lt": difference < 0,
      "-le": difference <= 0,
      "-gt": difference > 0,
      "-ge": difference >= 0,
    }[sign];
    if (compared === undefined) throw new NoAnswer();
    return compared;
  }

  #takes(word: string): boolean {
    if (this.words[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  #word(): string {
    if (this.isAtEnd) throw new NoAnswer();
    return plain(this.words[this.#at++]!);
  }
}

interface PatternKind {
  readonly isFixed: boolean;
  readonly isExtended: boolean;
  readonly isWord: boolean;
  readonly ignoresCase: boolean;
}

/** A part of a pattern: what one character may be, and whether it repeats. */
interface Part {
  readonly accepts: (char: string) => boolean;
  readonly repeats: boolean;
  /** The only character that it accepts; absent for several. */
  readonly char?: string;
}

/** A pattern of `grep` without groups and alternatives. It is matched in one pass over a line. */
class LinePattern {
  readonly #parts: readonly Part[];
  readonly #isFromStart: boolean;
  readonly #isToEnd: boolean;
  readonly #ignoresCase: boolean;
  readonly #literal: string;

  constructor(pattern: string, { ignoresCase, isExtended, isFixed, isWord }: PatternKind) {
    if (isWord) throw new NoAnswer();
    const text = ignoresCase ? pattern.toLowerCase() : pattern;
    this.#ignoresCase = ignoresCase;
    this.#isFromStart = !isFixed && text.startsWith("^");
    this.#isToEnd = !isFixed && text.endsWith("$") && !text.endsWith("\\$");
    const inner = text.slice(Number(this.#isFromStart), text.length - Number(this.#isToEnd));
    this.#parts = isFixed ? [...inner].map(literal) : partsOf(inner, isExtended);
    const runs = this.#parts.map(({ char, repeats }) => repeats ? "\n" : char ?? "\n").join("");
    this.#literal = runs.split("\n").reduce((one, each) => each.length > one.length ? each : one);
  }

  get size(): number {
    return this.#parts.length + 1;
  }

  /** Whether a line has the longest text that each match has. */
  mayMatch(line: string): boolean {
    return this.#ignoresCase || line.includes(this.#literal);
  }

  matches(given: string): boolean {
    const line = this.#ignoresCase ? given.toLowerCase() : given;
    const parts = this.#parts;
    // Numbers of matched parts, for all beginnings at once.
    let states = this.#after(new Set([0]));
    if (states.has(parts.length) && (!this.#isToEnd || line === "")) return true;
    for (let at = 0; at < line.length; at++) {
      const next = new Set<number>();
      for (const state of states) {
        const part = parts[state];
        if (part?.accepts(line[at]!) !== true) continue;
        next.add(part.repeats ? state : state + 1);
      }
      if (!this.#isFromStart) next.add(0);
      states = this.#after(next);
      if (states.has(parts.length) && (!this.#isToEnd || at === line.length - 1)) return true;
    }
    return false;
  }

  /** States with those that follow without a character: a part that repeats may be left out. */
  #after(states: Set<number>): Set<number> {
    // The loop includes the states that it adds.
    for (const state of states) if (this.#parts[state]?.repeats === true) states.add(state + 1);
    return states;
  }
}

function literal(char: string): Part {
  return { accepts: (other) => other === char, repeats: false, char };
}

function partsOf(pattern: string, isExtended: boolean): readonly Part[] {
  const parts: Part[] = [];
  const isSpace = (char: string) => /[ \t\f\v\r]/.test(char);
  for (let at = 0; at < pattern.length; at++) {
    const rest = pattern.slice(at);
    const space = /^(?:\[\[:(?:space|blank):\]\]|\\s)/.exec(rest)?.[0];
    let part: Part;
    if (space !== undefined) {
      part = { accepts: isSpace, repeats: false };
      at += space.length - 1;
    } else if (rest.startsWith("\\")) {
      // In a basic pattern `\(` is a group, and in an extended one a bracket.
      if (!/^\\[.*[\]^$\\/]/.test(rest) && !(isExtended && /^\\[(){}|+?]/.test(rest))) {
        throw new NoAnswer();
      }
      part = literal(rest[1]!);
      at++;
    } else if (rest[0] === ".") part = { accepts: () => true, repeats: false };
    else if (rest[0] === "[" || isExtended && /[(){}|+?]/.test(rest[0]!)) throw new NoAnswer();
    else part = literal(rest[0]!);
    const repeats = pattern[at + 1] === "*";
    if (repeats) at++;
    parts.push({ ...part, repeats });
  }
  return parts;
}
