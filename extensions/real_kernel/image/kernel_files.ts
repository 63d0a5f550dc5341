/**
 * Finds a kernel's image and the modules that a boot needs: in a package, in a folder, or as a file
 * with a folder of modules. These files belong to the user; dmalab keeps only a copy in the user's
 * cache.
 */
import {
  hashOf,
  host,
  hostReason,
  isHostError,
  keepBytes,
  keepFile,
  keptFile,
  keptValue,
  makeNamedFolder,
  readHostBytes,
  withTempFolder,
} from "@dmalab/cli";
import { printable } from "@dmalab/lang/diagnostics";
import { pipePrograms } from "../programs.ts";
import { IOMMU_FOLDERS, IOMMU_MODULES } from "../machine/qemu_machine.ts";
import type { GuestArchitecture } from "../machine/architectures.ts";
import { readBootImage } from "./boot_image.ts";
import { moduleName, moduleNeeds } from "./module_file.ts";
import { uncompressedImage } from "./uncompressed_image.ts";
import { unpack } from "./unpacking.ts";
import { Buffer } from "node:buffer";

/** A module, decompressed. */
export interface ModuleFile {
  /** The module's name, with underscores. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A kernel's files, as far as a boot needs them. */
export interface KernelFiles {
  /** The release, such as `6.12.117+deb13-amd64`. */
  readonly release: string;
  readonly architecture: GuestArchitecture;
  readonly image: KernelImage;
  /** Modules in the order in which they are loaded; empty if the drivers are built in. */
  readonly modules: readonly ModuleFile[];
}

/**
 * The kernel that QEMU starts: the path of a file in the cache, or the kernel's bytes if the file
 * could not be stored.
 */
export type KernelImage = string | Uint8Array<ArrayBuffer>;

export type KernelFilesResult = KernelFiles | { readonly problem: string };

/** Modules that a boot loads. */
export interface WantedModules {
  /**
   * Names, with underscores, of drivers and of modules that the drivers request at run time; each is
   * loaded, after its dependencies, if the kernel has it.
   */
  readonly names: readonly string[];
  /** Folders of a kernel's modules that contain the modules and their dependencies. */
  readonly folders: readonly string[];
}

/** Folders with modules on which drivers of disks depend. */
export const COMMON_FOLDERS: readonly string[] = ["lib", "crypto", "block", "arch"];

const NVME_MODULES: WantedModules = {
  names: [...IOMMU_MODULES, "crct10dif_generic", "crc64_rocksoft_generic", "nvme"],
  folders: ["drivers/nvme", ...IOMMU_FOLDERS, ...COMMON_FOLDERS],
};
const MAX_IMAGE_BYTES = 2 ** 28;
const MAX_MODULE_BYTES = 2 ** 26;
const MAX_PACKAGE_BYTES = 2 ** 31;
/** Limit of an unpacked package. Packages of distributions have some 500 MiB. */
const MAX_UNPACKED_BYTES = 2 ** 32;
const CACHE_FOLDER = "kernel";
const MAX_DEPTH = 12;
/** Names of kernel images. Debian's image for riscv64 is called `vmlinux-RELEASE`, and is no ELF file. */
const IMAGE_NAME = /^(?:vmlinuz|bzImage|vmlinux-.*-riscv64$)/;

/**
 * Reads a kernel.
 *
 * @param kernel An image, a Debian package, or a folder that contains one of them.
 * @param modules Further packages or folders with modules.
 * @param wanted The modules to read.
 */
export async function readKernelFiles(
  kernel: string,
  modules: readonly string[],
  wanted: WantedModules = NVME_MODULES,
): Promise<KernelFilesResult> {
  try {
    const key = await cacheKey([kernel, ...modules], wanted);
    const kept = key === null ? null : await keptKernel(key);
    if (kept !== null) return kept;
    const found = await withTempFolder(async (folder) => {
      const roots: string[] = [];
      const packages = new Map<string, string>();
      for (const [index, path] of [kernel, ...modules].entries()) {
        if (!path.endsWith(".deb")) {
          roots.push(path);
          continue;
        }
        const problem = await unpackPackage(path, `${folder}/${index}`, wanted);
        if (problem !== null) return { problem };
        roots.push(`${folder}/${index}`);
        packages.set(`${folder}/${index}`, path);
      }
      const result = await findIn(roots, kernel, wanted);
      return "problem" in result ? { problem: withinPackages(result.problem, packages) } : result;
    }, true);
    if ("problem" in found) return found;
    const { hash, image, ...rest } = found;
    if (key !== null) await keepBytes(CACHE_FOLDER, key, pack(rest, hash));
    return { ...rest, image: await startedImage(image, hash, rest.architecture) };
  } catch (error) {
    if (!isHostError(error)) throw error;
    return { problem: `"${printable(kernel)}" cannot be read: ${hostReason(error)}` };
  }
}

/**
 * Replaces temporary folders in a message by the names of the packages that were unpacked there.
 * @param packages Paths of packages, by the folders into which they were unpacked.
 */
function withinPackages(problem: string, packages: ReadonlyMap<string, string>): string {
  let text = problem;
  for (const [folder, path] of packages) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    text = text.replaceAll(printable(`${folder}/`), `${printable(name)}: `);
  }
  return text;
}

/**
 * The cache key of a kernel. It is made from the sizes and times of the files, so that a package
 * need not be read. Null if one of the paths is a folder.
 */
async function cacheKey(
  paths: readonly string[],
  { names }: WantedModules,
): Promise<string | null> {
  const parts: unknown[] = ["modules, architecture and the hash of an image", names];
  for (const path of paths) {
    const { isFile, mtime, size } = host.statSync(path);
    // A folder's time does not change when a file in it changes.
    if (!isFile) return null;
    parts.push([host.realPathSync(path), size, mtime?.getTime() ?? 0]);
  }
  return await hashOf(new TextEncoder().encode(JSON.stringify(parts)));
}

async function unpackPackage(
  path: string,
  folder: string,
  { folders }: WantedModules,
): Promise<string | null> {
  if (host.statSync(path).size > MAX_PACKAGE_BYTES) return `"${printable(path)}" is too large`;
  makeNamedFolder(folder);
  const patterns = ["*/vmlinuz*", "*/vmlinux-*", ...folders.map((name) => `*/kernel/${name}/*`)];
  const options = ["-x", "-C", folder, "--no-same-owner", "--no-same-permissions", "--wildcards"];
  const unpacked = await pipePrograms(
    ["dpkg-deb", ["--fsys-tarfile", path]],
    ["tar", [...options, ...patterns]],
    MAX_UNPACKED_BYTES,
  );
  if ("problem" in unpacked) return unpacked.problem;
  // tar reports an error if the package lacks some of the folders; that is ignored.
  return unpacked.code === 0
    ? null
    : `"${printable(path)}" is no Debian package: ${printable(lastLine(unpacked.stderr))}`;
}

/** Collects the module and image files below a folder, by name. */
function filesBelow(
  folder: string,
  depth: number,
  wanted: WantedModules,
  found: Map<string, string>,
): void {
  if (depth > MAX_DEPTH) return;
  for (const { isDirectory, isFile, name } of host.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory && isWanted(path, wanted)) filesBelow(path, depth + 1, wanted, found);
    if (isFile && /\.ko(?:\.(?:xz|zst|gz))?$/.test(name)) {
      found.set(moduleName(name.replace(/\.ko.*$/, "")), path);
    } else if (isFile && IMAGE_NAME.test(name)) found.set(`image ${path}`, path);
  }
}

/**
 * Whether a folder is searched. In the `kernel/` part of a folder of modules, only those folders
 * are searched that may contain modules for a boot.
 */
function isWanted(path: string, { folders }: WantedModules): boolean {
  const [, below] = /\/kernel\/(.*)$/.exec(path) ?? [];
  if (below === undefined) return !/\/(?:proc|sys|dev|run)$/.test(path);
  return folders.some((name) => `${below}/`.startsWith(`${name}/`) || name.startsWith(`${below}/`));
}

interface FoundKernel extends Omit<KernelFiles, "image"> {
  /** The image as it is in the package, compressed. */
  readonly image: Uint8Array<ArrayBuffer>;
  /** Hash of the image. */
  readonly hash: string;
}

async function findIn(
  roots: readonly string[],
  kernel: string,
  wanted: WantedModules,
): Promise<FoundKernel | { readonly problem: string }> {
  const found = new Map<string, string>();
  const images: string[] = [];
  for (const root of roots) {
    if (host.statSync(root).isFile) images.push(root);
    else filesBelow(root, 0, wanted, found);
  }
  for (const [name, path] of found) if (name.startsWith("image ")) images.push(path);
  if (images.length === 0) {
    return { problem: `There is no kernel image (vmlinuz) in "${printable(kernel)}"` };
  }
  if (images.length > 1) {
    const names = images.map((path) => `"${printable(path)}"`).join(", ");
    return { problem: `There are several kernel images: name one of ${names}` };
  }
  const image = readHostBytes(images[0]!, { mostBytes: MAX_IMAGE_BYTES });
  if (!image.found) return { problem: image.problem };
  const header = readBootImage(image.bytes);
  if (header.kind === "wrong") return { problem: `"${printable(images[0]!)}": ${header.problem}` };
  const modules = await modulesOf(found, header.release, wanted);
  if ("problem" in modules) return modules;
  return {
    release: header.release,
    architecture: header.kind,
    image: image.bytes,
    hash: await hashOf(image.bytes),
    modules: modules.list,
  };
}

/** A driver that a boot needs: a module, or a part of the kernel. */
export interface NeededDriver {
  /** What it drives, as users call it. */
  readonly device: string;
  /** The module, with underscores. */
  readonly module: string;
  /** Begin of the names of its parameters in a kernel into which it is built. */
  readonly parameters: string;
}

export const NVME_DRIVER: NeededDriver = {
  device: "NVMe",
  module: "nvme",
  parameters: "nvme_core.",
};
const ELF_MAGIC = "\x7fELF";

/** The problem of a kernel without a driver. */
export function noDriver({ device }: NeededDriver): string {
  return `The kernel has no ${device} driver of its own: name its modules with \`--modules\``;
}

/**
 * Why a kernel has no device to be asked, before it is booted: it has no module of the driver, and none is
 * built in.
 *
 * @returns Null for a kernel with the driver, and for one whose compression is not known.
 */
export function driverProblem(
  { architecture, image, modules }: KernelFiles,
  driver: NeededDriver = NVME_DRIVER,
): string | null {
  if (modules.some(({ name }) => name === driver.module)) return null;
  const file = typeof image === "string"
    ? readHostBytes(image, { mostBytes: MAX_IMAGE_BYTES })
    : null;
  if (file?.found === false) return null;
  const bytes = Buffer.from(file?.bytes ?? image as Uint8Array<ArrayBuffer>);
  const isKnown = architecture !== "x86_64" ||
    bytes.subarray(0, ELF_MAGIC.length).equals(Buffer.from(ELF_MAGIC));
  return isKnown && !bytes.includes(driver.parameters) ? noDriver(driver) : null;
}

/** The file that QEMU starts. It is made once for each kernel image, and stored in the cache. */
async function startedImage(
  image: Uint8Array<ArrayBuffer>,
  hash: string,
  architecture: GuestArchitecture,
): Promise<KernelImage> {
  const kept = keptImage(hash);
  if (kept !== null) return kept;
  const started = (architecture === "x86_64" ? await uncompressedImage(image) : null) ?? image;
  keepFile(CACHE_FOLDER, imageKey(hash), started);
  return keptImage(hash) ?? started;
}

function keptImage(hash: string): string | null {
  return keptFile(CACHE_FOLDER, imageKey(hash));
}

function imageKey(hash: string): string {
  return `image-${hash}`;
}

/** Modules with their dependencies, each after the modules that it needs. */
async function modulesOf(
  found: ReadonlyMap<string, string>,
  release: string,
  { names }: WantedModules,
): Promise<{ readonly list: readonly ModuleFile[] } | { readonly problem: string }> {
  const list: ModuleFile[] = [];
  const seen = new Set<string>();
  const load = async (name: string): Promise<string | null> => {
    const path = found.get(name);
    if (path === undefined || seen.has(name)) return null;
    seen.add(name);
    if (!path.includes(`/${release}/`) && /\/modules\/[^/]+\//.test(path)) {
      const [, other] = /\/modules\/([^/]+)\//.exec(path)!;
      return `The modules are those of ${other}, and the kernel is ${release}`;
    }
    const bytes = await decompressed(path);
    if (typeof bytes === "string") return bytes;
    for (const needed of moduleNeeds(bytes).depends) {
      const problem = await load(needed);
      if (problem !== null) return problem;
    }
    list.push({ name, bytes });
    return null;
  };
  for (const name of names) {
    const problem = await load(name);
    if (problem !== null) return { problem };
  }
  return { list };
}

async function decompressed(path: string): Promise<Uint8Array<ArrayBuffer> | string> {
  const file = readHostBytes(path, { mostBytes: MAX_MODULE_BYTES });
  if (!file.found) return file.problem;
  const ending = path.slice(path.lastIndexOf(".") + 1);
  if (!Object.hasOwn(COMPRESSIONS, ending)) return file.bytes;
  const compression = COMPRESSIONS[ending as keyof typeof COMPRESSIONS];
  const unpacked = await unpack(file.bytes, compression, MAX_MODULE_BYTES);
  return "problem" in unpacked ? `"${printable(path)}" ${unpacked.problem}` : unpacked;
}

/** How modules are compressed, by the ending of their names. */
const COMPRESSIONS = { gz: "gzip", xz: "xz", zst: "zstd" } as const;

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

interface PackHead {
  readonly release: string;
  readonly architecture: GuestArchitecture;
  /** Hash of the image; the image itself is stored in a separate file. */
  readonly image: string;
  readonly modules: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/** Packs a kernel for the cache: one line that lists the parts, then the modules' bytes. */
function pack(
  { architecture, modules, release }: Omit<KernelFiles, "image">,
  image: string,
): Uint8Array<ArrayBuffer> {
  const head: PackHead = {
    release,
    architecture,
    image,
    modules: modules.map(({ bytes, name }) => ({ name, sizeBytes: bytes.length })),
  };
  const parts = [
    new TextEncoder().encode(`${JSON.stringify(head)}\n`),
    ...modules.map(({ bytes }) => bytes),
  ];
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Reads a kernel from the cache; null if the kernel or its image is missing. */
async function keptKernel(key: string): Promise<KernelFiles | null> {
  return await keptValue(CACHE_FOLDER, key, unpacked);
}

/** Reverses `pack`; null if the kernel's image is missing. @throws {Error} If the bytes are something else. */
function unpacked(bytes: Uint8Array<ArrayBuffer>): KernelFiles | null {
  const end = bytes.indexOf(0x0a);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as PackHead;
  const image = keptImage(head.image);
  if (image === null) return null;
  let offset = end + 1;
  const modules = head.modules.map(({ name, sizeBytes }) => {
    offset += sizeBytes;
    return { name, bytes: bytes.subarray(offset - sizeBytes, offset) };
  });
  if (typeof head.release !== "string" || offset !== bytes.length) {
    throw new TypeError("this is no packed kernel");
  }
  return { release: head.release, architecture: head.architecture, image, modules };
}
