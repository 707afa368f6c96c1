// The bodies of panels that `@grafana/ui` has components for.

import { getFieldDisplayValues } from '@grafana/data';
import { BigValue, TimeSeries } from '@grafana/ui';

export function Series({ panel, frames, timeRange, width, height }) {
  return <TimeSeries {...{ frames, timeRange, width, height }} timeZone="utc" legend={panel.options.legend} options={panel.options} />;
}

export function Stat({ panel, frames, theme, timeRange, width, height }) {
  const { reduceOptions, colorMode, graphMode, justifyMode, textMode } = panel.options;
  const [{ display, sparkline }] = getFieldDisplayValues({
    data: frames,
    reduceOptions,
    fieldConfig: panel.fieldConfig,
    replaceVariables: (text) => text,
    sparkline: graphMode !== 'none',
    theme,
  });
  const line = sparkline && { ...sparkline, timeRange };
  return <BigValue {...{ theme, width, height, colorMode, graphMode, justifyMode }} value={{ ...display, title: '' }} sparkline={line} textMode={textMode} />;
}
