// SPDX-License-Identifier: MIT
//
// Lines over time, drawn as SVG. What is drawn is said in words, too: each line's
// last value is in the legend, and one can go through the points with the arrow
// keys, which the legend follows.

import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { clockOf } from '../words.ts';

export interface Line {
  name: string;
  /** Of the colours of the charts: 1, 2, 3. */
  tint: 1 | 2 | 3;
  values: readonly (number | null)[];
}

const HEIGHT = 168, LEFT = 52, RIGHT = 12, TOP = 10, BOTTOM = 22;

/** A round number that is not below. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));

  return [1, 2, 2.5, 5, 10].map((n) => n * power)
    .find((n) => n >= value * .999) ?? value;
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);

  useEffect(() => {
    if (!box.current) return;
    const watch = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.max(240, entry.contentRect.width));
    });

    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return { box, width };
}

/** The parts of a line, without what is not known. */
function pathOf(values: Line['values'], x: (i: number) => number,
  y: (v: number) => number): string {
  let isDown = false;

  return values.map((value, i) => {
    if (value === null || Number.isNaN(value)) {
      isDown = false;
      return '';
    }
    const step = `${isDown ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;

    // A point without neighbours is to be seen, too.
    if (!isDown && !Number.isFinite(values[i + 1] ?? NaN)) return `${step}h.01`;
    isDown = true;
    return step;
  }).join('');
}

export function Chart({ title, times, lines, format, least, span }: {
  title: string;
  times: readonly number[];
  lines: readonly Line[];
  format(value: number): string;
  /** What the scale goes up to at least. */
  least: number;
  /** The time that the chart shows, in ms. */
  span: number;
}) {
  const { box, width } = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const end = times[times.length - 1] ?? 0, begin = end - span;
  const top = roundUp(Math.max(least, ...lines.flatMap(({ values }) =>
    values.map((v) => v === null || Number.isNaN(v) ? 0 : v))));
  const inner = width - LEFT - RIGHT, deep = HEIGHT - TOP - BOTTOM;
  const x = (i: number) => LEFT + inner * ((times[i] ?? end) - begin) / span;
  const y = (v: number) => TOP + deep * (1 - v / top);
  const chosen = at === null ? times.length - 1 : Math.min(at, times.length - 1);

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    const wanted = begin + span * (event.clientX - left - LEFT) / inner;
    const nearest = times.reduce((best, time, i) =>
      Math.abs(time - wanted) < Math.abs((times[best] ?? 0) - wanted) ? i : best, 0);

    setAt(nearest);
  };
  const step = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];

    if (event.key === 'Escape') setAt(null);
    if (by === undefined) return;
    event.preventDefault();
    setAt(Math.min(times.length - 1, Math.max(0, chosen + by)));
  };

  return (
    <figure className="chart">
      <figcaption>
        <strong>{title}</strong>
        <span className="when">{at !== null && times[chosen] !== undefined &&
          clockOf(times[chosen])}</span>
        <ul className="legend">
          {lines.map(({ name, tint, values }) => {
            const value = values[chosen];

            return (
              <li key={name}>
                <i className={`tint-${tint}`} />{name}{' '}
                <b>{value === null || value === undefined || Number.isNaN(value)
                  ? '–' : format(value)}</b>
              </li>
            );
          })}
        </ul>
      </figcaption>
      <div ref={box} className="plot">
        <svg width={width} height={HEIGHT} role="img" tabIndex={0}
          aria-label={`${title}, over time. The legend tells the values; the arrow ` +
            'keys go through them.'}
          onPointerMove={point} onPointerLeave={() => setAt(null)}
          onKeyDown={step} onBlur={() => setAt(null)}>
          {[0, .5, 1].map((part) => (
            <g key={part} className="grid">
              <line x1={LEFT} x2={width - RIGHT} y1={y(top * part)} y2={y(top * part)} />
              <text x={LEFT - 8} y={y(top * part) + 4} textAnchor="end">
                {format(top * part)}
              </text>
            </g>
          ))}
          {end > 0 && [0, 1, 2, 3].map((third) => (
            <text key={third} className="hour" y={HEIGHT - 5}
              x={LEFT + inner * third / 3}
              textAnchor={third === 0 ? 'start' : third === 3 ? 'end' : 'middle'}>
              {clockOf(begin + span * third / 3).slice(0, 5)}
            </text>
          ))}
          {lines.map(({ name, tint, values }) => (
            <path key={name} className={`line tint-${tint}`}
              d={pathOf(values, x, y)} />
          ))}
          {at !== null && times[chosen] !== undefined && (
            <g className="cursor">
              <line x1={x(chosen)} x2={x(chosen)} y1={TOP} y2={HEIGHT - BOTTOM} />
              {lines.map(({ name, tint, values }) => {
                const value = values[chosen];

                return value !== null && value !== undefined &&
                  !Number.isNaN(value) && (
                  <circle key={name} className={`tint-${tint}`} r={3.5}
                    cx={x(chosen)} cy={y(value)} />
                );
              })}
            </g>
          )}
        </svg>
        {times.length === 0 && <p className="nothing">The first figures come in a moment.</p>}
      </div>
    </figure>
  );
}

/** A small line without scales, beside the number that it ends in. */
export function Spark({ values }: { values: readonly number[] }) {
  const known = values.filter((v) => !Number.isNaN(v));
  const top = Math.max(1e-9, ...known);

  if (known.length < 2) return <svg className="spark" aria-hidden="true" />;
  return (
    <svg className="spark" viewBox="0 0 100 24" preserveAspectRatio="none"
      aria-hidden="true">
      <path d={pathOf(values, (i) => 100 * i / Math.max(1, values.length - 1),
        (v) => 22 - 20 * v / top)} />
    </svg>
  );
}
