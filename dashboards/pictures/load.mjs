// Workers under load, and a Prometheus that scrapes them with the rules of this repository.

import { spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startUpstream } from './upstream.mjs';

/** Seconds from one scrape to the next. */
export const SCRAPE = 5;
const PROMETHEUS = '127.0.0.1:7090';
const WORKERS = [
  { admin: '127.0.0.1:7464', concurrency: 16, share: 1 },
  { admin: '127.0.0.1:7465', concurrency: 10, share: 0.6 },
];

/** Starts all of it. `programs` names the binaries, `rules` the rule files, `folder` is thrown away. */
export async function startLoad({ programs, rules, folder }) {
  const upstream = await startUpstream(folder);
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost ${upstream.names.join(' ')}\n`);
  const log = createWriteStream(join(folder, 'log'));
  const children = [];
  const start = (program, args) => {
    const child = spawn(program, args, { env: { ...process.env, SSL_CERT_FILE: upstream.authority } });
    child.stderr.pipe(log, { end: false });
    child.on('exit', (code, signal) => log.write(`${program} ended: ${code ?? signal}\n`));
    child.on('error', (error) => log.write(`${program}: ${error}\n`));
    children.push(child);
    return child;
  };
  // In a mount namespace of its own, where the names of the upstream are known.
  const bind = 'mount --bind "$0" /etc/hosts && exec "$@"';
  const startNamed = (program, ...args) =>
    start('unshare', ['--map-root-user', '--mount', 'sh', '-c', bind, hosts, program, ...args]);

  const feeds = WORKERS.map(({ admin, concurrency, share }, at) => {
    const worker = startNamed(
      programs.worker, 'run', '--jobs=-', `--results=${join(folder, `results-${at}`)}`, `--admin=${admin}`,
      `--concurrency=${concurrency}`, '--max-attempts=3', '--fail-on-status', '--json',
    );
    return feed(worker.stdin, upstream, share);
  });
  const pooled = startNamed(programs.pooled, upstream.orders, upstream.images);
  const pooledAt = await new Promise((told) => pooled.stdout.once('data', (line) => told(String(line).trim())));

  const config = join(folder, 'prometheus.json');
  const scrape = (job_name, targets) => ({ job_name, static_configs: [{ targets }] });
  writeFileSync(config, JSON.stringify({
    global: { scrape_interval: `${SCRAPE}s`, evaluation_interval: `${SCRAPE}s` },
    rule_files: [rules],
    scrape_configs: [scrape('http-context-worker', WORKERS.map(({ admin }) => admin)), scrape('crawler', [pooledAt])],
  }));
  start(programs.prometheus, [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`, `--web.listen-address=${PROMETHEUS}`]);

  return {
    prometheus: `http://${PROMETHEUS}`,
    async stop() {
      feeds.forEach(clearInterval);
      const ended = children.map((child) => child.exitCode ?? new Promise((done) => child.on('exit', done)));
      children.forEach((child) => child.kill());
      await Promise.all(ended);
      upstream.close();
    },
  };
}

/** Writes jobs to a worker, more at some times than at others. */
function feed(input, upstream, share) {
  const started = Date.now();
  let number = 0;
  let debt = 0;
  input.on('error', () => {});
  return setInterval(() => {
    const minutes = (Date.now() - started) / 60_000;
    const swing = 1 + 0.35 * Math.sin(minutes / 2.2) + 0.15 * Math.sin(minutes * 2.9) + (minutes % 7 > 6 ? 0.6 : 0);
    debt += share * 4 * swing;
    for (; debt >= 1; debt -= 1) {
      input.write(`${JSON.stringify(job(number, upstream))}\n`);
      number += 1;
    }
  }, 200);
}

/** One job of those that a shop's back office may have. */
function job(number, { orders, search, images }) {
  const id = `job-${number}`;
  const order = { method: 'POST', url: `${orders}/orders`, body: JSON.stringify({ number, note: 'n'.repeat(400) }), timeout_ms: 2_000 };
  const find = (page) => ({ url: `${search}/search?q=${number}&page=${page}`, timeout_ms: 900 });
  if (number % 330 === 200) {
    return { id, concurrency: 90, requests: Array.from({ length: 90 }, (_, n) => ({ url: `${images}/image/${n}` })) };
  }
  switch (number % 5) {
    case 0:
      return { id, requests: [order, { url: `${orders}/orders/${number}` }] };
    case 1:
      return { id, concurrency: 3, requests: [find(1), find(2), find(3), find(4)] };
    case 2:
      return { id, requests: [{ url: `${images}/latest` }, { url: `${images}/image/${number}` }] };
    case 3:
      return { id, requests: [find(1), order] };
    default:
      return { id, concurrency: 2, requests: [find(1), { url: `${images}/image/${number}` }, { url: `${orders}/stock` }] };
  }
}
