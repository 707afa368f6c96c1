// Prometheus' answers as Grafana's data frames.

import { FieldType, getDisplayProcessor, toDataFrame } from '@grafana/data';

/** The frames of a panel: one for each series, with the panel's options applied. */
export function framesOf(panel, answers, theme, { from, to }) {
  const frames = [];
  for (const { target, step, result } of answers ?? []) {
    for (const { metric, values } of result) {
      // A gap is a gap, and no line is drawn across it.
      const times = [];
      for (let time = from; time <= to; time += step * 1000) times.push(time);
      const known = new Map(values.map(([time, value]) => [Math.round(time * 1000), Number(value)]));
      const numbers = times.map((time) => (Number.isFinite(known.get(time)) ? known.get(time) : null));
      if (numbers.every((number) => number === null)) continue;
      const name = nameOf(target.legendFormat, metric);
      frames.push(toDataFrame({
        name,
        refId: target.refId,
        fields: [
          { name: 'Time', type: FieldType.time, values: times, config: { interval: step * 1000 } },
          { name: 'Value', type: FieldType.number, labels: metric, values: numbers, config: configOf(panel, name) },
        ],
      }));
    }
  }
  const all = frames.flatMap((frame) => frame.fields[1].values).filter((number) => number !== null);
  const [min, max] = [Math.min(...all), Math.max(...all)];
  const range = { min, max, delta: max - min };
  frames.forEach((frame, at) => {
    const field = frame.fields[1];
    field.state = { displayName: frame.name, seriesIndex: at, range };
    field.display = getDisplayProcessor({ field, theme });
  });
  return frames;
}

/** `{{label}}` with the labels of a series in it. */
function nameOf(legendFormat, metric) {
  return legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

/** The defaults of a panel, and its overrides for this series. */
function configOf({ fieldConfig }, name) {
  const config = structuredClone(fieldConfig.defaults);
  config.displayNameFromDS = name;
  for (const { matcher, properties } of fieldConfig.overrides) {
    const fits = matcher.id === 'byName' ? matcher.options === name : matcher.id === 'byRegexp' && asRegExp(matcher.options).test(name);
    if (!fits) continue;
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) config.custom = { ...config.custom, [id.slice('custom.'.length)]: value };
      else config[id] = value;
    }
  }
  return config;
}

/** `/…/flags`, as Grafana writes it. */
function asRegExp(text) {
  const [, pattern, flags] = /^\/(.*)\/(\w*)$/.exec(text) ?? [null, text, ''];
  return new RegExp(pattern, flags);
}
