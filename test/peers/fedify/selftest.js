// Two test peers federate with each other, which shows that the peer itself is right before it judges Gomph.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const children = [];

async function start(env) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('server.js', import.meta.url))], {
    env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const told = JSON.parse(line);
    const ask = async (path, body) => {
      const response = await fetch(told.control + path, body && { method: 'POST', body: JSON.stringify(body) });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      return answer;
    };
    return { ...told, act: (body) => ask('/do', body), ask };
  }
  throw new Error('the peer ended before it was ready');
}

const saw = async (peer, type, id) => {
  const found = (await peer.ask('/seen')).find((one) => one.type === type && one.id === id);
  assert.ok(found, `${peer.handle} did not see ${type} ${id}`);
  return found;
};

let passed = 0;
let failed = 0;
async function test(name, run) {
  try {
    await run();
    passed++;
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}: ${error.stack}`);
  }
}

try {
  const [ann, bob] = await Promise.all([start({ NAME: 'ann' }), start({ NAME: 'bob', SIGN: 'draft-cavage-http-signatures-12' })]);
  let post;
  await test('follow, and be accepted', async () => {
    const { id } = await bob.act({ do: 'follow', target: ann.handle });
    assert.equal((await saw(ann, 'Follow', id)).signer, bob.actor);
    assert.deepEqual((await ann.ask('/state')).followers, [bob.actor]);
    assert.deepEqual((await bob.ask('/state')).following, { [ann.actor]: 'accepted' });
  });
  await test('post reaches a follower', async () => {
    post = await ann.act({ do: 'post', text: 'hello <there>' });
    assert.match(JSON.stringify((await saw(bob, 'Create', post.id)).json), /hello &lt;there/);
  });
  await test('look up a post and a collection', async () => {
    assert.equal((await bob.ask(`/lookup?url=${encodeURIComponent(post.object)}`)).type, 'Note');
    assert.equal((await bob.ask(`/lookup?url=${encodeURIComponent(ann.handle)}`)).actor, true);
    assert.deepEqual(await ann.ask(`/collection?url=${encodeURIComponent(`${ann.actor}/followers`)}`), [bob.actor]);
  });
  await test('reply, like, boost', async () => {
    const reply = await bob.act({ do: 'reply', target: post.object, text: 'hi' });
    assert.match(JSON.stringify((await saw(ann, 'Create', reply.id)).json), /inReplyTo/);
    for (const [verb, type] of [['like', 'Like'], ['boost', 'Announce']]) {
      const { id } = await bob.act({ do: verb, target: post.object });
      assert.equal((await saw(ann, type, id)).object, post.object);
      const undo = await bob.act({ do: 'undo', target: id });
      await saw(ann, 'Undo', undo.id);
    }
  });
  await test('edit and delete', async () => {
    const edit = await ann.act({ do: 'edit', target: post.object, text: 'changed' });
    assert.match(JSON.stringify((await saw(bob, 'Update', edit.id)).json), /changed/);
    const gone = await ann.act({ do: 'delete', target: post.object });
    assert.equal((await saw(bob, 'Delete', gone.id)).object, post.object);
    await assert.rejects(bob.ask(`/lookup?url=${encodeURIComponent(post.object)}`));
  });
  await test('unfollow and block', async () => {
    const follow = (await ann.ask('/seen')).find((one) => one.type === 'Follow');
    await bob.act({ do: 'undo', target: follow.id });
    assert.deepEqual((await ann.ask('/state')).followers, []);
    await saw(ann, 'Block', (await bob.act({ do: 'block', target: ann.actor })).id);
  });
  await test('signatures of both kinds were used and verified', async () => {
    const kinds = async (peer) => new Set((await peer.ask('/requests')).filter((one) => one.method === 'POST' && one.status < 300).map((one) => one.signature));
    assert.ok((await kinds(bob)).has('rfc9421'));
    assert.ok((await kinds(ann)).has('cavage'));
  });
  await test('an unsigned activity is refused', async () => {
    const response = await fetch(`${ann.actor}/inbox`, {
      method: 'POST', headers: { 'Content-Type': 'application/activity+json' },
      body: JSON.stringify({ '@context': 'https://www.w3.org/ns/activitystreams', type: 'Like', id: `${bob.actor}#forged`, actor: bob.actor, object: post.object }),
    });
    assert.equal(response.status, 401);
    assert.ok(!(await ann.ask('/seen')).some((one) => one.id.endsWith('#forged')));
  });
} finally {
  for (const child of children) child.kill();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
