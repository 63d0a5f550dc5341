/**
 * A custom device: a counter with a doorbell. It writes into memory how often the doorbell was
 * rung. One record, `COUNTER`, describes the device and is passed to `laboratory`. Nothing else is
 * edited.
 */
import * as lab from "dmalab";
import { recordRun, rowsAt, runsOf } from "dmalab/recording";

const { BOOL, DMA, INT, TEXT } = lab.eventField;

/** Offsets of registers, and the window's size. A write to `BELL` rings; a read gives the count. */
const BELL = 0, PAGE_LOW = 4, PAGE_HIGH = 8, WINDOW_BYTES = 4096;

const SETTINGS = {
  step: lab.shape.setting("step", lab.shape.int(1, 1000), 1, { doc: "How much a ring counts." }),
  ...lab.deviceSettings({ minAlignBytes: 1, maxSegmentSizeBytes: 4096 }),
};

const EVENTS = {
  "counter.ring": { when: "the doorbell of a counter was rung", fields: { count: INT } },
  "counter.write": {
    when: "a counter wrote its count into memory",
    byDevice: true,
    fields: { dma: DMA, count: INT, written: BOOL },
  },
} as const;

const COUNT_FIELDS = { device: TEXT, dma: DMA, count: INT };

const COUNTS: lab.HistoryTableSpec<typeof COUNT_FIELDS, "counter_counts", typeof EVENTS> = {
  name: "counter_counts",
  doc: "A counter has written this count last, at this address.",
  fields: COUNT_FIELDS,
  key: ["device", "dma"],
  changes: {
    "counter.write": (rows, { seq, device, fields: { count, dma, written } }) => {
      if (written) rows.begin(seq, { device: device!, dma, count });
    },
  },
};

type Block = lab.AttachedBlock<lab.SettingsOf<typeof SETTINGS>>;

/** One counter of a machine. */
class Counter implements lab.DeviceBase<"counter">, lab.RegisterPort {
  readonly kind = "counter";
  readonly name: string;
  readonly dma: lab.DmaDevice;
  readonly function: lab.DeviceBase["function"];
  count = 0;
  readonly #page = new Map([[PAGE_LOW, 0], [PAGE_HIGH, 0]]);
  readonly #events: lab.TableEvents<typeof EVENTS>;

  constructor(readonly machine: lab.Machine, readonly block: Block) {
    ({ dma: this.dma, func: this.function, name: this.name } = block);
    this.#events = machine.events.of(EVENTS, this.name);
    machine.registers.add(block.func.bars[0]!.basePhys, WINDOW_BYTES, this);
  }

  read32(offset: number): number {
    return offset === BELL ? this.count : this.#page.get(offset) ?? 0;
  }

  write32(offset: number, value: number): void {
    if (this.#page.has(offset)) this.#page.set(offset, value >>> 0);
    if (offset !== BELL) return;
    this.count += this.block.settings.step;
    this.#events.emit("counter.ring", { count: this.count });
    this.machine.activities.postWork(this.name, this, 0, this.count);
  }

  runActivity(_kind: number, count: number): void {
    const dma = lab.dmaAddr(this.read32(PAGE_HIGH) * 2 ** 32 + this.read32(PAGE_LOW));
    const bytes = new Uint8Array(Uint32Array.of(count).buffer);
    const written = this.machine.bus.write(this.dma, dma, bytes, 0, bytes.length);
    this.#events.emit("counter.write", { dma, count, written });
  }
}

const TYPE: lab.HandleType<Counter> = {
  name: "counter",
  doc: "A counter with a doorbell.",
  extends: lab.DEVICE,
  fields: lab.fieldsOf<Counter>((f) => ({
    count: f.int("How often it was rung.", ({ count }) => count),
    bell: f.phys("Its first register.", ({ block }) => block.func.bars[0]!.basePhys),
  })),
  methods: [],
  format: ({ count, name }) => `counter ${name} at ${count}`,
};

const DEV = lab.param.handle("dev", TYPE, "The counter.");
const MACHINE = "machine { iommu { mode = strict }; pci { counter c { step = 5 } } }\n";

export const COUNTER: lab.ScriptedKind<typeof SETTINGS, Counter> = {
  kind: "counter",
  doc: "A counter with a doorbell, which writes its count into memory.",
  role: "endpoint",
  hasRegisters: false,
  settings: SETTINGS,
  events: EVENTS,
  tables: [COUNTS],
  type: TYPE,
  types: [],
  functions: [
    lab.builtin({
      name: "counter_aim",
      parameters: [DEV, lab.param.dma("to", "Where it is to write.")],
      result: "nothing",
      doc: "Tells a counter where to write its count.",
      example: `${MACHINE}counter_aim(c, 0x1000)`,
      run(_run, [dev, to]) {
        dev.write32(PAGE_LOW, to % 2 ** 32);
        dev.write32(PAGE_HIGH, Math.floor(to / 2 ** 32));
      },
    }),
    lab.builtin({
      name: "counter_written",
      parameters: [DEV],
      result: "int",
      doc: "How often a counter has written its count.",
      example: `${MACHINE}assert counter_written(c) == 0`,
      run: (run) => run.lab.machine.events.of(EVENTS).count("counter.write"),
    }),
  ],
  bars: () => [{ index: 0, sizeBytes: WINDOW_BYTES, peerBytes: 0 }],
  create: (machine, block) => new Counter(machine, block),
};

const SCENARIO = `${MACHINE}test "a count reaches memory" {
  let buf = alloc_pages(1)
  let m = dma_map_phys(c, buf, 4KiB, from_device)
  counter_aim(c, m.addr)
  writel(1, c.bell)
  writel(1, c.bell)
  step until counter_written(c) == 2
  dma_unmap_phys(c, m, 4KiB, from_device)
  assert c.count == 10 and readl(c.bell) == 10 and buf[0] == 10
  expect events [ counter.ring{2}, counter.write(count: 5, written: true), counter.write ] in c
}`;

if (import.meta.main) {
  const own = lab.laboratory({ devices: [COUNTER] });
  const source = new lab.SourceFile("counter.dma", SCENARIO);
  const { program, diagnostics } = own.loadForDebugging(source, lab.memoryFiles());
  if (program === null) throw new Error(lab.renderDiagnostics(diagnostics));
  const recording = recordRun(program, runsOf(program)[0]!);
  const [row] = rowsAt(recording, COUNTS, recording.last);
  console.log(recording.failure?.message ?? `${row!.count} was written by event ${row!.createdSeq}`);
}
