// A heatmap. Grafana does not publish that panel as a component: the axes are its own, the cells are
// drawn here.

import { getValueFormat, formattedValueToString } from '@grafana/data';
import { UPlotChart, UPlotConfigBuilder } from '@grafana/ui';

export function Heatmap({ panel, frames, theme, timeRange, width, height }) {
  const rows = frames
    .map(({ fields: [, { labels, values }] }) => ({ bound: labels.le === '+Inf' ? Infinity : Number(labels.le), values }))
    .sort((one, other) => one.bound - other.bound);
  const times = frames[0].fields[0].values;
  // Buckets hold all that is below them.
  const cells = rows.map(({ values }, at) => values.map((value, n) => Math.max(0, value - (at > 0 ? rows[at - 1].values[n] : 0))));
  const most = Math.max(...cells.flat());
  const format = getValueFormat(panel.options.yAxis.unit);
  const label = (at) => (Number.isFinite(rows[at].bound) ? formattedValueToString(format(rows[at].bound)) : '+Inf');

  const builder = new UPlotConfigBuilder('utc');
  builder.addScale({ scaleKey: 'x', isTime: true, orientation: 0, direction: 1, range: () => [timeRange.from.valueOf(), timeRange.to.valueOf()] });
  builder.addScale({ scaleKey: 'y', isTime: false, orientation: 1, direction: 1, range: () => [0, rows.length] });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: 'bottom', timeZone: 'utc', theme });
  builder.addAxis({
    scaleKey: 'y',
    placement: 'left',
    theme,
    splits: () => rows.map((_, at) => at + 1),
    values: (_, splits) => splits.map((split) => label(split - 1)),
    filter: (_, splits) => splits,
  });
  builder.addSeries({ scaleKey: 'y', theme, pathBuilder: () => null, pointsFilter: () => [], show: true });
  builder.addHook('draw', (u) => {
    const step = times[1] - times[0];
    const colour = theme.visualization.getColorByName(panel.options.color.fill);
    for (const [at, row] of cells.entries()) {
      const top = u.valToPos(at + 1, 'y', true);
      const tall = u.valToPos(at, 'y', true) - top;
      for (const [n, value] of row.entries()) {
        if (value <= panel.options.filterValues.le) continue;
        const left = u.valToPos(times[n] - step, 'x', true);
        const right = u.valToPos(times[n], 'x', true);
        if (left < u.bbox.left) continue;
        u.ctx.globalAlpha = 0.12 + 0.88 * (value / most) ** panel.options.color.exponent;
        u.ctx.fillStyle = colour;
        u.ctx.fillRect(left, top, right - left - 0.5, tall - panel.options.cellGap);
      }
    }
    u.ctx.globalAlpha = 1;
  });
  return <UPlotChart config={builder} data={[times, times.map(() => null)]} width={width} height={height} />;
}
