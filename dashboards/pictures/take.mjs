// Asks Prometheus what each panel asks, has the page draw it, and takes a picture.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { createServer } from 'vite';

import { SCRAPE } from './load.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const DASHBOARDS = join(HERE, '../grafana');
/** Pixels; wide enough for three panels beside each other. */
const WIDTH = 1280;
/** What Grafana's `$__rate_interval` is for this time between scrapes: four of them. */
const RATE_INTERVAL = `${4 * SCRAPE}s`;

/** Takes a picture of each dashboard for the last `minutes`. Returns the titles of empty panels. */
export async function takePictures({ prometheus, browser: executablePath, minutes, theme, into = HERE }) {
  const to = Math.floor(Date.now() / 1000 / SCRAPE) * SCRAPE;
  const from = to - minutes * 60;
  const server = await createServer({ root: HERE, logLevel: 'error', server: { port: 0, host: '127.0.0.1' } });
  await server.listen();
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-quic', '--disable-component-update'];
  const browser = await chromium.launch({ executablePath, args });
  const empty = [];
  try {
    for (const file of readdirSync(DASHBOARDS).filter((name) => name.endsWith('.json'))) {
      const dashboard = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8'));
      const answers = {};
      for (const panel of dashboard.panels.filter(({ targets }) => targets)) {
        answers[panel.id] = await Promise.all(panel.targets.map((target) => ask(prometheus, target, from, to)));
      }
      const page = await browser.newPage({ viewport: { width: WIDTH, height: 1000 }, timezoneId: 'UTC' });
      page.on('pageerror', (error) => console.error(`${file}: ${error.stack}`));
      // Grafana's own icons, from where its page would look for them.
      await page.route('**/build/img/**', (route) => {
        const path = new URL(route.request().url()).pathname.replace('/build/', '');
        return route.fulfill({ path: join(HERE, 'node_modules/@grafana/ui/dist/public', path) });
      });
      await page.addInitScript((given) => (window.__dashboard = given), { dashboard, answers, from: from * 1000, to: to * 1000, theme, width: WIDTH });
      await page.goto(server.resolvedUrls.local[0], { waitUntil: 'networkidle' });
      const shown = page.locator('#dashboard');
      await shown.waitFor({ timeout: 60_000 });
      await page.evaluate(() => document.fonts.ready);
      await page.setViewportSize({ width: WIDTH, height: Math.ceil((await shown.boundingBox()).height) });
      await page.waitForTimeout(1500);
      const picture = sharp(await shown.screenshot());
      // A palette is enough for lines on a plain ground, and a third of the size.
      await picture.png({ palette: true, colours: 160, effort: 10, dither: 0 }).toFile(join(into, file.replace('.json', '.png')));
      empty.push(...(await page.locator('[data-empty]').evaluateAll((all, name) => all.map((one) => `${name}: ${one.dataset.empty}`), file)));
      await page.close();
    }
  } finally {
    await browser.close();
    await server.close();
  }
  return empty;
}

/** The answer to one query over the time of the picture. */
async function ask(prometheus, target, from, to) {
  const query = target.expr
    .replaceAll('$__rate_interval', RATE_INTERVAL)
    .replaceAll(/\$(job|instance|server)\b/g, '.*');
  const parameters = new URLSearchParams({ query, start: from, end: to, step: SCRAPE });
  const answer = await (await fetch(`${prometheus}/api/v1/query_range?${parameters}`)).json();
  if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
  return { target, step: SCRAPE, result: answer.data.result };
}
