import { assert, assertEquals } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

/** A mapping in the generated script. */
interface Mapped {
  readonly addr: number;
  readonly sizeBytes: number;
  readonly dir: string;
  /** The line of the call that ended the mapping. */
  endedAt: number | null;
}

const DIRECTIONS = ["to_device", "from_device", "bidirectional"];
const GRANULE = 4096;

/**
 * A script of random maps, unmaps and accesses. For each fault, the script prints the verdict on
 * the log line of the fault.
 */
function randomScript(seed: number, model: string, mode: string): string {
  let state = seed;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
  const lines = [
    `machine { iommu { mode = ${mode}, model = ${model} } pci { root_port rp0 { endpoint nic { } } } }`,
    "fn probe(at, how) {",
    "  let before = iommu.faults.length",
    '  if how == read { nic.dma_read(at, 4B) } else { nic.dma_write(at, bytes"00 00 00 00") }',
    "  if iommu.faults.length == before { return none }",
    "  let line = fault_log(iommu.faults.last.log)",
    '  print "fault {at} {how} {line.verdict} {line.culprit}"',
    "}",
  ];
  const live = new Map<number, string>();
  let count = 0;
  for (let step = 0; step < 60; step++) {
    const kind = below(4);
    if (kind === 0 || count === 0) {
      const sizeBytes = 512 * (1 + below(24));
      const dir = DIRECTIONS[below(3)]!;
      const end = `dma_unmap_phys(nic, m${count}, ${sizeBytes}B, ${dir})`;
      lines.push(
        `let m${count} = dma_map_phys(nic, buffer(size: ${sizeBytes}B), ${sizeBytes}B, ${dir})`,
        `print "map {m${count}.addr} ${sizeBytes} ${dir}"`,
      );
      live.set(count++, end);
    } else if (kind === 1 && live.size > 0) {
      const which = [...live.keys()][below(live.size)]!;
      lines.push(`${live.get(which)}; print "unmap ${which} ${lines.length + 1}"`);
      live.delete(which);
    } else {
      const offset = 4 * below(4096);
      lines.push(`probe(m${below(count)}.addr + ${offset}B, ${below(2) === 0 ? "read" : "write"})`);
    }
    if (below(8) === 0) lines.push(`advance ${1 + below(12)}ms`);
  }
  return [...lines, ...live.values()].join("\n");
}

/** The verdict that a plain list of mappings gives on an access, for comparison. */
function expected(all: readonly Mapped[], at: number, unitBytes: number, how: string): string {
  const start = at - at % unitBytes;
  const there = all.filter(({ addr, sizeBytes }) =>
    start + unitBytes > addr - addr % GRANULE &&
    start < Math.ceil((addr + sizeBytes) / GRANULE) * GRANULE
  );
  const live = there.find(({ endedAt }) => endedAt === null);
  if (live !== undefined) {
    const isForbidden = live.dir === "to_device" ? how === "write" : how === "read";
    return isForbidden && live.dir !== "bidirectional" ? "wrong_direction" : "impossible";
  }
  const last = there.at(-1);
  return last === undefined ? "beside" : `use_after_unmap:${last.endedAt}`;
}

for (const model of ["vtd", "amd", "smmu"]) {
  const name =
    `${model}: the verdict on each fault of a random driver is that of a plain list of its mappings`;
  Deno.test(name, () => holdVerdicts(model, 1, 4));
  Deno.test(`${name}, eight drivers more (long)`, () => holdVerdicts(model, 5, 12));
}

function holdVerdicts(model: string, first: number, last: number): void {
  const seen = new Map<string, number>();
  for (let seed = first; seed <= last; seed++) {
    const { output, problems } = runScript(
      randomScript(seed, model, seed % 3 === 0 ? "lazy" : "strict"),
      {},
      { lenient: true },
    );
    assertEquals(problems, []);
    const all: Mapped[] = [];
    for (const text of output) {
      const [what, ...rest] = text.split(" ");
      const number = (index: number) => Number(rest[index]!.replaceAll("_", ""));
      if (what === "map") {
        all.push({ addr: number(0), sizeBytes: number(1), dir: rest[2]!, endedAt: null });
      } else if (what === "unmap") {
        all[number(0)]!.endedAt = number(1);
      } else {
        const [, how, verdict, ...culprit] = rest;
        const wanted = expected(all, number(0), model === "vtd" ? GRANULE : 1, how!);
        const line = /script\.dma:(\d+)/.exec(culprit.join(" "))?.[1];
        const verdictText = verdict === "use_after_unmap" ? `${verdict}:${line}` : verdict!;
        if (wanted === "beside") {
          assert(
            ["never_mapped", "past_end", "before_start"].includes(verdictText),
            text,
          );
        } else assertEquals(verdictText, wanted, text);
        seen.set(verdict!, (seen.get(verdict!) ?? 0) + 1);
      }
    }
  }
  for (const verdict of ["use_after_unmap", "wrong_direction", "past_end"]) {
    assert((seen.get(verdict) ?? 0) >= 2, `${verdict}: ${JSON.stringify([...seen])}`);
  }
}
