// Charts: uPlot in the colours of the page, sized by their place, drawn anew when the colours change.

import uPlot from "uplot";
import { h } from "./dom";
import { minus } from "./format";

const ticksOf = new Intl.NumberFormat("en");

export const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export interface Chart {
  readonly element: HTMLElement;
  set(data: uPlot.AlignedData): void;
}

export type Options = (colours: (name: string) => string) => Omit<uPlot.Options, "width" | "height">;

/** A chart of a height; its options are made anew for other colours. */
export function chart(label: string, height: number, options: Options, signal: AbortSignal): Chart {
  const element = h("figure", { class: "chart", role: "img", "aria-label": label });
  let plot: uPlot | null = null;
  let data: uPlot.AlignedData = [[]];
  const make = () => {
    plot?.destroy();
    plot = null;
    const width = element.clientWidth;
    if (width === 0 || signal.aborted) return;
    plot = new uPlot({ ...options(colour), width, height }, data, element);
  };
  const sized = new ResizeObserver(() => {
    const width = element.clientWidth;
    if (!plot) make();
    else if (width > 0 && Math.abs(plot.width - width) > 1) plot.setSize({ width, height });
  });
  sized.observe(element);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", make, { signal });
  document.addEventListener("theme", make, { signal });
  signal.addEventListener("abort", () => {
    sized.disconnect();
    plot?.destroy();
    plot = null;
  });
  return {
    element,
    set(next) {
      data = next;
      if (plot) plot.setData(next);
      else make();
    },
  };
}

/** Axes and grid in the page's colours. */
export function axes(colours: (name: string) => string, ...more: uPlot.Axis[]): uPlot.Axis[] {
  const base = {
    stroke: colours("dim"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: colours("line"), width: 1 },
    ticks: { show: false },
  };
  const [x = {}, y = {}, ...rest] = more;
  const plain = (_: uPlot, ticks: number[]) => ticks.map((tick) => minus(ticksOf.format(tick)));
  return [{ ...base, size: 26, ...x }, { ...base, size: 44, values: plain, ...y }, ...rest.map((axis) => ({ ...base, ...axis }))];
}
