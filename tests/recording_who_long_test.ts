/**
 * The event that last changed a thing, for ten kinds of things on three kinds of machines. The test
 * asks for this event before, at and after a change, and compares the answer with the machine's own
 * data at every moment of the run. The named event must be exactly the right one. A mapping is also
 * compared with the checker's records, which may change at other moments.
 */
import { assert, assertEquals } from "@std/assert";
import { RUNTIME_TABLES } from "@dmalab/runtime/recording";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import {
  boundValues,
  lastWrite,
  nextPosition,
  ordinalOf,
  type PausedRun,
  type Position,
  positionAt,
  readWriteTarget,
  type Recording,
  recordRun,
  runsOf,
  START,
} from "@dmalab/recording";
import { memoryFiles } from "@dmalab/lang/syntax";

const MODES = [["7.2.12", "strict"], ["7.2.12", "lazy"], ["6.12.117", "strict"]] as const;

const script = (kernel: string, mode: string) =>
  `machine {
  kernel = "${kernel}"
  iommu { mode = ${mode} }
  swiotlb { size = 256KiB }
  pci {
    root_port inside { nvme ssd { queues = 1, depth = 8 } }
    root_port beside { nvme wide { queues = 1, depth = 8, sgl = true } }
    root_port outside { external = true; nvme stick { } }
  }
}
let n = 1
let buf = alloc_pages(3, contiguous: false)
let big = alloc_pages(16, contiguous: false)
wait ssd.submit(read, lba: 0, into: buf)
n = 2
let m = dma_map_single(ssd, buf.pages[0], 4KiB, bidirectional)
ssd.dma_write(m.addr, bytes"2a")
dma_unmap_single(ssd, m, 4KiB, bidirectional)
let b = dma_map_single(stick, buf.pages[1] + 512B, 512B, to_device)
dma_unmap_single(stick, b, 512B, to_device)
wait wide.submit(read, lba: 0, into: big)
wait ssd.submit(read, lba: 8, into: buf)
n = 3
`;

/** Reads the machine's data about a thing, as text; `-` if the machine has no such data. */
type Probe = (paused: PausedRun) => string;

/**
 * A kind of thing, such as a page-table entry or a mapping, and the function that reads the data of
 * such a thing from the machine.
 */
interface Kind {
  readonly name: string;
  /** The words that name the thing in a question, with an address or number from the run's events. */
  readonly subject: (recording: Recording) => string;
  readonly probe: (recording: Recording) => Probe;
  /** Two consecutive events: the first announces a change that is done when the second one happens. */
  readonly named?: readonly [first: string, done: string];
  /** Whether the compared data has separate records, which change in the same call of the kernel. */
  readonly hasOwnBooks?: true;
}

/** Reads the row for one address directly from the machine, with the table's own function. */
function rowProbe(name: string, field: string, at: (recording: Recording) => number) {
  const spec = RUNTIME_TABLES.find((each) => each.name === name)!;
  return (recording: Recording): Probe => {
    const address = at(recording);
    return ({ vm }) => {
      let found = "-";
      spec.read!(vm.lab.machine, (row: Readonly<Record<string, unknown>>) => {
        const first = Number(row[field]);
        const size = spec.size === undefined || field === "slot" ? 1 : Number(row[spec.size]);
        if (address >= first && address < first + size) found = JSON.stringify(row);
      });
      return found;
    };
  };
}

/** The first event that has the given name and satisfies a condition. */
function eventOf(
  { log }: Recording,
  name: string,
  isMeant: (fields: Record<string, unknown>, request: number | null) => boolean = () => true,
) {
  const found = log.between(0, log.count).find((event) =>
    event.name === name && isMeant(event.fields, event.request)
  );
  assert(found !== undefined, `no event ${name}`);
  return found;
}

const field = (recording: Recording, name: string, key: string, api?: string): number =>
  Number(
    (eventOf(recording, name, (fields) => api === undefined || fields.api === api)
      .fields as Record<string, unknown>)[key],
  );

const mapped = (recording: Recording) => field(recording, "dma.map", "dma", "dma_map_single");

/**
 * A probe for the contents of a list or queue: the last event with one of these names has written
 * them.
 */
function eventProbe(
  names: readonly string[],
  isMeant: (fields: Record<string, unknown>, request: number | null) => boolean,
) {
  return (recording: Recording): Probe => ({ vm }) => {
    const { seq } = vm.machine.stream;
    for (let at = seq; at > 0; at--) {
      const { fields, name, request } = recording.event(at);
      if (names.includes(name) && isMeant(fields as never, request)) return `${at}`;
    }
    return "-";
  };
}

const driverOf = ({ vm }: PausedRun, name: string) => {
  const device = vm.lab.devices.get(name);
  assert(device?.kind === "nvme");
  return device.disk.driver;
};

const KINDS: readonly Kind[] = [
  {
    name: "page-table entry",
    subject: (recording) => `pte ${mapped(recording)}`,
    probe: rowProbe("page_table", "iova", mapped),
  },
  {
    name: "IOVA",
    subject: (recording) => `iova ${mapped(recording)}`,
    probe: rowProbe("iova", "start", mapped),
    named: ["iova.free", "flush_queue.add"],
  },
  {
    name: "mapping",
    subject: (recording) => `mapping ${mapped(recording)}`,
    probe: (recording) => {
      const address = mapped(recording);
      return eventProbe(
        ["dma.map", "dma.unmap"],
        ({ dma, size_bytes }) =>
          address >= Number(dma) && address < Number(dma) + Number(size_bytes),
      )(recording);
    },
  },
  {
    name: "mapping, as the checker has it",
    hasOwnBooks: true,
    subject: (recording) => `mapping ${mapped(recording)}`,
    probe: (recording) => {
      const address = mapped(recording);
      return ({ vm }) => {
        let found = "-";
        vm.lab.machine.checker!.forEachMapping(0, (_device, dma, sizeBytes) => {
          if (address >= dma && address < dma + sizeBytes) found = `${dma} ${sizeBytes}`;
        });
        return found;
      };
    },
  },
  {
    name: "bounce slot",
    subject: (recording) => `bounce ${field(recording, "swiotlb.map", "slot")}`,
    probe: rowProbe("swiotlb", "slot", (recording) => field(recording, "swiotlb.map", "slot")),
  },
  {
    name: "PRP entry",
    subject: () => "prp1 of req 1",
    probe: eventProbe(
      ["nvme.prp", "nvme.unmap"],
      ({ index }, request) => request === 1 && (index === undefined || index === -1),
    ),
  },
  {
    name: "SGL descriptor",
    subject: (recording) => {
      const { fields, request } = eventOf(
        recording,
        "nvme.sgl",
        ({ type }) => type === "data_block",
      );
      return `sgl ${(fields as { address: number }).address} of req ${request}`;
    },
    probe: (recording) => {
      const { fields, request: own } = eventOf(
        recording,
        "nvme.sgl",
        ({ type }) => type === "data_block",
      );
      const { address } = fields as { address: number };
      return eventProbe(
        ["nvme.sgl", "nvme.unmap"],
        (each, request) =>
          request === own && (each.address === undefined || each.address === address),
      )(recording);
    },
  },
  {
    name: "queue slot",
    subject: () => "slot 1",
    probe: eventProbe(["nvme.submit"], ({ slot }) => slot === 1),
  },
  {
    name: "doorbell",
    subject: () => "doorbell sq_tail",
    probe: () => (paused) =>
      ["ssd", "wide"].map((name) => driverOf(paused, name).queues.io[0]!.rings.sqRung).join(" "),
  },
  {
    name: "byte of memory",
    subject: (recording) => `byte ${field(recording, "dma.map", "phys", "dma_map_single")}`,
    probe: (recording) => {
      const phys = field(recording, "dma.map", "phys", "dma_map_single");
      return ({ vm }) => {
        const byte = new Uint8Array(1);
        vm.machine.readMemory(phys, byte);
        return String(byte[0]);
      };
    },
  },
  {
    name: "variable",
    subject: () => "n",
    probe: (recording) => (paused) => {
      const frame = paused.frames()[0];
      const found = frame === undefined
        ? undefined
        : boundValues(paused, frame).find(({ name }) => name === "n");
      return found === undefined ? "-" : recording.evaluator.answer(found.value, paused).text;
    },
  },
];

/** Every position at which the probe's result changes. */
function changesSeen(recording: Recording, probe: Probe): readonly Position[] {
  const changes: Position[] = [];
  let known: string | null = null;
  recording.timeline.from(START, (paused) => {
    const named = probe(paused);
    if (known !== null && named !== known) changes.push(paused.position);
    known = named;
    return nextPosition(recording, paused.position);
  });
  return changes;
}

/**
 * Whether an event and a change of the data happen at the same moment, or inside the same call of the
 * kernel.
 */
function isOneChange(recording: Recording, named: number, seen: number): boolean {
  const [first, last] = named < seen ? [named, seen] : [seen, named];
  if (last - first <= 1) return true;
  const calls = recording.kernelFrames(recording.afterEvent(first));
  const still = recording.kernelFrames(recording.afterEvent(last - 1));
  return calls.some(({ seq }) => still.some((each) => each.seq === seq));
}

/**
 * The moment that must be named for a change: the change itself, or the event right before it if
 * that event announces it.
 */
function namedAt(
  recording: Recording,
  { seq, statement }: Position,
  [first, done]: readonly [string, string],
): Position {
  const isPair = seq > 1 && recording.event(seq).name === done &&
    recording.event(seq - 1).name === first;
  return { seq: isPair ? seq - 1 : seq, statement };
}

for (const [kernel, mode] of MODES) {
  Deno.test(`who changed each of ten things last, on ${kernel} with iommu.mode = ${mode}`, () => {
    const { diagnostics, program } = loadForDebugging(
      new SourceFile("who.dma", script(kernel, mode)),
      memoryFiles({}),
    );
    assert(program !== null, diagnostics.map(({ message }) => message).join("\n"));
    const recording = recordRun(program, runsOf(program)[0]!);
    assertEquals(recording.failure, null);
    for (const { hasOwnBooks = false, name, probe, subject, named: pair } of KINDS) {
      const changes = changesSeen(recording, probe(recording)).map((position) =>
        pair === undefined ? position : namedAt(recording, position, pair)
      );
      const open: string[] = [];
      assert(changes.length > 0, `${name} never changes`);
      const last = changes.at(-1)!;
      const meant = readWriteTarget(recording, recording.last, subject(recording));
      for (
        const position of [
          positionAt(recording.timeline.known, ordinalOf(last) - 1),
          last,
          recording.last,
        ]
      ) {
        const seen = changes.findLast((each) =>
          each.seq < position.seq ||
          each.seq === position.seq && each.statement <= position.statement
        );
        const named = lastWrite(recording, position, meant);
        const where = `${name} at ${position.seq}.${position.statement}`;
        if (seen === undefined) {
          assert(named === null || named.position.seq <= 1, `${where}: ${named?.position.seq}`);
          continue;
        }
        if (!hasOwnBooks) {
          assertEquals(named?.position.seq, seen.seq, where);
          continue;
        }
        // The change that an event reports is visible at the event, or at the next moment.
        const next = changes[changes.indexOf(seen) + 1] ?? seen;
        const isSeen = [seen, next].some(({ seq }) =>
          named !== null && isOneChange(recording, named.position.seq, seq)
        );
        if (isSeen) continue;
        // During a call that makes the change, the event of the change may come after the change.
        const isUnderWay = named !== null && named.position.seq < seen.seq &&
          recording.kernelFrames(position).length > 0;
        assert(isUnderWay, `${where}: named ${named?.position.seq}, seen ${seen.seq}`);
        open.push(where);
      }
      assert(open.length <= 1, open.join(", "));
    }
  });
}
