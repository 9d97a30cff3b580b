// Between node's http server and the web's Request and Response, which Fedify speaks.

/** The largest body that a test may send: far above any activity. */
const bodyLimit = 10 * 1024 * 1024;

export async function toRequest(incoming, base) {
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
  const withBody = !['GET', 'HEAD'].includes(incoming.method);
  return new Request(new URL(incoming.url, base), { method: incoming.method, headers, body: withBody ? await read(incoming) : undefined });
}

async function read(incoming) {
  const chunks = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > bodyLimit) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function writeResponse(outgoing, response) {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

/** What a test may ask about a request: how it was signed and how it was answered. */
export function recorder(incoming, status) {
  const { headers, method, url } = incoming;
  const signature = headers['signature-input'] ? 'rfc9421' : headers.signature ? 'cavage' : '';
  return { method, path: url, status, signature, accept: headers.accept ?? '', userAgent: headers['user-agent'] ?? '' };
}
