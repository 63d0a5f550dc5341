/** Diagnostics of files that dmalab refuses to write or to read, for `dmalab explain`. */
import type { CodeEntry } from "@dmalab/lang/diagnostics";

export const FILE_CODES = {
  E1101: {
    title: "not a regular file of that folder",
    explanation:
      "dmalab writes regular files inside the folder that was named, and nothing else. A symbolic link could lead " +
      "to any file of yours, a hard link is another file's content, a pipe blocks, and a device executes what is written; all of them " +
      "can be in a repository that you cloned. A link on a path that you type, at its end or before, is followed " +
      "where it stays inside the current folder; on a path that begins elsewhere, inside the folder of its last name.",
    example: "$ ls -l .dmalab/failed     # a link: remove it\n.dmalab/failed -> ../../.bashrc",
  },
  E1102: {
    title: "file too large to read",
    explanation:
      "Each kind of file has a size up to which it is read, so that a file in a cloned repository cannot take all " +
      "memory: 32 MiB of text, 4 MiB of what dmalab keeps itself. Traces have no such limit, unless they are packed " +
      "or come from the standard input.",
    example: "$ rm .dmalab/failed     # 300 MB of it are not a list of tests",
  },
  E1103: {
    title: "not a file that this command wrote",
    explanation:
      "What dmalab writes (reports, pictures, exported events, vectors, snapshots, scenarios of `:save`) " +
      "replaces an empty file, or one that an earlier run of the same command wrote: it begins in " +
      "the same way, up to the word dmalab. A scenario, a source or a note of yours is never replaced.",
    example:
      "$ dmalab test lab.dma --junit-path lab.dma     # the report would replace the scenario",
  },
} as const satisfies Readonly<Record<string, CodeEntry>>;

export type FileCode = keyof typeof FILE_CODES;
