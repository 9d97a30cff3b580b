// Uses Gomph by masto.js, a typed client that others wrote: signs in by OAuth, posts, pages, and listens by WebSocket, with two people.
// Environment: GOMPH_URL, GOMPH_EMAIL, GOMPH_PASSWORD, and GOMPH_EMAIL2, GOMPH_PASSWORD2 for a second person.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createOAuthAPIClient, createRestAPIClient, createStreamingAPIClient } from 'masto';
import WebSocket from 'ws';
import { Checks, eventually, Listening, setting } from './checks.js';

const url = setting('GOMPH_URL').replace(/\/$/, '');
const redirectUri = 'urn:ietf:wg:oauth:2.0:oob';
const scope = 'read write follow push';
const checks = new Checks();

async function signIn(email, password) {
  const app = await createRestAPIClient({ url }).v1.apps.create({ clientName: 'masto.js test', redirectUris: redirectUri, scopes: scope });
  const address = `${url}/oauth/authorize?${new URLSearchParams({ client_id: app.clientId, redirect_uri: redirectUri, response_type: 'code', scope })}`;
  const browser = fileURLToPath(new URL('browser.py', import.meta.url));
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [browser, address, email, password]);
  const oauth = createOAuthAPIClient({ url });
  const { clientId, clientSecret } = app;
  const token = await oauth.token.create({ grantType: 'authorization_code', code: stdout.trim(), clientId, clientSecret, redirectUri });
  assert.equal(token.scope, scope);
  const rest = createRestAPIClient({ url, accessToken: token.accessToken });
  const me = await rest.v1.accounts.verifyCredentials();
  const revoke = () => oauth.revoke({ clientId, clientSecret, token: token.accessToken });
  return { rest, me, revoke, token: token.accessToken };
}

async function posting(ann, bob) {
  const { statuses } = ann.rest.v1;
  const post = await statuses.create({ status: 'Hello from masto.js #MastoTest', visibility: 'public', language: 'en' });
  await checks.run('a post is as it was written', () => {
    assert.match(post.content, /Hello from masto\.js/);
    assert.deepEqual(post.tags.map((tag) => tag.name.toLowerCase()), ['mastotest']);
    assert.equal(post.account.id, ann.me.id);
    assert.match(post.id, /^\d+$/);
    assert.ok(!Number.isNaN(Date.parse(post.createdAt)));
  });
  await checks.run('a poll can be voted in once', async () => {
    const asked = await statuses.create({ status: 'which?', poll: { options: ['one', 'two'], expiresIn: 3600 } });
    const voted = await bob.rest.v1.polls.$select(asked.poll.id).votes.create({ choices: [1] });
    assert.deepEqual([voted.voted, voted.ownVotes, voted.options.map((option) => option.votesCount)], [true, [1], [0, 1]]);
    await assert.rejects(bob.rest.v1.polls.$select(asked.poll.id).votes.create({ choices: [0] }));
  });
  await checks.run('a reply stands in the context', async () => {
    const reply = await bob.rest.v1.statuses.create({ status: `@${ann.me.acct} hi`, inReplyToId: post.id });
    const context = await statuses.$select(post.id).context.fetch();
    assert.deepEqual(context.descendants.map((status) => status.id), [reply.id]);
    assert.equal(reply.inReplyToAccountId, ann.me.id);
  });
  await checks.run('favourite and boost are counted', async () => {
    assert.equal((await bob.rest.v1.statuses.$select(post.id).favourite()).favourited, true);
    assert.equal((await bob.rest.v1.statuses.$select(post.id).reblog()).reblog.id, post.id);
    const { favouritesCount, reblogsCount } = await statuses.$select(post.id).fetch();
    assert.deepEqual([favouritesCount, reblogsCount], [1, 1]);
  });
  await checks.run('an edit shows', async () => {
    const { content, editedAt } = await statuses.$select(post.id).update({ status: 'Edited by masto.js' });
    assert.match(content, /Edited/);
    assert.ok(editedAt);
  });
  await checks.run('what is deleted is not found, with its kind of error', async () => {
    await statuses.$select(post.id).remove();
    await assert.rejects(statuses.$select(post.id).fetch(), { name: 'MastoHttpError', statusCode: 404 });
  });
}

async function paging(ann) {
  const made = [];
  for (let number = 0; number < 9; number++) made.unshift((await ann.rest.v1.statuses.create({ status: `page ${number}` })).id);
  const seen = [];
  for await (const page of ann.rest.v1.accounts.$select(ann.me.id).statuses.list({ limit: 4 })) {
    assert.ok(page.length <= 4);
    seen.push(...page.map((status) => status.id));
    if (seen.length >= made.length) break;
  }
  assert.deepEqual(seen.slice(0, made.length), made);
}

async function people(ann, bob) {
  const bobFromAnn = ann.rest.v1.accounts.$select(bob.me.id);
  await checks.run('follow and be followed', async () => {
    assert.equal((await bobFromAnn.follow({ notify: true })).following, true);
    const [relation] = await bob.rest.v1.accounts.relationships.fetch({ id: [ann.me.id] });
    assert.equal(relation.followedBy, true);
  });
  await checks.run('search and look up', async () => {
    const found = await ann.rest.v2.search.list({ q: `@${bob.me.acct}`, type: 'accounts' });
    assert.ok(found.accounts.some((account) => account.id === bob.me.id));
    assert.equal((await ann.rest.v1.accounts.lookup({ acct: bob.me.acct })).id, bob.me.id);
  });
  await checks.run('block hides', async () => {
    assert.equal((await bobFromAnn.block()).blocking, true);
    await assert.rejects(bob.rest.v1.accounts.$select(ann.me.id).follow());
    assert.equal((await bobFromAnn.unblock()).blocking, false);
    await bobFromAnn.follow();
  });
  await checks.run('instance v1 and v2', async () => {
    const [first, second] = [await ann.rest.v1.instance.fetch(), await ann.rest.v2.instance.fetch()];
    assert.ok(url.includes(second.domain) && url.includes(first.uri));
    assert.match(second.configuration.urls.streaming, /^wss?:/);
  });
}

async function noticing(ann, bob) {
  const { notifications } = ann.rest.v2;
  await checks.run('notifications come in groups', async () => {
    const post = await ann.rest.v1.statuses.create({ status: 'to be liked' });
    await bob.rest.v1.statuses.$select(post.id).favourite();
    const { notificationGroups, accounts } = await eventually(async () => {
      const found = await notifications.list({ types: ['favourite'] });
      return found.notificationGroups.some((group) => group.statusId === post.id) && found;
    });
    const group = notificationGroups.find(({ statusId }) => statusId === post.id);
    assert.deepEqual([group.notificationsCount, group.sampleAccountIds], [1, [bob.me.id]]);
    assert.ok(accounts.some(({ id }) => id === bob.me.id));
    assert.ok((await notifications.unreadCount.fetch()).count >= 1);
    await notifications.$select(group.groupKey).dismiss();
    assert.ok(!(await notifications.list()).notificationGroups.some(({ groupKey }) => groupKey === group.groupKey));
  });
  await checks.run('a policy keeps strangers apart until they are let in', async () => {
    await ann.rest.v1.accounts.$select(bob.me.id).unfollow();
    const policy = await notifications.policy.update({ forNotFollowing: 'filter' });
    assert.equal(policy.forNotFollowing, 'filter');
    const mention = await bob.rest.v1.statuses.create({ status: `@${ann.me.acct} let me in` });
    const { requests } = ann.rest.v1.notifications;
    const [request] = await eventually(async () => {
      const list = await requests.list();
      return list.length > 0 && list;
    });
    assert.deepEqual([request.account.id, request.lastStatus.id], [bob.me.id, mention.id]);
    await requests.$select(request.id).accept();
    assert.deepEqual(await requests.list(), []);
    assert.ok((await ann.rest.v1.notifications.list()).some(({ status }) => status?.id === mention.id));
    await notifications.policy.update({ forNotFollowing: 'accept' });
  });
  await checks.run('an app subscribes to be told while it is closed', async () => {
    const { subscription } = ann.rest.v1.push;
    const keys = { p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4', auth: 'BTBZMqHH6r4Tts7J_aSIgg' };
    const made = await subscription.create({ subscription: { endpoint: 'https://push.example/ann', keys }, data: { alerts: { poll: true }, policy: 'none' } });
    const { configuration } = await ann.rest.v2.instance.fetch();
    assert.deepEqual([made.endpoint, made.alerts.poll, made.serverKey], ['https://push.example/ann', true, configuration.vapid.publicKey]);
    assert.equal((await subscription.fetch()).alerts.mention, false);
    await subscription.remove();
    await assert.rejects(subscription.fetch(), { statusCode: 404 });
  });
  await checks.run('a hashtag is followed home', async () => {
    assert.equal((await ann.rest.v1.tags.$select('mastohome').follow()).following, true);
    const post = await bob.rest.v1.statuses.create({ status: 'for #MastoHome' });
    await eventually(async () => (await ann.rest.v1.timelines.home.list()).some(({ id }) => id === post.id));
    assert.deepEqual((await ann.rest.v1.followedTags.list()).map(({ name }) => name.toLowerCase()), ['mastohome']);
    assert.equal((await ann.rest.v1.tags.$select('mastohome').unfollow()).following, false);
  });
  await checks.run('people are found, suggested and shown', async () => {
    await bob.rest.v1.accounts.updateCredentials({ discoverable: true });
    assert.ok((await ann.rest.v1.directory.list({ local: true })).some(({ id }) => id === bob.me.id));
    assert.ok(Array.isArray(await ann.rest.v2.suggestions.list()));
    await ann.rest.v1.accounts.$select(bob.me.id).follow();
    assert.equal((await ann.rest.v1.accounts.$select(bob.me.id).pin()).endorsed, true);
    assert.ok((await ann.rest.v1.endorsements.list()).some(({ id }) => id === bob.me.id));
  });
}

async function keeping(ann, bob) {
  await checks.run('a picture is posted, and described afterwards', async () => {
    const file = new Blob([Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC', 'base64')], { type: 'image/png' });
    const media = await ann.rest.v2.media.create({ file, description: 'red' });
    assert.equal((await ann.rest.v1.media.$select(media.id).update({ description: 'still red' })).description, 'still red');
    const post = await ann.rest.v1.statuses.create({ status: 'a picture', mediaIds: [media.id] });
    assert.deepEqual(post.mediaAttachments.map(({ type, description }) => [type, description]), [['image', 'still red']]);
  });
  await checks.run('a list has its timeline', async () => {
    const { lists } = ann.rest.v1;
    const list = await lists.create({ title: 'friends', repliesPolicy: 'followed', exclusive: true });
    await lists.$select(list.id).accounts.create({ accountIds: [bob.me.id] });
    const post = await bob.rest.v1.statuses.create({ status: 'for the list' });
    await eventually(async () => (await ann.rest.v1.timelines.list.$select(list.id).list()).some(({ id }) => id === post.id));
    assert.ok(!(await ann.rest.v1.timelines.home.list()).some(({ id }) => id === post.id), 'an exclusive list keeps it from home');
    await lists.$select(list.id).remove();
  });
  await checks.run('a filter marks what it matches', async () => {
    const { filters } = ann.rest.v2;
    const filter = await filters.create({ title: 'spoilers', context: ['public'], filterAction: 'warn', keywordsAttributes: [{ keyword: 'narwhal', wholeWord: true }] });
    const post = await bob.rest.v1.statuses.create({ status: 'a narwhal appears' });
    const shown = (await ann.rest.v1.timelines.public.list({ local: true })).find(({ id }) => id === post.id);
    assert.deepEqual(shown.filtered.map((one) => [one.filter.id, one.keywordMatches]), [[filter.id, ['narwhal']]]);
    await filters.$select(filter.id).remove();
    assert.deepEqual(await filters.list(), []);
  });
  await checks.run('search finds a post by its words', async () => {
    const post = await ann.rest.v1.statuses.create({ status: 'an unmistakable mastojsword' });
    await eventually(async () => (await ann.rest.v2.search.list({ q: 'mastojsword from:me', type: 'statuses' })).statuses.some(({ id }) => id === post.id));
  });
}

async function streaming(ann, bob) {
  const { configuration } = await ann.rest.v2.instance.fetch();
  const client = createStreamingAPIClient({ streamingApiUrl: configuration.urls.streaming, accessToken: ann.token, implementation: WebSocket, retry: 3 });
  const post = (status) => bob.rest.v1.statuses.create({ status });
  try {
    const user = new Listening(client.user.subscribe());
    const everyone = new Listening(client.public.subscribe());
    const tag = new Listening(client.hashtag.subscribe({ tag: 'livemasto' }));
    // A subscription is not acknowledged, so posts are sent until the first is heard.
    await checks.run('the user stream starts', () => user.started(() => post('probe')));
    await checks.run('the public stream starts', () => everyone.started(() => post('probe')));
    await checks.run('the hashtag stream starts', () => tag.started(() => post('probe #LiveMasto')));
    const live = await post('live #LiveMasto');
    for (const [name, stream] of Object.entries({ user, everyone, tag }))
      await checks.run(`${name}: a new post arrives`, () => stream.wait('update', (status) => status.id === live.id));
    await checks.run('an edit arrives', async () => {
      await bob.rest.v1.statuses.$select(live.id).update({ status: 'live, edited #LiveMasto' });
      const status = await user.wait('status.update', ({ id }) => id === live.id);
      assert.match(status.content, /edited/);
    });
    await checks.run('a notification arrives', async () => {
      const mention = await post(`@${ann.me.acct} are you there?`);
      const notification = await user.wait('notification', ({ status }) => status?.id === mention.id);
      assert.deepEqual([notification.type, notification.account.id], ['mention', bob.me.id]);
    });
    await checks.run('a deletion arrives', async () => {
      await bob.rest.v1.statuses.$select(live.id).remove();
      for (const stream of [user, everyone, tag]) await stream.wait('delete', (id) => id === live.id);
    });
    await checks.run('a post without the tag does not arrive there', async () => {
      const silent = await post('no tag');
      const loud = await post('again #LiveMasto');
      await tag.wait('update', ({ id }) => id === loud.id);
      assert.ok(!tag.past.some(({ payload }) => payload?.id === silent.id));
    });
  } finally {
    client.close();
  }
}

const ann = await checks.run('sign in by OAuth', () => signIn(setting('GOMPH_EMAIL'), setting('GOMPH_PASSWORD')));
const bob = await checks.run('a second person signs in', () => signIn(setting('GOMPH_EMAIL2'), setting('GOMPH_PASSWORD2')));
if (ann && bob) {
  for (const part of [posting, people, noticing, keeping, streaming]) await checks.guard(part.name, () => part(ann, bob));
  await checks.run('pages join without a gap', () => paging(ann));
  await checks.run('a revoked token opens nothing', async () => {
    await bob.revoke();
    await assert.rejects(bob.rest.v1.accounts.verifyCredentials(), { statusCode: 401 });
  });
}
checks.finish();
