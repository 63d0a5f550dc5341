/// <reference lib="dom" />
/** The bars between source, views and events: dragged, or moved by the arrow keys. */
import { byId } from "../page/dom.ts";

const LEAST = 10;
const MOST = 60;
const STEP = 2;

/** @param onMove What has to be drawn again. */
export function startSplitters(onMove: () => void): void {
  const parts = { source: 30, event: 32 };
  const apply = () => {
    const { style } = byId("work");
    style.setProperty("--source-part", `${parts.source}fr`);
    style.setProperty("--event-part", `${parts.event}fr`);
    style.setProperty("--view-part", `${100 - parts.source - parts.event}fr`);
    onMove();
  };
  const connect = (id: string, name: keyof typeof parts, sign: 1 | -1) => {
    const bar = byId(id);
    const set = (part: number) => {
      parts[name] = Math.round(Math.max(LEAST, Math.min(MOST, part)));
      bar.setAttribute("aria-valuenow", `${parts[name]}`);
      apply();
    };
    bar.addEventListener("pointerdown", ({ pointerId }) => bar.setPointerCapture(pointerId));
    bar.addEventListener("pointermove", ({ clientX, pointerId }) => {
      if (!bar.hasPointerCapture(pointerId)) return;
      const { left, width } = byId("work").getBoundingClientRect();
      const part = (clientX - left) / width * 100;
      set(sign === 1 ? part : 100 - part);
    });
    bar.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (way === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      set(parts[name] + way * sign * STEP);
    });
  };
  connect("split-left", "source", 1);
  connect("split-right", "event", -1);
}
