// What the test peer shows to other servers.
import { Activity, Endpoints, generateCryptoKeyPair, Note, Person } from '@fedify/fedify';
import { identifier } from './actor.js';

/** Declares the actor, its collections, its posts and its inbox. */
export async function declare(federation, peer) {
  const keys = [await generateCryptoKeyPair('RSASSA-PKCS1-v1_5'), await generateCryptoKeyPair('Ed25519')];
  const ours = (id) => id === identifier;

  federation
    .setActorDispatcher('/users/{identifier}', async (ctx, id) => {
      if (!ours(id)) return null;
      const pairs = await ctx.getActorKeyPairs(id);
      return new Person({
        id: ctx.getActorUri(id),
        preferredUsername: peer.name,
        name: `Peer ${peer.name}`,
        summary: '<p>A server that others wrote.</p>',
        url: ctx.getActorUri(id),
        inbox: ctx.getInboxUri(id),
        outbox: ctx.getOutboxUri(id),
        followers: ctx.getFollowersUri(id),
        following: ctx.getFollowingUri(id),
        endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
        manuallyApprovesFollowers: !peer.acceptsFollows,
        publicKey: pairs[0].cryptographicKey,
        assertionMethods: pairs.map((pair) => pair.multikey),
      });
    })
    .mapHandle((_, name) => (name === peer.name ? identifier : null))
    .setKeyPairsDispatcher((_, id) => (ours(id) ? keys : []));

  federation
    .setInboxListeners('/users/{identifier}/inbox', '/inbox')
    .setSharedKeyDispatcher(() => ({ identifier }))
    .on(Activity, (ctx, activity) => peer.receive(ctx, activity))
    .onError((_, error) => console.error(error));

  federation.setFollowersDispatcher('/users/{identifier}/followers', (_, id) => (ours(id) ? { items: [...peer.followers.values()] } : null));
  federation.setFollowingDispatcher('/users/{identifier}/following', (_, id) =>
    ours(id) ? { items: [...peer.following.keys()].map((key) => new URL(key)) } : null,
  );
  federation
    .setOutboxDispatcher('/users/{identifier}/outbox', (_, id) => (ours(id) ? { items: [...peer.activities.values()].reverse() } : null))
    .setCounter((_, id) => (ours(id) ? peer.activities.size : null));

  federation.setObjectDispatcher(Note, '/users/{identifier}/posts/{key}', (_, values) => {
    const post = ours(values.identifier) ? peer.posts.get(values.key) : undefined;
    return post && !post.deleted ? peer.note(post) : null;
  });
  federation.setNodeInfoDispatcher('/nodeinfo/2.1', () => ({
    software: { name: 'gomph-test-peer', version: { major: 1, minor: 0, patch: 0 } },
    protocols: ['activitypub'],
    usage: { users: { total: 1 }, localPosts: peer.posts.size, localComments: 0 },
  }));
}
