// A dashboard as Grafana draws it: its file, and what Prometheus answered to its queries.

import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import 'uplot/dist/uPlot.min.css';
import { EventBusSrv, ThemeContext, createTheme, dateTime } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PanelChrome, PanelContextProvider } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

import { framesOf } from './frames.js';
import { Heatmap } from './heatmap.jsx';
import { Stat, Series } from './panels.jsx';

/** Grafana's grid. */
const COLUMNS = 24;
const ROW_HEIGHT = 30;
const GAP = 8;

const BODIES = { stat: Stat, timeseries: Series, heatmap: Heatmap };

/** Set by `make.mjs`. */
const { dashboard, answers, from, to, theme: mode, width: WIDTH } = window.__dashboard;
const theme = createTheme({ colors: { mode } });
const timeRange = { from: dateTime(from), to: dateTime(to), raw: { from: 'now-15m', to: 'now' } };
const context = { eventBus: new EventBusSrv(), sync: () => 0 };

/** Where a panel lies, in pixels. */
function place({ x, y, w, h }) {
  const column = (WIDTH - GAP) / COLUMNS;
  const row = ROW_HEIGHT + GAP;
  return { left: GAP + x * column, top: y * row, width: w * column - GAP, height: h * row - GAP };
}

function Panel({ panel }) {
  const { left, top, width, height } = place(panel.gridPos);
  const style = { position: 'absolute', left, top, width, height };
  if (panel.type === 'row') {
    return <div style={{ ...style, display: 'flex', alignItems: 'center', ...theme.typography.h6 }}>⌄&ensp;{panel.title}</div>;
  }
  const Body = BODIES[panel.type];
  const frames = framesOf(panel, answers[panel.id], theme, { from, to });
  return (
    <div style={style}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height} padding="none">
        {(innerWidth, innerHeight) =>
          frames.length === 0 ? (
            <div style={{ padding: 16, textAlign: 'center', color: theme.colors.text.secondary }} data-empty={panel.title}>
              No data
            </div>
          ) : (
            <Body {...{ panel, frames, theme, timeRange }} width={innerWidth} height={innerHeight} />
          )
        }
      </PanelChrome>
    </div>
  );
}

function Variable({ label, value }) {
  const box = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, padding: '4px 10px', fontSize: 14 };
  return (
    <span style={{ display: 'inline-flex' }}>
      <span style={{ ...box, background: theme.colors.background.secondary, fontWeight: 500 }}>{label}</span>
      <span style={{ ...box, borderLeft: 0, background: theme.components.input.background }}>{value}</span>
    </span>
  );
}

function Header() {
  const shown = dashboard.templating.list.map((variable) => ({
    label: variable.label ?? variable.name,
    value: variable.type === 'datasource' ? 'Prometheus' : 'All',
  }));
  const row = { display: 'flex', gap: GAP, padding: GAP, alignItems: 'center' };
  return (
    <header>
      <div style={{ ...row, justifyContent: 'space-between', borderBottom: `1px solid ${theme.colors.border.weak}` }}>
        <span style={{ ...theme.typography.h5, padding: '0 4px' }}>{dashboard.title}</span>
        <Variable label="Last 15 minutes" value={`↻ ${dashboard.refresh}`} />
      </div>
      <div style={row}>{shown.map((variable) => <Variable key={variable.label} {...variable} />)}</div>
    </header>
  );
}

function Page() {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <PanelContextProvider value={context}>
        <GlobalStyles />
        <div id="dashboard" style={{ width: WIDTH, background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
          <Header />
          <div style={{ position: 'relative', height: bottom * (ROW_HEIGHT + GAP) }}>
            {dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
          </div>
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

await initPluginTranslations('dashboards');
createRoot(document.getElementById('page')).render(<Page />);
