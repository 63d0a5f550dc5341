/** What a machine itself holds, as rows of the tables of a recording. */
import type { Lab } from "@dmalab/devices";
import type { MigrationBuffer } from "@dmalab/devices/vfio";
import { eventId, type Machine } from "@dmalab/runtime";
import type { AnyTableSpec } from "@dmalab/runtime/recording";

export type Row = Readonly<Record<string, unknown>>;

/** What else is asked for all that it has of a kind. */
const ASKED: Readonly<Record<string, (lab: Lab, serial: number) => Row[] | null>> = {
  mappings: mappingRows,
  odp_regions: regionRows,
  odp_pages: pageRows,
  migration_buffers: bufferRows,
  migration_mappings: migrationMappingRows,
  migration_keys: keyRows,
};

/** After a driver's mistake, or when it leaves, the checker has ends of its own for its records. */
export const ENDS_RECORDS = [eventId("dma.report"), eventId("nvme.state")];

/**
 * What the machine itself says of a table; null where it keeps no such thing.
 * @param serial The checker's last record when the machine was ready.
 */
export function realRows(spec: AnyTableSpec, lab: Lab, serial: number): Row[] | null {
  if (spec.read === undefined) return ASKED[spec.name]?.(lab, serial) ?? null;
  const real: Row[] = [];
  spec.read(lab.machine, (row: Row) => real.push(row));
  return real;
}

/** Without translation there is nothing to unmap, and the checker forgets what is never unmapped. */
export function translates({ iommu }: Machine, device: unknown): boolean {
  return iommu.domains.some(({ members }) => members.some(({ name }) => name === device));
}

function mappingRows({ machine }: Lab, serial: number): Row[] | null {
  const { checker, events } = machine;
  if (checker === null || ENDS_RECORDS.some((id) => events.count(id) > 0)) return null;
  const real: Row[] = [];
  checker.forEachMapping(serial, (device, dma, size_bytes) => {
    if (translates(machine, device)) real.push({ device, dma, size_bytes });
  });
  return real;
}

function adaptersOf(lab: Lab) {
  return [...lab.devices.values()].flatMap((device) =>
    device.kind === "rdma" ? [device.adapter] : []
  );
}

function regionRows(lab: Lab): Row[] {
  return adaptersOf(lab).flatMap(({ name: device, pagedRegions }) =>
    pagedRegions.map(({ name: region, umem: { end, start } }) => ({
      device,
      region,
      virt: start,
      size_bytes: end - start,
    }))
  );
}

/** Entry by entry, as the device reads its table. */
function pageRows(lab: Lab): Row[] {
  const real: Row[] = [];
  for (const { name: device, pagedRegions } of adaptersOf(lab)) {
    for (const { name: region, table, umem: { pageBytes, start } } of pagedRegions) {
      for (let index = 0; index < (table?.length ?? 0); index++) {
        const access = table!.access(index);
        if (access === 0) continue;
        const dma = table!.address(index);
        const prot = ["", "read", "write", "read_write"][access];
        const virt = start + index * pageBytes;
        real.push({ device, region, virt, size_bytes: pageBytes, dma, prot });
      }
    }
  }
  return real;
}

/** Every buffer of every driver, with what the driver knows of it. */
function buffersOf(
  lab: Lab,
): readonly (readonly [device: string, MigrationBuffer, state: string])[] {
  return [...lab.devices.values()].flatMap((device) => {
    if (device.kind !== "vfio") return [];
    const { buffers, spare } = device.driver;
    return [
      ...[...buffers].map((buffer) => [device.name, buffer, "used"] as const),
      ...spare.map((buffer) => [device.name, buffer, "spare"] as const),
    ];
  });
}

function bufferRows(lab: Lab): Row[] {
  return buffersOf(lab).map(([device, { direction, id, npages }, state]) => ({
    device,
    buffer: id,
    pages: npages,
    dir: direction,
    state,
  }));
}

function migrationMappingRows(lab: Lab): Row[] {
  return buffersOf(lab).flatMap(([device, { id, list, mailbox, npages, state }]) =>
    mailbox === null ? [] : [{
      device,
      buffer: id,
      pages: npages,
      dma: mailbox.entryAt(0),
      rule: list !== null ? "scatterlist" : state.sizeBytes !== 0 ? "iova" : "single",
    }]
  );
}

function keyRows(lab: Lab): Row[] {
  return buffersOf(lab).flatMap(([device, { id, key, mailbox }]) =>
    key === null || mailbox === null ? [] : [{
      device,
      key,
      buffer: id,
      entries: mailbox.entries,
      size_bytes: mailbox.lengthBytes,
    }]
  );
}
