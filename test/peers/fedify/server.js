// A small ActivityPub server on the Fedify library, so that Gomph federates in tests with a server that others wrote.
//
// It has one actor, keeps everything in memory, speaks http on 127.0.0.1 (https with CERT and KEY, two files) and has a second port by which a test tells it what to do:
//   POST /do          {"do": "follow", "target": "http://…"} and the other acts of actor.js; answers with the ids of what was made
//   GET  /seen        every activity that came in and whose signature was right, in order, with its signer
//   GET  /requests    every request to the federating port: method, path, kind of signature, status
//   GET  /state       followers, following, posts
//   GET  /lookup?url= what Fedify understands of a remote object, fetched with a signature; url may also be a handle
//   GET  /collection?url= ids of the items of a remote collection
// Environment: NAME (default peer), PORT and CONTROL_PORT (default: free ones), FOLLOWS=manual (do not accept by itself),
// SIGN=rfc9421 or draft-cavage-http-signatures-12 (which signature to try first), ONLY=rfc9421 (refuse whatever is signed otherwise).
// The first line that it prints is JSON: {"actor": URL, "handle": …, "control": URL}.
import './node20.js';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { Peer } from './actor.js';
import { recorder, toRequest, writeResponse } from './web.js';

const listen = (server, port) =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port ?? 0), '127.0.0.1', () => resolve(server.address().port));
  });

const requests = [];
let peer;

const secure = Boolean(process.env.CERT);
const create = (listener) =>
  secure ? createSecureServer({ cert: readFileSync(process.env.CERT), key: readFileSync(process.env.KEY) }, listener) : createServer(listener);

const federating = create(async (incoming, outgoing) => {
  try {
    if (process.env.ONLY === 'rfc9421' && incoming.headers.signature && !incoming.headers['signature-input']) {
      requests.push(recorder(incoming, 401));
      outgoing.writeHead(401, { 'Content-Type': 'text/plain' }).end('only signatures by RFC 9421 are taken');
      return;
    }
    const request = await toRequest(incoming, peer.base);
    const response = await peer.fetch(request);
    requests.push(recorder(incoming, response.status));
    await writeResponse(outgoing, response);
  } catch (error) {
    console.error(error);
    requests.push(recorder(incoming, 500));
    outgoing.writeHead(500).end();
  }
});

const answers = {
  'POST /do': (_, body) => peer.act(body),
  'GET /seen': () => peer.seen,
  'GET /requests': () => requests,
  'GET /state': () => peer.state(),
  'GET /lookup': (query) => peer.lookup(query.get('url')),
  'GET /collection': (query) => peer.collection(query.get('url')),
};

const control = createServer(async (incoming, outgoing) => {
  const url = new URL(incoming.url, 'http://127.0.0.1');
  const answer = answers[`${incoming.method} ${url.pathname}`];
  const send = (status, value) =>
    outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value, null, 1));
  if (!answer) return send(404, { error: `no ${incoming.method} ${url.pathname} here` });
  try {
    const request = await toRequest(incoming, 'http://127.0.0.1');
    send(200, (await answer(url.searchParams, incoming.method === 'POST' ? await request.json() : undefined)) ?? {});
  } catch (error) {
    send(422, { error: String(error?.stack ?? error) });
  }
});

const port = await listen(federating, process.env.PORT);
peer = await Peer.create({
  base: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
  name: process.env.NAME ?? 'peer',
  acceptsFollows: process.env.FOLLOWS !== 'manual',
  firstKnock: process.env.SIGN,
});
const controlPort = await listen(control, process.env.CONTROL_PORT);
console.log(JSON.stringify({ actor: peer.id, handle: peer.handle, control: `http://127.0.0.1:${controlPort}` }));

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
