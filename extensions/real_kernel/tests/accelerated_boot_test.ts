import { assertEquals } from "@std/assert";
import { acceleratedBoot } from "../boot/accelerated_boot.ts";
import type { Accelerator } from "../boot/boot_guest.ts";

/** Boots where KVM fails: the accelerators that were tried, the one that is told, and what the user reads. */
async function tried(
  accelerator: Accelerator,
  isAuto: boolean,
  signal = new AbortController().signal,
) {
  const boots: Accelerator[] = [];
  let said = "";
  const boot = (by: Accelerator) => {
    boots.push(by);
    return Promise.resolve(by === "kvm" ? "no\x1bgood" : null);
  };
  const screen = { err: (text: string) => void (said += text) };
  const how = { accelerator, isAuto };
  const { accelerator: told } = await acceleratedBoot(how, boot, (it) => it, screen, signal);
  return [boots.join(" "), told, said];
}

Deno.test("a boot that KVM fails goes on by emulation, unless KVM was asked for by name", async () => {
  const said = "KVM does not boot it (no␛good): going on by emulation\n";
  assertEquals(await tried("kvm", true), ["kvm tcg", "tcg", said]);
  assertEquals(await tried("kvm", false), ["kvm", "kvm", ""]);
  assertEquals(await tried("tcg", true), ["tcg", "tcg", ""]);
  assertEquals(await tried("kvm", true, AbortSignal.abort()), ["kvm", "kvm", ""]);
});
