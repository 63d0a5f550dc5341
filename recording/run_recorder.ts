/** Notes statements and printed lines of a run while it runs, beside its events. */
import { MachineRecording } from "@dmalab/runtime/recording";
import type { ForkKeyword, StatementListener, Vm } from "@dmalab/lang/run";
import type { Position } from "./position.ts";
import type { OutputLine, RecordedRunParts } from "./recorded_run.ts";

export class RunRecorder implements StatementListener {
  readonly output: OutputLine[];
  readonly machine: MachineRecording;
  /** Statements with blocks that ran on separate machines, by their numbers. */
  readonly forks: Map<number, ForkKeyword> = new Map();
  /** Statements that may start before the run is paused: the last of them has then only begun. */
  left = Infinity;

  /**
   * Begins before anything has run.
   * @param output The lines that the run is known to write, where it is done again unheard.
   */
  constructor(readonly vm: Vm, output: OutputLine[] = []) {
    this.machine = vm.machine.record(MachineRecording);
    this.output = output;
    vm.marks = this;
    const noteAside = (word: ForkKeyword) => this.forks.set(this.position.statement, word);
    vm.branches.onFork = noteAside;
  }

  /** The recording's part of it, and not the machine itself. */
  get parts(): Pick<RecordedRunParts, "forks" | "machine" | "output"> {
    const { forks, machine, output } = this;
    return { forks, machine, output };
  }

  /** The moment that the run has come to. */
  get position(): Position {
    return { seq: this.machine.log.count, statement: this.machine.statements.count };
  }

  /** The moment at which the next statement would start. */
  get end(): Position {
    const { seq, statement } = this.position;
    return { seq, statement: statement + 1 };
  }

  started(statement: number): boolean {
    this.machine.statements.note(this.vm.machine.stream.seq, statement, this.vm.following.calls);
    return --this.left <= 0;
  }

  returned(calls: number): void {
    if (calls > 0) this.machine.statements.noteReturn(this.vm.machine.stream.seq, calls);
  }

  line(text: string): void {
    this.output.push({ text, position: this.position });
  }

  stop(): void {
    this.vm.marks = null;
    this.machine.stop();
  }
}
