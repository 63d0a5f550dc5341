/** Tells the damage of a step in the form of the recorded defects. */
import { alignDown, alignUp, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { PhysicalMemory } from "@dmalab/runtime/memory";
import type { Json } from "../difference.ts";
import type { DataExtent } from "../kernel/kernel_data.ts";
import { changedBytes, rightWords, type Run, runsByPage, wrongRuns } from "./damage.ts";
import type { DefectStep } from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";
import type { StepMemory } from "./step_memory.ts";

/** The same fields as the record has. */
export function damageOf(host: DefectHost, step: DefectStep, memory: StepMemory): Json {
  const { memory: ram } = host.machine;
  const all: Record<string, Json> = {
    ...runsReport(ram, memory),
    ...rightWords(ram, memory.data, memory.request.offsetBytes) as Record<string, Json>,
    ...metadataReport(ram, step, memory),
    ...otherMemoryReport(ram, step, memory),
  };
  return Object.fromEntries(
    Object.keys(expectedDamage(step.damage!) as object).map((key) => [key, all[key] ?? null]),
  );
}

/** The record in a form that does not depend on where the user sees a page. */
export function expectedDamage(damage: NonNullable<DefectStep["damage"]>): Json {
  const { note: _, runs, ...rest } = damage;
  if (runs === undefined) return rest;
  return { ...rest, runs: runsByPage(runs as unknown as readonly Run[]) };
}

function runsReport(ram: PhysicalMemory, memory: StepMemory): Record<string, Json> {
  const runs = wrongRuns(ram, memory.data, memory.request.offsetBytes, memory.pages);
  const bytes = (inside: number) =>
    runs.reduce((sum, run) => sum + (run[0] === inside ? run[2] : 0), 0);
  return { wrong_bytes_inside: bytes(1), bytes_written_outside: bytes(0), runs };
}

function metadataReport(
  ram: PhysicalMemory,
  step: DefectStep,
  { metadata }: StepMemory,
): Record<string, Json> {
  const last = metadata.at(-1);
  if (last === undefined) return {};
  const end = last[0] + last[1];
  const changed = (extents: readonly DataExtent[]) =>
    extents.reduce((sum, [phys, sizeBytes]) => sum + changedBytes(ram, phys, sizeBytes), 0);
  const delivered: number[] = [];
  const inSecond: number[] = [];
  for (const [first, lastPage] of step.request.metadata_pages ?? []) {
    const page = alignDown(lastPage, PAGE_SIZE_BYTES);
    const behind = metadata.flatMap((extent) => partFrom(extent, page, page + PAGE_SIZE_BYTES));
    delivered.push(changed(metadata));
    inSecond.push(alignDown(first, PAGE_SIZE_BYTES) === page ? 0 : changed(behind));
  }
  return {
    metadata_bytes_written_inside: changed(metadata),
    metadata_bytes_written_beyond: changed([[end, alignUp(end, PAGE_SIZE_BYTES) - end]]),
    metadata_bytes_delivered: delivered,
    of_them_in_second_page: inSecond,
  };
}

/** The part of an extent between two addresses. */
function partFrom([phys, sizeBytes]: DataExtent, from: number, to: number): DataExtent[] {
  const start = Math.max(phys, from);
  const end = Math.min(phys + sizeBytes, to);
  return start < end ? [[start, end - start]] : [];
}

/** How much of a read went to memory that is not the buffer. */
function otherMemoryReport(
  ram: PhysicalMemory,
  step: DefectStep,
  { data }: StepMemory,
): Record<string, Json> {
  const other = step.damage?.other_memory;
  if (typeof other !== "number") return {};
  const untouched = (phys: number) => changedBytes(ram, phys, PAGE_SIZE_BYTES) === 0;
  let written = 0;
  while (!untouched(other + written * PAGE_SIZE_BYTES)) written++;
  return {
    pages_not_delivered: data.filter(([phys]) => untouched(phys)).length,
    pages_written_to_other_memory: written,
    other_memory: other,
  };
}
