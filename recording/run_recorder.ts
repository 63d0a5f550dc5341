/** Records statements and printed lines of a run while it runs, in addition to its events. */
import { MachineRecording } from "@dmalab/runtime/recording";
import type { ForkKeyword, StatementListener, Vm } from "@dmalab/lang/run";
import type { Position } from "./position.ts";
import type { OutputLine, RecordedRunParts } from "./recorded_run.ts";

export class RunRecorder implements StatementListener {
  readonly output: OutputLine[];
  readonly machine: MachineRecording;
  /** By statement number: the keywords of statements with blocks that ran on separate machines. */
  readonly forks: Map<number, ForkKeyword> = new Map();
  /**
   * Number of statements that may still start. The run is paused at the start of the last of them.
   */
  left = Infinity;

  /**
   * The recorder is created before anything has run.
   * @param output The known output lines, for a silent replay.
   */
  constructor(readonly vm: Vm, output: OutputLine[] = []) {
    this.machine = vm.machine.record(MachineRecording);
    this.output = output;
    vm.marks = this;
    const noteAside = (word: ForkKeyword) => this.forks.set(this.position.statement, word);
    vm.branches.onFork = noteAside;
  }

  /** The parts for a recording, without the machine itself. */
  get parts(): Pick<RecordedRunParts, "forks" | "machine" | "output"> {
    const { forks, machine, output } = this;
    return { forks, machine, output };
  }

  /** The current position of the run. */
  get position(): Position {
    return { seq: this.machine.log.count, statement: this.machine.statements.count };
  }

  /** The position at which the next statement would start. */
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
