// Uses Gomph by megalodon, a client for several kinds of servers that others wrote: which kind this is, sign-in, posting with pictures, polls, search,
// lists, filters, notifications and streaming, with two people.
// Environment: GOMPH_URL, GOMPH_EMAIL, GOMPH_PASSWORD, and GOMPH_EMAIL2, GOMPH_PASSWORD2 for a second person.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import megalodon from 'megalodon';
import { Checks, eventually, setting } from './checks.js';

const url = setting('GOMPH_URL').replace(/\/$/, '');
const generator = megalodon.default;
const redirect = 'urn:ietf:wg:oauth:2.0:oob';
const checks = new Checks();
/** A picture of one red pixel. */
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC', 'base64');

async function signIn(email, password) {
  const app = await generator('mastodon', url).registerApp('megalodon test', { scopes: ['read', 'write', 'follow'], redirect_uris: redirect });
  const browser = fileURLToPath(new URL('browser.py', import.meta.url));
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [browser, app.url, email, password]);
  const token = await generator('mastodon', url).fetchAccessToken(app.client_id, app.client_secret, stdout.trim(), redirect);
  const api = generator('mastodon', url, token.access_token);
  return { api, me: (await api.verifyAccountCredentials()).data };
}

async function posting(ann, bob) {
  await checks.run('a post with a picture', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'megalodon-'));
    try {
      const file = join(folder, 'pixel.png');
      await writeFile(file, pixel);
      const { data: media } = await ann.api.uploadMedia(createReadStream(file), { description: 'red' });
      const { data: post } = await ann.api.postStatus('a picture', { media_ids: [media.id], sensitive: true, visibility: 'public' });
      assert.deepEqual([post.media_attachments.length, post.media_attachments[0].description, post.media_attachments[0].type, post.sensitive], [1, 'red', 'image', true]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  await checks.run('a poll is voted in', async () => {
    const { data: asked } = await ann.api.postStatus('which?', { poll: { options: ['one', 'two'], expires_in: 3600 } });
    await bob.api.votePoll(asked.poll.id, [1]);
    const { data: poll } = await bob.api.getPoll(asked.poll.id);
    assert.deepEqual([poll.voted, poll.options.map((option) => option.votes_count)], [true, [0, 1]]);
  });
  await checks.run('a post is liked, boosted, kept and edited', async () => {
    const { data: post } = await ann.api.postStatus('from megalodon #MegaTest');
    assert.equal((await bob.api.favouriteStatus(post.id)).data.favourited, true);
    assert.equal((await bob.api.reblogStatus(post.id)).data.reblog.id, post.id);
    assert.equal((await bob.api.bookmarkStatus(post.id)).data.bookmarked, true);
    assert.ok((await bob.api.getBookmarks()).data.some(({ id }) => id === post.id));
    assert.match((await ann.api.editStatus(post.id, { status: 'edited #MegaTest' })).data.content, /edited/);
    assert.ok((await ann.api.getTagTimeline('megatest')).data.some(({ id }) => id === post.id));
    const { data: answer } = await bob.api.postStatus(`@${ann.me.acct} hi`, { in_reply_to_id: post.id });
    assert.deepEqual((await ann.api.getStatusContext(post.id)).data.descendants.map(({ id }) => id), [answer.id]);
  });
  await checks.run('a post waits for its time', async () => {
    const { data: scheduled } = await ann.api.postStatus('later', { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() });
    assert.ok((await ann.api.getScheduledStatuses()).data.some(({ id }) => id === scheduled.id));
    await ann.api.cancelScheduledStatus(scheduled.id);
  });
}

async function people(ann, bob) {
  await checks.run('follow, and read at home', async () => {
    assert.equal((await ann.api.followAccount(bob.me.id)).data.following, true);
    assert.equal((await ann.api.getRelationships([bob.me.id])).data[0].following, true);
    const { data: post } = await bob.api.postStatus('for those at home');
    await eventually(async () => (await ann.api.getHomeTimeline()).data.some(({ id }) => id === post.id));
    assert.ok((await ann.api.getLocalTimeline({ limit: 40 })).data.some(({ id }) => id === post.id));
  });
  await checks.run('search finds people, posts and hashtags', async () => {
    const { data: found } = await ann.api.search(bob.me.acct, { type: 'accounts' });
    assert.ok(found.accounts.some(({ id }) => id === bob.me.id));
    const { data: post } = await ann.api.postStatus('unmistakable megalodonword');
    await eventually(async () => (await ann.api.search('megalodonword', { type: 'statuses' })).data.statuses.some(({ id }) => id === post.id));
    assert.ok((await ann.api.search('megatest', { type: 'hashtags' })).data.hashtags.some(({ name }) => name.toLowerCase() === 'megatest'));
  });
  await checks.run('a list has its timeline', async () => {
    const { data: list } = await ann.api.createList('friends');
    await ann.api.addAccountsToList(list.id, [bob.me.id]);
    assert.deepEqual((await ann.api.getAccountsInList(list.id)).data.map(({ id }) => id), [bob.me.id]);
    const { data: post } = await bob.api.postStatus('for the list');
    await eventually(async () => (await ann.api.getListTimeline(list.id)).data.some(({ id }) => id === post.id));
    await ann.api.deleteList(list.id);
    assert.deepEqual((await ann.api.getLists()).data, []);
  });
  await checks.run('a filter is made, found and removed', async () => {
    const { data: filter } = await ann.api.createFilter('cake', ['home']);
    assert.ok((await ann.api.getFilters()).data.some(({ id, phrase }) => id === filter.id && phrase === 'cake'));
    await ann.api.deleteFilter(filter.id);
    assert.deepEqual((await ann.api.getFilters()).data, []);
  });
  await checks.run('notifications come and go', async () => {
    const { data: mention } = await bob.api.postStatus(`@${ann.me.acct} are you there?`);
    const notice = await eventually(async () => (await ann.api.getNotifications()).data.find(({ status }) => status?.id === mention.id));
    assert.deepEqual([notice.type, notice.account.id], ['mention', bob.me.id]);
    await ann.api.dismissNotification(notice.id);
    assert.ok(!(await ann.api.getNotifications()).data.some(({ id }) => id === notice.id));
  });
  await checks.run('the server is described', async () => {
    assert.equal(await megalodon.detector(url), 'mastodon');
    const { data: instance } = await ann.api.getInstance();
    assert.ok(url.includes(instance.uri));
    assert.ok(Array.isArray((await ann.api.getInstanceCustomEmojis()).data));
    assert.ok((await ann.api.getInstancePeers()).data.every((peer) => typeof peer === 'string'));
  });
}

async function streaming(ann, bob) {
  const listener = await ann.api.userStreaming();
  const seen = { update: [], notification: [], delete: [], status_update: [] };
  for (const kind of Object.keys(seen)) listener.on(kind, (payload) => seen[kind].push(payload));
  listener.on('error', () => {});
  try {
    await checks.run('the user stream starts', () => eventually(async () => {
      const { data: probe } = await bob.api.postStatus('probe');
      return eventually(() => seen.update.some(({ id }) => id === probe.id), 1_000).catch(() => false);
    }));
    const { data: mention } = await bob.api.postStatus(`@${ann.me.acct} live`);
    await checks.run('a post arrives', () => eventually(() => seen.update.some(({ id }) => id === mention.id)));
    await checks.run('a notification arrives', () => eventually(() => seen.notification.some(({ status }) => status?.id === mention.id)));
    await bob.api.deleteStatus(mention.id);
    await checks.run('a deletion arrives', () => eventually(() => seen.delete.some((id) => String(id) === mention.id)));
  } finally {
    listener.removeAllListeners();
    listener.stop();
  }
}

const ann = await checks.run('sign in by OAuth', () => signIn(setting('GOMPH_EMAIL'), setting('GOMPH_PASSWORD')));
const bob = await checks.run('a second person signs in', () => signIn(setting('GOMPH_EMAIL2'), setting('GOMPH_PASSWORD2')));
if (ann && bob) for (const part of [posting, people, streaming]) await checks.guard(part.name, () => part(ann, bob));
checks.finish();
