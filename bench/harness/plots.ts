/**
 * Cost against heap size as SVG, a file per workload: a panel per metric, both axes logarithmic, a
 * line per subject. Written as text: a picture of a few lines needs no package.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metric, Result } from './types.ts';

const PANEL_WIDTH = 300;
const PANEL_HEIGHT = 240;
const MARGIN = { left: 62, right: 14, top: 34, bottom: 40 };
const LEGEND_HEIGHT = 30;
const TITLE_HEIGHT = 26;

/** Distinguishable in print and by colour-blind readers (Okabe and Ito). */
const COLORS: Readonly<Record<string, string>> = {
  sharc: '#D55E00',
  'v8-shared-struct': '#0072B2',
  plain: '#999999',
  cpython: '#009E73',
};
const OTHER_COLORS = ['#CC79A7', '#E69F00', '#56B4E9', '#000000'];

/** Metrics worth a panel, in this order. */
const TITLES: Partial<Record<Metric, string>> = {
  time: 'wall time',
  cpu: 'CPU',
  'pause-max': 'longest pause',
  throughput: 'throughput',
  'bytes-per-object': 'memory per object',
};

interface Point {
  readonly size: number;
  readonly value: number;
}

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly lines: ReadonlyMap<string, readonly Point[]>;
}

/** Several sizes make a line; zero has no place on a logarithmic axis. */
function panelOf(results: readonly Result[], metric: Metric): Panel | undefined {
  const lines = new Map<string, Point[]>();
  let unit = '';
  for (const { subject, size, value, metric: own, unit: ownUnit } of results) {
    if (own !== metric || size === null || value <= 0) continue;
    unit = ownUnit;
    lines.set(subject, [...(lines.get(subject) ?? []), { size, value }]);
  }
  const sizes = new Set([...lines.values()].flat().map(({ size }) => size));
  if (sizes.size < 2) return undefined;
  for (const points of lines.values()) points.sort((a, b) => a.size - b.size);
  return { title: TITLES[metric]!, unit, lines };
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const label = (x: number, y: number, text: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${escapeXml(text)}</text>`;

function shortNumber(value: number): string {
  if (value >= 1e9) return `${value / 1e9}G`;
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e3) return `${value / 1e3}k`;
  return String(value);
}

/** The powers of ten from below the least to above the greatest value. */
function decades(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** From a value to a coordinate, through its logarithm. */
function scaleOf(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [first, last] = [ticks[0]!, ticks.at(-1)!];
  return (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from);
}

function drawPanel({ title, unit, lines }: Panel, left: number, colors: Map<string, string>) {
  const points = [...lines.values()].flat();
  const xTicks = decades(points.map(({ size }) => size));
  const yTicks = decades(points.map(({ value }) => value));
  const right = left + PANEL_WIDTH - MARGIN.right;
  const top = TITLE_HEIGHT + MARGIN.top;
  const bottom = TITLE_HEIGHT + PANEL_HEIGHT - MARGIN.bottom;
  const x = scaleOf(xTicks, left + MARGIN.left, right);
  const y = scaleOf(yTicks, bottom, top);
  const svg = [label(left + MARGIN.left, top - 12, `${title}, ${unit}`, ' font-weight="bold"')];
  for (const tick of yTicks) {
    const at = y(10 ** tick).toFixed(1);
    svg.push(`<path class="grid" d="M${left + MARGIN.left} ${at}H${right}"/>`);
    const text = shortNumber(Number(`1e${tick}`));
    svg.push(label(left + MARGIN.left - 6, Number(at) + 4, text, ' text-anchor="end"'));
  }
  for (const tick of xTicks) {
    const at = x(10 ** tick);
    svg.push(`<path class="grid" d="M${at.toFixed(1)} ${top}V${bottom}"/>`);
    svg.push(label(at, bottom + 16, shortNumber(10 ** tick), ' text-anchor="middle"'));
  }
  svg.push(label((left + MARGIN.left + right) / 2, bottom + 32, 'size', ' text-anchor="middle"'));
  for (const [subject, line] of lines) {
    const color = colors.get(subject)!;
    const places = line.map(({ size, value }) => [x(size).toFixed(1), y(value).toFixed(1)]);
    const path = places.map((place) => place.join(' ')).join('L');
    svg.push(`<path d="M${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    for (const [i, [cx, cy]] of places.entries()) {
      const { size, value } = line[i]!;
      const shown = Number(value.toPrecision(3));
      const hint = `${subject}, ${size.toLocaleString('en')}: ${shown} ${unit}`;
      svg.push(`<circle cx="${cx}" cy="${cy}" r="3.5" fill="${color}">`);
      svg.push(`<title>${escapeXml(hint)}</title></circle>`);
    }
  }
  return svg.join('\n');
}

function colorsOf(subjects: readonly string[]): Map<string, string> {
  let others = 0;
  return new Map(
    subjects.map((subject) => {
      return [subject, COLORS[subject] ?? OTHER_COLORS[others++ % OTHER_COLORS.length]!];
    }),
  );
}

/** One workload as SVG, or nothing where it has no two sizes. */
function drawWorkload(workload: string, results: readonly Result[]): string | undefined {
  const metrics = Object.keys(TITLES) as Metric[];
  const panels = metrics.map((metric) => panelOf(results, metric)).filter((p) => p !== undefined);
  if (panels.length === 0) return undefined;
  const colors = colorsOf([...new Set(panels.flatMap(({ lines }) => [...lines.keys()]))]);
  const width = panels.length * PANEL_WIDTH;
  const height = TITLE_HEIGHT + PANEL_HEIGHT + LEGEND_HEIGHT;
  let at = MARGIN.left;
  const legend = [...colors].map(([subject, color]) => {
    const entry = [
      `<circle cx="${at}" cy="${height - 16}" r="5" fill="${color}"/>`,
      label(at + 10, height - 12, subject),
    ];
    at += 34 + 7 * subject.length;
    return entry.join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"`,
    ' font-family="sans-serif" font-size="12">',
    '<style>.grid{stroke:#ddd;stroke-width:1}</style>',
    `<rect width="${width}" height="${height}" fill="white"/>`,
    label(MARGIN.left, 20, workload, ' font-size="15" font-weight="bold"'),
    ...panels.map((panel, i) => drawPanel(panel, i * PANEL_WIDTH, colors)),
    ...legend,
    '</svg>\n',
  ].join('\n');
}

/** Writes a file per workload that has several sizes; returns their names. */
export function writePlots(folder: string, results: readonly Result[]): string[] {
  mkdirSync(folder, { recursive: true });
  const written: string[] = [];
  for (const workload of new Set(results.map((result) => result.workload))) {
    const svg = drawWorkload(
      workload,
      results.filter((result) => result.workload === workload),
    );
    if (svg === undefined) continue;
    const name = `${workload}.svg`;
    writeFileSync(join(folder, name), svg);
    written.push(name);
  }
  return written;
}
