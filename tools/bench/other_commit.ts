/** Another commit's files, in a separate folder, to measure differences to it. */
import { CannotMeasure } from "@dmalab/cli/bench";
import { endAtSignals } from "../ending.ts";
import { PROJECT } from "../project.ts";

export class OtherCommit implements Disposable {
  readonly folder: string;
  readonly #keepSignals: () => void;

  /** @throws {CannotMeasure} When there is no such commit. */
  constructor(commit: string) {
    try {
      git("rev-parse", "--verify", "--end-of-options", `${commit}^{commit}`);
    } catch (error) {
      if (!(error instanceof CannotMeasure)) throw error;
      throw new CannotMeasure(`"${commit}" is neither a saved file nor a commit`);
    }
    this.folder = Deno.makeTempDirSync({ prefix: "dmalab-bench-" });
    git("worktree", "add", "--detach", this.folder, commit);
    this.#keepSignals = endAtSignals(() => this.#remove());
  }

  #remove(): void {
    git("worktree", "remove", "--force", this.folder);
  }

  [Symbol.dispose](): void {
    this.#keepSignals();
    this.#remove();
  }
}

export function git(...args: string[]): string {
  const options = { args, cwd: PROJECT, stdout: "piped", stderr: "piped" } as const;
  const { stderr, stdout, success } = new Deno.Command("git", options).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new CannotMeasure(`git ${args.join(" ")} fails: ${text(stderr)}`);
  return text(stdout);
}
