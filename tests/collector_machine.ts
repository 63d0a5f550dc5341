/** A machine with a folder as its tracer, for examples/traces/data/collect-trace.sh. */
import { join } from "node:path";
import { ROOT } from "./source_text.ts";

export const SCRIPT = join(ROOT, "examples/traces/data/collect-trace.sh");
const FEW_CPUS = 2;
const OVERRUN = 7;

/** Commands that start a shell: all installed ones, each program once. */
export function shells(): string[][] {
  const known = [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"], ["ash"], ["mksh"]];
  const found = new Map<string, string[]>();
  for (const [command, ...options] of known) {
    const which = new Deno.Command("sh", {
      args: ["-c", `readlink -f "$(command -v ${command})"`],
    });
    const path = new TextDecoder().decode(which.outputSync().stdout).trim();
    if (path !== "" && !found.has(path)) found.set(path, [command!, ...options]);
  }
  return [...found.values()];
}

/** Private data of a machine's owners, which `dmalab trace` does not need. */
export const SECRETS = [
  "db7-finance",
  "corp.example",
  "alice",
  "bob",
  "payroll",
  "3c:ec:ef:12:34:56",
  "10.9.8.7",
  "S64DNF0R912345",
  "5f1c8f5e-0f5c-4b5e-9d3a-6b1de8c0a111",
  "acme-internal",
  "ci-17",
  "veeamagent",
  "raid-secret",
  "b8-ce-f6-ff-ff-12-34-56",
  "MT2122X12345",
  "Contoso",
  "rack12-u7",
  "vg-books",
  "YubiKey",
  "0012345AB",
  "R750",
  "filer3",
  "HomeNet5G",
  "3fb2c1d9e8a7",
  "luks-volume",
  "SAMSUNG-PM9A3",
  "cryptkey",
  "licence-4711",
  "fd00::9",
  "mailto",
] as const;

const LOG = [
  "[    0.000000] Linux version 7.2.13-acme-internal (bob@ci-17) (gcc 14) #1 SMP",
  "[    0.000000] Kernel command line: BOOT_IMAGE=/boot/payroll root=UUID=5f1c8f5e-0f5c-4b5e-9d3a-6b1de8c0a111 swiotlb=65536 intel_iommu=on,sm_on cryptdevice=cryptkey",
  "[    0.100000] DMI: Contoso PowerBox/R750, BIOS 1.2 serial 0012345AB",
  "[    0.200000] DMAR: IOMMU enabled",
  "[    1.000000] systemd[1]: Hostname set to <db7-finance.corp.example>.",
  "[    1.100000] nvme nvme0: SAMSUNG-PM9A3 serial S64DNF0R912345",
  "[    1.200000] mlx5_core 0000:00:05.0 eth0: MAC 3c:ec:ef:12:34:56",
  "[    1.300000] usb 1-1: Product: YubiKey of alice",
  "[    1.400000] EXT4-fs (dm-3): mounted filesystem vg-books on /srv/payroll",
  '[    1.500000] audit: type=1100 acct="alice" addr=10.9.8.7 exe="/usr/sbin/sshd"',
  "[    1.600000] nfs: server filer3.corp.example not responding",
  "[    1.700000] wlan0: associated with HomeNet5G",
  "[    1.800000] docker0: container 3fb2c1d9e8a7 entered, IPv6 fd00::9",
  "[    1.900000] device-mapper: luks-volume opened, mailto:bob@corp.example licence-4711",
  "[    2.000000] WARNING: CPU: 3 PID: 77 at drivers/iommu/dma-iommu.c:1100 iommu_dma_unmap_phys+0x10",
  "[    2.000001] CPU: 3 PID: 77 Comm: veeamagent Tainted: G",
  "[    2.000002] Hardware name: Contoso R750/0ABC12",
  "[    2.100000] nvme nvme0: I/O tag 12 (100c) opcode 0x1 (I/O Cmd) QID 3 timeout, aborting req_op:WRITE(1) size:4096",
];

const LSPCI = [
  "0000:00:05.0 Ethernet controller [0200]: Mellanox Technologies MT27800 [15b3:1017]",
  "\tSubsystem: Contoso SecretNIC [1234:5678]",
  "\tPhysical Slot: rack12-u7",
  "\tControl: I/O- Mem+ BusMaster+",
  "\tIOMMU group: 4",
  "\tCapabilities: [60] Express (v2) Endpoint, MSI 00",
  "\tCapabilities: [48] Vital Product Data",
  "\t\t\t[SN] Serial number: MT2122X12345",
  "\tCapabilities: [1b0 v1] Device Serial Number b8-ce-f6-ff-ff-12-34-56",
  "\tKernel driver in use: mlx5_core",
];

/** The text of a trace. The collector keeps the lines about mappings, whichever task they name. */
export const TRACE = [
  "# entries-in-buffer/entries-written: 6/6   #P:256",
  "         payroll-77      [003] .....     3.000000: dma_map_phys: 0000:00:05.0 dir=TO_DEVICE dma_addr=fffff000 size=64 phys_addr=1000 attrs=",
  "  kworker/u8:2-raid-secret-9 (      9) [000] .....  3.000001: map: IOMMU: iova=0x00000000ffffe000 - 0x00000000fffff000 paddr=0x0000000000002000 size=4096",
  "    veeamagent [1]-80 [001] .....   3.000002: block_rq_issue: 259,0 WS 4096 () 8 + 8 be,0,4 [veeamagent]",
  "          <idle>-0       [000] d.h1.     3.000003: block_rq_complete: 259,0 WS () 8 + 8 be,0,4 [0]",
  "           alice-81      [001] .....     3.000004: sched_switch: prev_comm=bob next_comm=alice",
];

const uid = (number: number) => `id() { echo ${number}; }`;

export interface Machine {
  readonly folder: string;
  readonly tracing: string;
  /**
   * Shell functions that replace programs. They are functions because busybox would run its own
   * programs.
   */
  readonly functions: string;
  readonly env: Readonly<Record<string, string>>;
}

/** @param user The number of the machine's user. */
export function machine(user: number, cpus = FEW_CPUS): Machine {
  const folder = Deno.makeTempDirSync();
  const tracing = join(folder, "tracing");
  const fresh = join(folder, "fresh");
  for (let cpu = 0; cpu < cpus; cpu++) {
    Deno.mkdirSync(join(fresh, `per_cpu/cpu${cpu}`), { recursive: true });
    const stats = `entries: 12\noverrun: ${cpu % 2 === 0 ? OVERRUN : 0}\n`;
    Deno.writeTextFileSync(join(fresh, `per_cpu/cpu${cpu}/stats`), stats);
  }
  for (const system of ["dma", "iommu", "swiotlb"]) {
    Deno.mkdirSync(join(fresh, "events", system), { recursive: true });
  }
  Deno.writeTextFileSync(join(fresh, "trace"), `${TRACE.join("\n")}\n`);
  Deno.mkdirSync(join(tracing, "instances"), { recursive: true });
  for (const [name, text] of Object.entries(SETTINGS)) {
    Deno.writeTextFileSync(join(tracing, name), text);
  }
  const sys = join(folder, "sys");
  for (const disk of ["nvme0n1", "payroll"]) {
    Deno.mkdirSync(join(sys, "block", disk, "queue"), { recursive: true });
    Deno.writeTextFileSync(join(sys, "block", disk, "queue/max_segments"), "128 licence-4711\n");
  }
  const group = join(sys, "kernel/iommu_groups/4");
  Deno.mkdirSync(join(group, "devices/0000:00:05.0"), { recursive: true });
  Deno.writeTextFileSync(join(group, "type"), "DMA-FQ\n");
  const kmsg = join(folder, "kmsg");
  Deno.writeTextFileSync(kmsg, "");
  const print = (lines: readonly string[]) => `cat <<'END'\n${lines.join("\n")}\nEND\n`;
  const functions = [
    uid(user),
    `dmesg() {\n${print(LOG)}cat "${kmsg}"\n}`,
    `lspci() {\n${print(LSPCI)}}`,
    "uname() { case $1 in -n) echo db7-finance.corp.example ;; -r) echo 7.2.13-acme-internal ;; *) echo Linux x86_64 ;; esac; }",
    // As in the kernel, a new trace instance has its files at once, and they disappear together
    // with the instance.
    `mkdir() { command mkdir "$@" && case $1 in */instances/*) cp -r "${fresh}/." "$1" ;; esac; }`,
    'rmdir() { case $1 in */instances/*) rm -r "$1" ;; *) command rmdir "$@" ;; esac; }',
  ];
  const env = { DMALAB_TRACING: tracing, DMALAB_KMSG: kmsg, DMALAB_SYS: sys };
  return { folder, tracing, functions: functions.join("\n"), env };
}

/** The contents of the tracer's own files, which must be the same before and after a collection. */
const SETTINGS: Readonly<Record<string, string>> = {
  tracing_on: "1\n",
  current_tracer: "function\n",
  trace_clock: "local [global] counter uptime perf mono mono_raw boot\n",
  buffer_size_kb: "7 (expanded: 1408)\n",
  set_event: "sched:sched_switch\nirq:irq_handler_entry\n",
  trace: "# tracer: nop\n",
};

/** Names of the tracer's own files that have changed, and of instances that remain. */
export function changedSettings({ tracing }: Machine): string[] {
  return [
    ...Object.entries(SETTINGS).flatMap(([name, text]) =>
      Deno.readTextFileSync(join(tracing, name)) === text ? [] : [name]
    ),
    ...[...Deno.readDirSync(join(tracing, "instances"))].map(({ name }) => `instances/${name}`),
  ];
}

/** @param script The collector's script, or another text in its place. */
export function collector(
  shell: readonly string[],
  { env, folder, functions }: Machine,
  args: readonly string[],
  script = SCRIPT,
): Deno.Command {
  const [command, ...options] = shell;
  return new Deno.Command(command!, {
    args: [...options, "-c", `${functions}\n. "${script}"`, "collect-trace", ...args],
    cwd: folder,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Every file that was packed or left behind, by its name. */
export function collected({ folder }: Machine): Record<string, string> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const left = names.find((name) => /^dmalab-trace\.\w{6}$/.test(name));
  const into = join(folder, left ?? "unpacked");
  if (left === undefined) {
    if (!names.includes("dmalab-trace.tar")) return {};
    Deno.mkdirSync(into);
    const args = ["-C", into, "-xf", join(folder, "dmalab-trace.tar")];
    new Deno.Command("tar", { args }).outputSync();
  }
  return Object.fromEntries(
    [...Deno.readDirSync(into)].map(({ name }) => [
      name,
      Deno.readTextFileSync(join(into, name)),
    ]),
  );
}

/** Number of events that were overwritten, on a machine with this many CPUs. */
export function overrunOf(cpus: number): number {
  return cpus / 2 * OVERRUN;
}
