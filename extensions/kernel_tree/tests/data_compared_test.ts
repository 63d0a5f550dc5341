/**
 * Each shipped scenario for a tree compares the data that it moves, or is in the list below with the reason why it
 * does not.
 */
import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { ROOT } from "@dmalab/tests";

const FOLDERS = ["extensions/kernel_tree/drivers", "extensions/c_drivers/drivers/nvme/tree"];

/** Data in an assertion: bytes, data that a device has read or stored, a checksum. */
const DATA = /\.dma_read\(|\bbytes\b|\bcrc32\(|_byte\(|\bpacket\(|\bto == from\b|\.media\(/;

/**
 * Whether a text asserts that data are equal. Assertions in a device's handlers count, too, because
 * they also fail the test.
 */
function comparesData(text: string): boolean {
  return [...text.matchAll(/\bassert\b.*/g)].some(([each]) =>
    each.includes("==") && DATA.test(each)
  );
}

const REASONS: Readonly<Record<string, string>> = {
  "auxiliary.dma": "devices are made and released: nothing is moved",
  "disks.dma": "disks and requests without data: nothing is moved",
  "nic/mvneta.dma": "it probes and is removed: nothing is moved",
  "spi_qcom_qspi.dma": "it probes and is removed: nothing is moved",
  "nodes.dma": "nodes and a character device: nothing is moved",
  "pages.dma": "pages are allocated and freed: nothing is moved",
  "packet_queue.dma": "numbers in packets are compared by its C: nothing is moved",
  "queues.dma": "work runs or waits: nothing is moved",
  "helpers.dma": "texts and addresses are compared: nothing is moved",
  "vtd/vtd.dma": "widths and invalidations are compared: nothing is moved",
  "page_pool/page_pool.dma":
    "the pool hands out pages and reads none: addresses and live mappings are compared",
  "page_pool/page_pool_6_12.dma": "the write of the device is to be refused: nothing is moved",
  "two_step/drm_pagemap.dma":
    "its C compares each page with what the device wrote, and returns -EIO",
  "two_step/dma_buf_random.dma":
    "entries and mapping calls are compared with the model's: nothing is moved",
  "two_step/mlx5_vfio.dma":
    "the page behind each address is compared: the driver reads no byte of it",
};

/** Paths of the scenarios that compile a driver with a tree, from the project's folder. */
function scenarios(): readonly string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const { isDirectory, name } of Deno.readDirSync(join(ROOT, folder))) {
      const path = `${folder}/${name}`;
      if (isDirectory) walk(path);
      else if (name.endsWith(".dma") && /^\s*tree = "/m.test(read(path))) found.push(path);
      else if (name.endsWith(".dma") && /\{ tree = "/.test(read(path))) found.push(path);
    }
  };
  FOLDERS.forEach(walk);
  return found.toSorted();
}

function read(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

/** The text of a scenario and of the files that it uses, without comments. */
function textOf(path: string): string {
  const text = read(path).replace(/#.*$/gm, "");
  const used = [...text.matchAll(/^use "(.*)"$/gm)].map(([, name]) => join(dirname(path), name!));
  return [text, ...used.map(textOf)].join("\n");
}

/**
 * Whether a scenario compares data. Functions of files that the scenario uses count only if the
 * scenario calls them.
 */
function compares(path: string): boolean {
  const own = read(path).replace(/#.*$/gm, "");
  if (comparesData(own)) return true;
  const functions = textOf(path).split(/^(?=fn )/m).filter((part) => part.startsWith("fn "));
  return functions.some((body) => {
    const [, name] = /^fn (\w+)/.exec(body)!;
    return comparesData(body) && own.includes(`${name}(`);
  });
}

Deno.test("each shipped scenario for a tree compares the data that it moves, or has a reason", () => {
  const found = scenarios();
  assert(found.length >= 28, String(found.length));
  const without = found.filter((path) => !compares(path))
    .map((path) => path.replace(`${FOLDERS[0]}/`, ""));
  assertEquals(without, Object.keys(REASONS).toSorted());
});

Deno.test("an assertion compares data where two sides of it are bytes, and not where something is moved", () => {
  const rows: readonly (readonly [text: string, compares: boolean])[] = [
    ["assert nic.dma_read(at, 4KiB) == buffer(size: 4KiB, fill: 0x20).bytes", true],
    ["if copies(from, to) { assert to == from }", true],
    ["assert crc32(data) == readl(ep.bar.at + 32B)", true],
    ["assert sent == [packet(60), packet(1400)]", true],
    ["assert buf == ssd.media(lba: lba, bytes: buf.size)", true],
    ['assert nic.dma_write(at, bytes"66")', false],
    ["assert d.probe(nic) == 0", false],
    ["assert d.net_received() == 2", false],
    ["nic.dma_write(at, bytes) == 1", false],
    ["print to == from", false],
  ];
  for (const [text, expected] of rows) assertEquals(comparesData(text), expected, text);
});
