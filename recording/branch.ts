/** A session that is kept: it can be asked about its past, and gone on with from any place of it. */
import type { SourceFile } from "@dmalab/lang";
import type { FeedResult, Move, SessionParts } from "@dmalab/lang/run";
import type { Session } from "@dmalab/lang/run/session";
import { Looker } from "./look.ts";
import { RunNotes } from "./notes.ts";
import { comparePositions, type Position } from "./position.ts";
import { type OutputLine, Recording } from "./recording.ts";
import { type Seen } from "./machines/replay.ts";
import { Reruns } from "./machines/reruns.ts";

/** What a session tells who keeps it. */
export type SessionHooks = Required<Pick<SessionParts, "onLine" | "onRest" | "onVm">>;

/** A place of a session at which something else can be typed instead. */
interface Rest {
  /** The moment before what follows. */
  readonly at: Position;
  /** How many moves were done before, and how many statements or activities of this one. */
  readonly move: number;
  readonly part: number;
  /** A statement starts there; else an activity of a step has ended, or the first one begins. */
  readonly isStatement: boolean;
}

/** Where a branch begins. */
export interface Origin {
  readonly branch: Branch;
  readonly at: Position;
}

/** What is noted of a session on the machine that it has now. */
class Track {
  rests: Rest[] = [];
  notes: RunNotes | null = null;
  /** Grows with each machine. */
  machines = 0;
  readonly hooks: SessionHooks;

  /** @param before Lines that the session it goes on from has written. */
  constructor(onLine: (text: string) => void, before: readonly OutputLine[] = []) {
    const written = [...before];
    this.hooks = {
      onVm: (vm) => this.#begin(new RunNotes(vm, written.splice(0))),
      onRest: (move, part) => this.#rest(move, part),
      onLine: (text) => {
        this.notes?.line(text);
        onLine(text);
      },
    };
  }

  #begin(notes: RunNotes): void {
    this.notes = notes;
    this.rests = [];
    this.machines++;
  }

  /** Set by who knows the moves: whether one is an input. */
  isInput: (move: number) => boolean = () => true;

  #rest(move: number, part: number): void {
    const at = this.notes!.end;
    const isStatement = this.isInput(move);
    const last = this.rests.at(-1);
    // An activity without events leads nowhere else.
    const isHere = last !== undefined && comparePositions(last.at, at) === 0;
    if (isHere && !isStatement && part > 0) return;
    this.rests.push({ at, move, part, isStatement });
  }
}

export class Branch {
  readonly session: Session;
  readonly #track: Track;
  #recording: Recording | null = null;
  #machines = 0;

  private constructor(
    readonly name: string,
    readonly origin: Origin | null,
    track: Track,
    make: (hooks: SessionHooks) => Session,
  ) {
    this.#track = track;
    this.session = make(track.hooks);
    const isInput = (move: number) =>
      this.session.moves[move]?.kind !== "step" && !this.#isStepping;
    track.isInput = isInput;
  }

  #isStepping = false;

  /** The branch that everything begins with. */
  static first(make: (hooks: SessionHooks) => Session, onLine: (text: string) => void): Branch {
    return new Branch("main", null, new Track(onLine), make);
  }

  /** The run of the machine that the session has now. */
  get recording(): Recording {
    const { machines, notes } = this.#track;
    if (this.#recording === null || this.#machines !== machines) {
      this.#machines = machines;
      this.#recording = this.#record(notes!);
    }
    return this.#recording;
  }

  #record({ asides, machine, output }: RunNotes): Recording {
    const { code } = this.session;
    const { compiler, registry, resolution } = code;
    const known = { code: compiler.code, log: machine.log, statements: machine.statements };
    const reruns = new Reruns(known, (onVm) => this.session.rerun(onVm));
    const live = (): Seen => ({
      vm: this.session.vm,
      at: this.#track.notes!.end,
      frames: () => [],
      innermost: () => null,
    });
    reruns.live = live;
    const { seed } = this.session.world.lab.machine.config;
    const place = "session:1:1";
    return new Recording({
      name: { file: "session", kind: "main", name: this.name, combination: "", place, seed },
      code: compiler.code,
      machine,
      output,
      asides,
      sides: [],
      sideKeeper: null,
      reruns,
      looker: new Looker({
        registry,
        resolution,
        compiler,
        scope: () => this.session.state.names.scope,
      }),
    });
  }

  feed(text: string): FeedResult {
    return this.session.feed(text);
  }

  feedSource(source: SourceFile): FeedResult {
    return this.session.feedSource(source);
  }

  /** Runs activities until so many more events have happened, or nothing is left to do. */
  step(events: number): void {
    this.#isStepping = true;
    try {
      this.session.step(events);
    } finally {
      this.#isStepping = false;
    }
  }

  /**
   * Where something can be typed that is at a moment or nearest to it: a statement is whole, and so
   * is an activity, which is gone on with to its end. Null when that is the end of the run.
   */
  #restFor(at: Position): Rest | null {
    const { rests } = this.#track;
    const next = rests.findIndex((rest) => comparePositions(rest.at, at) >= 0);
    if (next < 0) return rests.at(-1) ?? null;
    const rest = rests[next]!;
    // Where nothing more happens in a statement it is done.
    const isThere = rest.at.seq === at.seq;
    return isThere || isActivityEnd(rest) ? rest : rests[next - 1] ?? rest;
  }

  /**
   * A branch that goes on from a moment of this one, which stays as it is.
   *
   * @returns Null when the moment is the end: there is nothing to leave.
   */
  branch(name: string, at: Position, onLine: (text: string) => void): Branch | null {
    const { recording } = this;
    const { last } = recording;
    const rest = comparePositions(at, last) >= 0 ? null : this.#restFor(at);
    const isEnd = rest !== null && !rest.isStatement && comparePositions(rest.at, last) === 0;
    if (rest === null || isEnd) return null;
    const { output } = this.#track.notes!;
    const before = output.filter((line) => comparePositions(line.at, rest.at) < 0);
    const track = new Track(onLine, before);
    const isInput = (move: number) => this.session.moves[move]?.kind !== "step";
    track.isInput = isInput;
    const { move, part } = rest;
    const origin = { branch: this, at: rest.at };
    return new Branch(name, origin, track, (hooks) => this.session.branch(move, part, hooks));
  }

  /** What was typed, as far as it is done. */
  get moves(): readonly Move[] {
    return this.session.moves;
  }
}

function isActivityEnd({ isStatement, part }: Rest): boolean {
  return !isStatement && part > 0;
}
