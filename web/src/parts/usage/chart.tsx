import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  name: string;
  values: number[];
}

interface Props {
  label: string;
  steps: string[];
  /** From the bottom up. */
  lines: Line[];
  /** Steps of which some is not known: they are at least as high as drawn. */
  atLeast: boolean[];
  format: (value: number) => string;
  chosen: number | null;
  choose: (step: number) => void;
  open: (step: number) => void;
}

/** Stacked bars on a canvas. Whoever cannot see them has the table, and the slider below. */
export default function Chart(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const colours = useColours();
  const drawn = JSON.stringify([props.steps, props.lines, props.atLeast]);

  useEffect(() => {
    const place = host.current;
    if (!place) return;
    const made = new uPlot(options(place, latest), stacked(props.lines), place);
    plot.current = made;
    // What is drawn can be read where the chart is.
    Object.assign(place, { plot: made });
    const resized = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: place.clientHeight }));
    resized.observe(place);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [drawn, colours]);

  useEffect(() => {
    if (props.chosen === null || plot.current?.cursor.idx === props.chosen) return;
    plot.current?.setCursor({ left: plot.current.valToPos(props.chosen, "x"), top: 1 });
  }, [props.chosen, drawn, colours]);

  return (
    <div
      ref={host}
      className="chart"
      role="img"
      aria-label={props.label}
      onClick={() => {
        const at = plot.current?.cursor.idx;
        if (at !== null && at !== undefined) props.open(at);
      }}
    >
      {props.lines.map((_, index) => (
        <i key={index} className={`swatch swatch-${index}`} hidden />
      ))}
    </div>
  );
}

/** Sums from the bottom up, the highest first: each is drawn over the one before. */
function stacked(lines: Line[]): uPlot.AlignedData {
  const count = lines[0]?.values.length ?? 0;
  const sums: number[][] = [];
  let below = new Array<number>(count).fill(0);
  for (const { values } of lines) {
    below = below.map((sum, at) => sum + (values[at] ?? 0));
    sums.unshift(below);
  }
  return [Array.from({ length: count }, (_, at) => at), ...sums];
}

function options(place: HTMLElement, latest: { current: Props }): uPlot.Options {
  const { steps, lines } = latest.current;
  const look = getComputedStyle(place);
  const font = `12px ${look.fontFamily}`;
  const fills = [...place.querySelectorAll(".swatch")].map((swatch) => getComputedStyle(swatch).backgroundColor);
  const bars = uPlot.paths.bars?.({ size: [0.76, 56] });
  const axis = { stroke: look.color, font, ticks: { show: false } };
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    padding: [18, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
    scales: {
      x: { time: false, range: [-0.5, Math.max(steps.length, 1) - 0.5] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.02 : 1] },
    },
    axes: [
      { ...axis, size: 30, grid: { show: false }, splits: (self) => shown(steps.length, self.width), values: (_, at) => at.map((step) => steps[step] ?? "") },
      { ...axis, size: 64, grid: { stroke: look.borderTopColor, width: 1 }, values: (_, values) => values.map((value) => latest.current.format(value)) },
    ],
    series: [
      {},
      ...lines
        .map((line, index) => ({
          label: line.name,
          fill: fills[index] ?? "",
          width: 0,
          points: { show: false },
          ...(bars ? { paths: bars } : {}),
        }))
        .reverse(),
    ],
    hooks: {
      setCursor: [(self) => typeof self.cursor.idx === "number" && (self.cursor.left ?? -1) >= 0 && latest.current.choose(self.cursor.idx)],
      draw: [(self) => markUnknown(self, latest.current.atLeast, font, look.color)],
    },
  };
}

/** The steps whose names there is room for. */
function shown(count: number, width: number): number[] {
  const every = Math.max(1, Math.ceil(count / Math.max(1, Math.floor(width / 96))));
  return Array.from({ length: Math.ceil(count / every) }, (_, at) => at * every);
}

function markUnknown(plot: uPlot, atLeast: boolean[], font: string, colour: string): void {
  const { ctx, data } = plot;
  const room = plot.bbox.width / Math.max(atLeast.length, 1) / devicePixelRatio;
  if (room < 14) return;
  ctx.save();
  ctx.fillStyle = colour;
  ctx.font = font.replace("12px", `${12 * devicePixelRatio}px`);
  ctx.textAlign = "center";
  atLeast.forEach((is, at) => {
    if (is) ctx.fillText("+", plot.valToPos(at, "x", true), plot.valToPos(data[1]?.[at] ?? 0, "y", true) - 4 * devicePixelRatio);
  });
  ctx.restore();
}

/** Changes when the page's colours do. */
function useColours(): number {
  const [round, setRound] = useState(0);
  useEffect(() => {
    const changed = () => setRound((n) => n + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    system.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", changed);
    };
  }, []);
  return round;
}
