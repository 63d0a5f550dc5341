/** The machine's IOMMU. */
import { addAll } from "@dmalab/runtime/basics";
import type { PlainOf } from "../../describe/form.ts";
import type { FlushQueue, Machine } from "@dmalab/runtime";
import { isTranslated, type TranslatedDevice } from "@dmalab/runtime/dma";
import { reservedLines } from "../../../render/pictures/address_space_picture.ts";
import { PICTURE_COLUMNS, spread, wrapText } from "../../../text/columns.ts";
import { formatCount, formatDuration, formatSize } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import { raiseErrno } from "../../arguments.ts";
import { type MappedRun, mappedRuns } from "../../mapped_runs.ts";
import type { HandleType } from "../../../values/spec.ts";
import type { DeviceBase } from "@dmalab/devices";
import { DEVICE } from "../device.ts";
import { FAULT } from "../fault.ts";
import { IOVA_SPACE, spaceBody } from "./iova_space.ts";
import { PAGE_WALK } from "./page_walk.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { named, param } from "../../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "../../calls/example_machines.ts";
import { WHERE } from "./mapping.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { explainAddress } from "../../ledger.ts";
import { decisionList } from "../../explain/decision_list.ts";
import { explainTranslation } from "../../explain/device_story.ts";
import { factLines } from "../../explain/explanation.ts";

/** Limit of the faults that are printed; the rest is only counted. */
const DISPLAYED_FAULTS = 4;

/** Indentation of the story of a fault's address. */
const FAULT_INDENT = "  ";

/** The devices, then the latest faults, each with the story of its address. */
function iommuStory(machine: Machine, context: ExecutionContext): string[] {
  const { config } = machine;
  const devices = [...context.lab.devices.values()];
  return [
    `iommu ${config.iommu.model}, mode ${config.iommu.mode}`,
    ...devices.flatMap((device) => {
      const translation = explainTranslation(device, context);
      return factLines(
        { ...translation, title: `${device.name}: ${translation.title}` },
        "dma.1.3",
        context.columns,
      );
    }),
    ...faultLines(context),
  ];
}

function faultLines(context: ExecutionContext): string[] {
  const faults = context.recorder.events.filter(({ name }) => name === "iommu.fault");
  const rest = faults.length - DISPLAYED_FAULTS;
  return [
    ...faults.slice(-DISPLAYED_FAULTS).flatMap((fault) => [
      ...decisionList([fault], context.columns),
      ...explainAddress(
        "dma",
        (fault.fields as { readonly dma: number }).dma,
        context,
        { columns: context.columns - FAULT_INDENT.length, device: fault.device },
      ).map((line) => FAULT_INDENT + line),
    ]),
    ...rest > 0 ? [`  … ${formatCount(rest, "fault")} before`] : [],
  ];
}

/** Limit of the ranges of a device that a picture shows; the rest is only counted. */
const DISPLAYED_RANGES = 8;

const MAPPED_RUN = {
  iova: "dma",
  phys: "phys",
  size: "size",
  prot: "word",
  page_sizes: ["size"],
} as const;

function plainRun(run: MappedRun): PlainOf<typeof MAPPED_RUN> {
  const { access: prot, iova, leafSizesBytes: page_sizes, phys, sizeBytes: size } = run;
  return { iova, phys, size, prot, page_sizes };
}

const method = methodsOf<Machine>();

export const IOMMU: HandleType<Machine> = {
  name: "iommu",
  doc: "The IOMMU of the machine.",
  fields: fieldsOf<Machine>((f) => ({
    mode: f.word(
      "What the machine block says: off, passthrough, strict or lazy.",
      (machine) => machine.iommu.mode,
    ),
    granule: f.size("The smallest page it maps.", (machine) => machine.iommu.granuleBytes),
    live_mappings: f.int(
      "Live mappings that need an unmap: single mappings, lists and IOVA ranges, each once, a " +
        "range with all its links, which have a row each in `.mappings` of the device and in the " +
        "table `mappings`. Coherent memory does not count. Each unmap counts one down, " +
        "whatever it covers.",
      (machine) => machine.iommu.liveMappings,
    ),
    live_ranges: f.int(
      "IOVA ranges of the two-step API that are allocated, linked or not: a part of live_mappings.",
      (machine) => machine.iommu.liveRanges,
    ),
    faults: f.list(
      FAULT,
      "Faulted device accesses, oldest first.",
      (machine) => machine.iommu.faults,
    ),
    pending_flushes: f.int(
      "Ranges queued for a deferred flush.",
      (machine) => machine.iommu.pendingFlushes,
    ),
  })),
  methods: [
    method({
      name: "translate",
      pure: true,
      parameters: [
        param.handle("device", DEVICE, "Whose address."),
        WHERE,
      ],
      result: "phys",
      doc:
        "Looks an address up in the page table: a physical address or none. It records no event " +
        "and ignores the IOTLB.",
      example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)
let m = dma_map_phys(ssd, buf, 4KiB, to_device)
assert iommu.translate(ssd, m.addr) == buf.phys
dma_unmap_phys(ssd, m, 4KiB, to_device)
assert iommu.translate(ssd, m.addr) == none`,
      run(_run, machine, [{ dma: dev }, address]) {
        const found = machine.iommu.lookup(dev, address);
        return found < 0 ? null : found;
      },
    }),
    method({
      name: "page_table",
      pure: true,
      parameters: [param.handle("device", DEVICE, "Whose table.")],
      result: [MAPPED_RUN],
      doc: "What the device's page table maps: runs of { iova, phys, size, prot, page_sizes }.",
      example: `${TRANSLATED_MACHINE}let before = iommu.page_table(ssd).length
let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
assert iommu.page_table(ssd).length == before + 1
dma_unmap_phys(ssd, m, 4KiB, to_device)`,
      run(context, _machine, [device]) {
        const runs = mappedRuns(device.dma.domain);
        context.chargeMemory(256 * runs.length);
        return runs.map(plainRun);
      },
    }),
    method({
      name: "walk",
      pure: true,
      parameters: [
        param.handle("device", DEVICE, "Whose table."),
        WHERE,
      ],
      result: PAGE_WALK,
      doc: "Walks the page table for an address, entry by entry, as hardware does. It records no " +
        "event and ignores the IOTLB.",
      example: `${TRANSLATED_MACHINE}let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
let walk = iommu.walk(ssd, m)
show walk
assert walk.entries.length == 4 and walk.page_size == 4KiB
dma_unmap_phys(ssd, m, 4KiB, to_device)`,
      run(_run, machine, [device, address]) {
        if (address < 0) {
          throw new ValueError("DMA_MAPPING_ERROR is not an address: the map failed");
        }
        return { machine, device: translationOf(device, "page table"), iova: address };
      },
    }),
    method({
      name: "set_mode",
      parameters: [
        param.handle("device", DEVICE, "Any device of the group."),
        param.word("mode", "passthrough, strict or lazy; auto: what the group had at boot."),
        named(
          param.bool("privileged", "Whether the caller is an administrator; true when left out."),
          true,
        ),
      ],
      doc:
        "Changes how the device's IOMMU group is translated, as an administrator does. While the " +
        "driver of any device of the group is bound, only strict to lazy is possible; else the group " +
        "gets a new, empty domain.",
      example: `${TRANSLATED_MACHINE}iommu.set_mode(ssd, lazy)
assert ssd.iommu_mode == lazy
iommu.set_mode(ssd, strict) fails EPERM`,
      raises: ["EPERM", "EINVAL", "EACCES", "ENODEV"],
      run: (_run, { iommu }, [{ dma: dev, name }, mode, privileged]) =>
        raiseErrno(
          iommu.groups.setMode(dev, mode, privileged),
          `${name} cannot go from ${iommu.modeOf(dev)} to ${mode}`,
        ),
    }),
    method({
      name: "claim",
      parameters: [param.handle("device", DEVICE, "Any device of the group.")],
      doc:
        "Takes the device's IOMMU group for a user, as VFIO does when a program opens it: all its " +
        "devices leave their default domain and reach nothing. EPERM while the driver of any of them " +
        "is bound.",
      example: `machine {
  iommu { mode = strict }
  pci {
    root_port rp0 { nvme ssd { driver = none } }
    root_port rp1 { endpoint nic { } }
  }
}
iommu.claim(ssd)
ssd.dma_read(0x1000 as dma, 4B) faults not_present
iommu.release(ssd)
iommu.claim(nic) fails EPERM`,
      raises: ["EPERM", "ENODEV"],
      run: (_run, { iommu }, [{ dma: dev, name }]) =>
        raiseErrno(iommu.groups.claim(dev), `the group of ${name} is not free`),
    }),
    method({
      name: "release",
      parameters: [param.handle("device", DEVICE, "Any device of the group.")],
      doc:
        "Ends what claim() began: the group is on its default domain again, with the mappings in it.",
      example: `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { driver = none } } }
}
iommu.claim(ssd)
iommu.release(ssd)`,
      run: (_run, { iommu }, [{ dma }]) => iommu.groups.release(dma),
    }),
    method({
      name: "space",
      pure: true,
      parameters: [param.handle("device", DEVICE, "Whose addresses.")],
      result: IOVA_SPACE,
      doc:
        "The IOVA space of a translated device: ranges that are allocated, in rcaches, free. A " +
        "device whose group a user owns has none: the user chooses its addresses.",
      example: `${TRANSLATED_MACHINE}let space = iommu.space(ssd)
let before = space.cached
let m = dma_map_phys(ssd, alloc_pages(2), 8KiB, to_device)
dma_unmap_phys(ssd, m, 8KiB, to_device)
assert space.cached == before + 1, "a freed range stays in an rcache"`,
      run(_run, _machine, [device]) {
        const translated = translationOf(device, "IOVA space");
        if (!translated.domain.isUsers) return translated;
        throw new ValueError(
          `A user owns the IOMMU group of ${device.name}: the kernel allocates no IOVAs for it`,
          "`show` of its container has what is mapped, VFIO_IOMMU_GET_INFO what may be, and " +
            `iommu.page_table(${device.name}) the entries`,
        );
      },
    }),
  ],
  format: (machine) =>
    `iommu ${machine.iommu.mode}, ${formatCount(machine.iommu.liveMappings, "live mapping")}`,
  show: iommuLines,
  explain: iommuStory,
};

function translationOf({ dma, name }: DeviceBase, what: string): TranslatedDevice {
  if (isTranslated(dma)) return dma;
  throw new ValueError(
    `${name} is not translated: it has no ${what}`,
    "`iommu { mode = strict }` or lazy translates devices",
  );
}

function iommuLines(machine: Machine): string[] {
  const { iommu, config } = machine;
  const facts = [
    `granule ${formatSize(iommu.granuleBytes)}`,
    `${config.iommu.addressBits} address bits`,
    `IOTLB ${iommu.iotlb.used} of ${formatCount(config.iommu.iotlbEntries, "entry", "entries")}`,
  ];
  const lines = [
    spread(`iommu ${config.iommu.model} ${iommu.mode}`, facts.join(", ")),
    "─".repeat(PICTURE_COLUMNS),
  ];
  const { userDomains } = iommu.groups;
  if (iommu.domains.length + userDomains.size === 0) {
    return [...lines, "  no device is translated: devices see physical addresses"];
  }
  for (const domain of userDomains) {
    const users = domain.members.map(({ name }) => name).join(", ");
    const mappedBytes = mappedRuns(domain).reduce((sum, run) => sum + run.sizeBytes, 0);
    lines.push(spread(
      `${users}   domain of a user`,
      `${formatSize(mappedBytes)} mapped, ${formatCount(domain.table.tables, "table page")}`,
    ));
  }
  for (const domain of iommu.domains) {
    const mappedBytes = mappedRuns(domain).reduce((sum, run) => sum + run.sizeBytes, 0);
    lines.push(
      spread(
        `${domain.members.map(({ name }) => name).join(", ")}   ${
          domain.lazy ? "lazy" : "strict"
        }, ${
          formatCount(domain.members.reduce((sum, dev) => sum + dev.mappings, 0), "live mapping")
        }`,
        `${formatSize(mappedBytes)} mapped, ${formatCount(domain.table.tables, "table page")}`,
      ),
      ...spaceBody(domain, DISPLAYED_RANGES),
    );
    if (domain.flushQueue !== null) addAll(lines, flushLines(domain.flushQueue));
  }
  addAll(lines, reservedLines(iommu.domains[0]?.reserved ?? []));
  if (iommu.faults.length > 0) lines.push(`  ${formatCount(iommu.faults.length, "fault")} so far`);
  return lines;
}

function flushLines(queue: FlushQueue): string[] {
  const { pending } = queue;
  if (pending === 0) return ["  no range waits for a flush"];
  const rings = Array.from({ length: queue.rings }, (_, ring) => queue.pendingIn(ring));
  const busy = rings.flatMap((count, ring) => count === 0 ? [] : [`cpu ${ring} ${count}`]);
  const each = rings.length === 1 ? "" : ` (${busy.join(", ")})`;
  const text = `${pending} ${pending === 1 ? "waits" : "wait"} for a flush${each}: ` +
    `at ${formatDuration(queue.timerAtNs)}, or when a queue gets its ${queue.entries}th`;
  return wrapText(text, PICTURE_COLUMNS - 4).map((line, index) =>
    `${index === 0 ? "  " : "    "}${line}`
  );
}
