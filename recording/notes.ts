/** Notes statements and printed lines of a run while it runs, beside its events. */
import type { MachineRecording } from "@dmalab/runtime/recording";
import type { AsideWord, MarkListener, Vm } from "@dmalab/lang/vm";
import type { Position } from "./position.ts";
import type { OutputLine } from "./kept_run.ts";

export class RunNotes implements MarkListener {
  readonly output: OutputLine[];
  readonly machine: MachineRecording;
  /** Statements that had blocks run on machines of their own, by their numbers. */
  readonly asides: Map<number, AsideWord> = new Map();
  /** Statements that may start before the run is paused: the last of them then only stands there. */
  left = Infinity;

  /**
   * Begins before anything has run.
   * @param output The lines that the run is known to write, where it is done again unheard.
   */
  constructor(readonly vm: Vm, output: OutputLine[] = []) {
    this.machine = vm.world.record();
    this.output = output;
    vm.marks = this;
    const noteAside = (word: AsideWord) => this.asides.set(this.at.statement, word);
    vm.branches.onAside = noteAside;
  }

  /** The moment that the run has come to. */
  get at(): Position {
    return { seq: this.machine.log.count, statement: this.machine.statements.count };
  }

  /** The moment at which the next statement would start. */
  get end(): Position {
    const { seq, statement } = this.at;
    return { seq, statement: statement + 1 };
  }

  started(statement: number): boolean {
    this.machine.statements.note(this.vm.world.stream.seq, statement, this.vm.following.calls);
    return --this.left <= 0;
  }

  returned(calls: number): void {
    if (calls > 0) this.machine.statements.noteReturn(this.vm.world.stream.seq, calls);
  }

  line(text: string): void {
    this.output.push({ text, at: this.at });
  }

  stop(): void {
    this.vm.marks = null;
    this.machine.stop();
  }
}
