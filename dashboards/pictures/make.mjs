// Takes the pictures of the dashboards: real workers under load, a real Prometheus, Grafana's own
// components. See README.md beside this file.

import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startLoad } from './load.mjs';
import { takePictures } from './take.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** How much time the pictures show. */
const MINUTES = 15;

const cargo = (...args) => execFileSync('cargo', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });
const { target_directory: target } = JSON.parse(cargo('metadata', '--format-version=1', '--no-deps'));

/** The first program of that name on the search path, or among what `cargo xtask test` installed. */
function find(name) {
  const folders = [...process.env.PATH.split(delimiter), join(target, 'xtask-tools/debian/usr/bin')];
  for (const path of folders.map((folder) => join(folder, name))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one.
    }
  }
  throw new Error(`there is no ${name}: \`cargo xtask test\` installs it`);
}

const programs = {
  worker: join(target, 'debug/http-context-worker'),
  pooled: join(target, 'debug/examples/pooled'),
  prometheus: find('prometheus'),
};
const browser = find('chromium');
cargo('build', '--locked', '--package=http-context-worker');
cargo('build', '--locked', '--package=http-context-tests', '--example=pooled');

const folder = mkdtempSync(join(tmpdir(), 'dashboards-pictures-'));
const load = await startLoad({ programs, rules: join(ROOT, 'dashboards/prometheus/*.rules.yml'), folder });
try {
  console.log(`workers under load for ${MINUTES} minutes; what they say is in ${join(folder, 'log')}`);
  await new Promise((done) => setTimeout(done, (MINUTES * 60 + 15) * 1000));
  const empty = await takePictures({ prometheus: load.prometheus, browser, minutes: MINUTES, theme: 'dark' });
  empty.forEach((panel) => console.error(`no data: ${panel}`));
  process.exitCode = empty.length > 0 ? 1 : 0;
} finally {
  await load.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
