// What the workers of the pictures talk to: three servers on loopback, each with habits of its own.
//
// `orders.test` is an API over HTTP/1.1 that has a bad minute now and then, `search.test` answers by
// HTTP/2 over TLS, is slow at times and gone for a moment, `images.test` sends large bodies, redirects, and drops
// connections. The names are resolved by a hosts file that `load.mjs` makes.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { join } from 'node:path';

const started = Date.now();

/** Whether the time since the start is within one of these spans of minutes. */
function within(...spans) {
  const minutes = (Date.now() - started) / 60_000;
  return spans.some(([from, to]) => minutes >= from && minutes < to);
}

/** Milliseconds around `median`, with a long tail. */
function around(median, spread = 0.5) {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return median * Math.exp(spread * normal);
}

const chance = (p) => Math.random() < p;

function reply(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

function orders(request, response) {
  if (request.url === '/hangs') return;
  const ill = within([4.5, 6], [11, 11.7]);
  const status = chance(ill ? 0.22 : 0.002) ? 503 : chance(within([8, 9]) ? 0.08 : 0.001) ? 429 : chance(0.01) ? 404 : 200;
  request.resume();
  request.on('end', () => {
    setTimeout(() => reply(response, status, JSON.stringify({ status, items: 'x'.repeat(200 + 800 * Math.random()) })), around(ill ? 60 : 18));
  });
}

function search(request, response) {
  request.resume();
  const slow = within([2, 3], [9, 10.5]);
  setTimeout(() => reply(response, 200, 'y'.repeat(2_000 + 6_000 * Math.random())), around(slow ? 180 : 35, 0.7));
}

const picture = Buffer.alloc(300_000, 'z');

function images(request, response) {
  if (chance(within([6.5, 7]) ? 0.06 : 0.002)) return request.socket.destroy();
  if (request.url.startsWith('/latest')) {
    return reply(response, 302, '', { location: `http://${request.headers.host}/image/1` });
  }
  const end = chance(0.05) ? { connection: 'close' } : {};
  setTimeout(() => reply(response, 200, picture.subarray(0, 20_000 + 150_000 * Math.random()), end), around(25));
}

/** A certificate for `name`, and the authority that signed it, in `folder`. */
function certificate(folder, name) {
  const at = (file) => join(folder, file);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', '/CN=pictures');
  openssl('req', ...key, '-keyout', at('leaf.key'), '-out', at('leaf.csr'), '-subj', `/CN=${name}`);
  writeFileSync(at('leaf.ext'), `subjectAltName=DNS:${name}\n`);
  openssl('x509', '-req', '-in', at('leaf.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-out', at('leaf.pem'), '-days', '2', '-extfile', at('leaf.ext'));
  return { key: readFileSync(at('leaf.key')), cert: readFileSync(at('leaf.pem')), authority: at('ca.pem') };
}

/** Starts the servers. Their files go to `folder`. */
export async function startUpstream(folder) {
  const { key, cert, authority } = certificate(folder, 'search.test');
  const servers = [
    [http.createServer({ keepAliveTimeout: 20_000 }, orders), 7001],
    [http2.createSecureServer({ key, cert, allowHTTP1: true }, search), 7002],
    [http.createServer({ keepAliveTimeout: 4_000 }, images), 7003],
  ];
  for (const [server, port] of servers) {
    await new Promise((listening, failed) => server.once('error', failed).listen(port, '127.0.0.1', listening));
  }
  // For a moment one of them is not there.
  const [gone, port] = servers[1];
  setTimeout(() => gone.close(), 12.6 * 60_000).unref();
  setTimeout(() => gone.listen(port, '127.0.0.1'), 13 * 60_000).unref();
  return {
    names: ['orders.test', 'search.test', 'images.test'],
    orders: 'http://orders.test:7001',
    search: 'https://search.test:7002',
    images: 'http://images.test:7003',
    authority,
    close: () => servers.forEach(([server]) => server.close()),
  };
}
