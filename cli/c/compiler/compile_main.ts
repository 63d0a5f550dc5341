/**
 * The compiler of C, a program of its own: clang as a WebAssembly module from npm. Its package is
 * large, and is downloaded by whoever compiles C, and by nobody else.
 *
 * Reads a list of jobs as JSON from the standard input, and writes what came of each as JSON.
 */
import { commands, runLLVM, type Tree } from "@yowasp/clang";

/** One driver that is to be compiled. */
interface Job {
  readonly arguments: readonly string[];
  /** Texts by their paths. */
  readonly files: Readonly<Record<string, string>>;
  readonly output: string;
}

/** Files as the package takes them: a folder is a tree of its own. */
function treeOf(files: Job["files"]): Tree {
  const tree: Tree = {};
  for (const [path, text] of Object.entries(files)) {
    const parts = path.split("/");
    const last = parts.pop()!;
    let folder = tree;
    for (const part of parts) folder = (folder[part] ??= {}) as Tree;
    folder[last] = text;
  }
  return tree;
}

async function compile(job: Job): Promise<{ module: string | null; said: string }> {
  const decoder = new TextDecoder();
  let said = "";
  const hear = (bytes: Uint8Array | null) => {
    if (bytes !== null) said += decoder.decode(bytes, { stream: true });
  };
  try {
    const options = { stdout: hear, stderr: hear };
    const made = await commands["clang"]([...job.arguments], treeOf(job.files), options);
    const bytes = made?.[job.output];
    return { module: bytes instanceof Uint8Array ? bytes.toBase64() : null, said };
  } catch (error) {
    if (said === "") throw error;
    return { module: null, said };
  }
}

const jobs = JSON.parse(await new Response(Deno.stdin.readable).text()) as readonly Job[];
// By itself it says how much of it is read.
await runLLVM(undefined, {}, { fetchProgress: () => {} });
const made: Awaited<ReturnType<typeof compile>>[] = [];
for (const job of jobs) made.push(await compile(job));
await new Blob([JSON.stringify(made)]).stream().pipeTo(Deno.stdout.writable);
