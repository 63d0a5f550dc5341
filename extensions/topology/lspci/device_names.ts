/**
 * Numbers of vendors and devices by their names, for listings without numbers (`lspci`, `lspci
 * -tv`). The table contains the vendors of root complexes, emulated devices that identify the CPU,
 * and the root devices in the kernel's list of host bridges.
 *
 * @see The PCI ID database of 2026-10-24
 * @see rules/p2p.md 9.4, "Host-bridge check"
 */

/** Names of vendors, each followed by a blank. */
const VENDORS: readonly (readonly [name: string, vendor: number])[] = [
  ["Advanced Micro Devices, Inc. [AMD] ", 0x1022],
  ["Ampere Computing, LLC ", 0x1def],
  ["Annapurna Labs Ltd. ", 0x1c36],
  ["ARM ", 0x13b5],
  ["Broadcom Inc. and subsidiaries ", 0x14e4],
  ["Cavium, Inc. ", 0x177d],
  ["Chengdu Haiguang IC Design Co., Ltd. ", 0x1d94],
  ["Google, Inc. ", 0x1ae0],
  ["Huawei Technologies Co., Ltd. ", 0x19e5],
  ["IBM ", 0x1014],
  ["InnoTek Systemberatung GmbH ", 0x80ee],
  ["Intel Corporation ", 0x8086],
  ["Marvell Technology Group Ltd. ", 0x11ab],
  ["Microsoft Corporation ", 0x1414],
  ["NVIDIA Corporation ", 0x10de],
  ["Phytium Technology Co., Ltd. ", 0x1db7],
  ["Qualcomm Technologies, Inc ", 0x17cb],
  ["Qualcomm ", 0x17cb],
  ["Red Hat, Inc. QEMU ", 0x1b36],
  ["Red Hat, Inc. Virtio ", 0x1af4],
  ["Red Hat, Inc. ", 0x1b36],
  ["Rockchip Electronics Co., Ltd ", 0x1d87],
  ["VMware ", 0x15ad],
];

const INTEL = 0x8086;
/** Devices of Intel by names that belong to a single device in the database. */
const INTEL_DEVICES: ReadonlyMap<string, number> = new Map([
  ["Sky Lake-E DMI3 Registers", 0x2020],
  ["Sky Lake-E PCI Express Root Port A", 0x2030],
  ["Sky Lake-E PCI Express Root Port B", 0x2031],
  ["Sky Lake-E PCI Express Root Port C", 0x2032],
  ["Sky Lake-E PCI Express Root Port D", 0x2033],
  ["Xeon E7 v3/Xeon E5 v3/Core i7 DMI2", 0x2f00],
  ["Xeon E7 v3/Xeon E5 v3/Core i7 PCI Express Root Port 0", 0x2f01],
  ["Xeon E5/Core i7 DMI2", 0x3c00],
  ["Xeon E5/Core i7 DMI2 in PCI Express Mode", 0x3c01],
]);
/** `lspci` writes this for a device without a name in the database. */
const UNNAMED = /^Device ([0-9a-f]{4})$/i;

/** The numbers for a name such as `Intel Corporation Sky Lake-E DMI3 Registers`; null if the vendor is unknown. */
export function idsByName(
  name: string,
): { readonly vendor: number; readonly device: number | null } | null {
  const found = VENDORS.find(([prefix]) => name.startsWith(prefix));
  if (found === undefined) return null;
  const [prefix, vendor] = found;
  const product = name.slice(prefix.length);
  const digits = UNNAMED.exec(product)?.[1];
  if (digits !== undefined) return { vendor, device: parseInt(digits, 16) };
  return { vendor, device: vendor === INTEL ? INTEL_DEVICES.get(product) ?? null : null };
}
