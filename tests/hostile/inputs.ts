/** Hostile inputs that are no scripts: files, streams, folders, and words of the command line. */
import { join } from "@std/path";
import type { HostileCase } from "./hostile_case.ts";

/** Where writing fails because the disk is full. */
const FULL_DISK = "/dev/full";

const NOT_WRITTEN = 4;

/** Words that every object of the host knows. */
const HOST_WORDS = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"];

function file(name: string, text: string): (folder: string) => void {
  return (folder) => Deno.writeTextFileSync(join(folder, name), text);
}

export const INPUTS: readonly HostileCase[] = [
  ...HOST_WORDS.map((word): HostileCase => ({
    name: `explain ${word}`,
    words: ["explain", word],
    ends: ["refused"],
    says: "No rule, diagnostic, event or function",
  })),
  ...HOST_WORDS.map((word): HostileCase => ({
    name: `completions ${word}`,
    words: ["completions", word],
    ends: ["refused"],
  })),
  {
    name: "the REPL is asked for what every object has, and goes on",
    words: ["repl"],
    ends: ["held"],
    stdin: { text: `${HOST_WORDS.map((word) => `?${word}\n:${word}\n`).join("")}print 6 * 7\n` },
    says: "\n42\n",
  },
  {
    name: "a full disk",
    words: ["run", "examples/01-hello-map.dma"],
    ends: ["refused"],
    exit: NOT_WRITTEN,
    stdout: FULL_DISK,
    says: "Cannot write the output",
  },
  {
    name: "a full disk takes a report",
    words: ["test", "examples/01-hello-map.dma", "--reporter", "json"],
    ends: ["refused"],
    exit: NOT_WRITTEN,
    stdout: FULL_DISK,
    says: "Cannot write the output",
  },
  {
    name: "a folder whose name ends as a scenario's",
    words: ["run", "DIR/a.dma"],
    ends: ["refused"],
    input: (folder) => Deno.mkdirSync(join(folder, "a.dma")),
  },
  {
    name: "bytes that are no text",
    words: ["check", "DIR/a.dma"],
    ends: ["refused"],
    input: (folder) =>
      Deno.writeFileSync(join(folder, "a.dma"), new Uint8Array(2 ** 16).fill(0xff)),
  },
  {
    name: "a file of nothing but open brackets",
    words: ["check", "DIR/a.dma"],
    ends: ["E02"],
    memoryBytes: 2 ** 30,
    input: file("a.dma", "[".repeat(1_000_000)),
  },
];
