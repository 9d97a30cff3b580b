// The actor of the test peer: what it has, what it does when told, and what it answers by itself.
import { Accept, createFederation, Follow, isActor, MemoryKvStore, Object as APObject, Reject, Undo } from '@fedify/fedify';
import { Acts } from './acts.js';
import { declare } from './routes.js';

export const identifier = 'peer';

export class Peer extends Acts {
  /** Activities that came in, after Fedify verified that their actor signed them. */
  seen = [];
  followers = new Map();
  following = new Map();
  /** Our own posts by their key; a deleted one is kept as a tombstone. */
  posts = new Map();
  /** Our own activities by their id, to undo them later. */
  activities = new Map();
  #federation;

  static async create(options) {
    const peer = new Peer();
    Object.assign(peer, options);
    peer.host = new URL(peer.base).host;
    peer.handle = `@${peer.name}@${peer.host}`;
    peer.#federation = createFederation({
      kv: new MemoryKvStore(),
      // No queue: what is sent is sent before `act` answers, and a failure is the test's to see.
      allowPrivateAddress: true,
      origin: peer.base,
      firstKnock: peer.firstKnock,
      userAgent: { software: 'GomphTestPeer/1.0', url: peer.base },
    });
    await declare(peer.#federation, peer);
    peer.id = peer.context().getActorUri(identifier).href;
    return peer;
  }

  context() {
    return this.#federation.createContext(new URL(this.base), undefined);
  }

  fetch(request) {
    return this.#federation.fetch(request, {
      contextData: undefined,
      onNotFound: () => new Response('not found', { status: 404 }),
      onNotAcceptable: () => new Response('<!doctype html><title>peer</title>', { headers: { 'Content-Type': 'text/html', Vary: 'Accept' } }),
    });
  }

  /** Notes a verified activity and does what any server would do about it. */
  async receive(ctx, activity) {
    this.seen.push({
      type: activity.constructor.name,
      id: activity.id?.href,
      signer: activity.actorId?.href,
      object: activity.objectId?.href,
      json: await activity.toJsonLd({ contextLoader: ctx.contextLoader }),
    });
    if (activity instanceof Follow) return this.#followed(ctx, activity);
    if (activity instanceof Accept || activity instanceof Reject) return this.#answered(activity);
    if (activity instanceof Undo) {
      const undone = await activity.getObject(ctx);
      if (undone instanceof Follow) this.followers.delete(activity.actorId.href);
    }
  }

  async #followed(ctx, follow) {
    if (follow.objectId?.href !== this.id) return;
    const follower = await follow.getActor(ctx);
    if (!isActor(follower) || !follower.inboxId) throw new Error(`${follow.actorId} is no actor with an inbox`);
    this.followers.set(follower.id.href, follower);
    if (this.acceptsFollows) await this.send(new Accept({ id: this.newId('accept'), actor: new URL(this.id), object: follow }), [follower]);
  }

  #answered(answer) {
    // By its id, since the copy of our activity that came along proves nothing.
    const target = this.activities.get(answer.objectId?.href)?.objectId?.href;
    if (target !== answer.actorId?.href || !this.following.has(target)) return;
    if (answer instanceof Accept) this.following.set(target, 'accepted');
    else this.following.delete(target);
  }

  state() {
    return {
      followers: [...this.followers.keys()],
      following: Object.fromEntries(this.following),
      posts: [...this.posts.values()].map(({ id, content, deleted }) => ({ id: id.href, content, deleted: deleted ?? false })),
    };
  }

  /** Fetches, with a signature, an object by its address or an actor by its handle. */
  async resolve(target) {
    const ctx = this.context();
    const documentLoader = await ctx.getDocumentLoader({ identifier });
    const { document } = await documentLoader((await webfinger(target, new URL(this.base).protocol)).href);
    return APObject.fromJsonLd(document, { documentLoader, contextLoader: ctx.contextLoader });
  }

  async lookup(target) {
    const object = await this.resolve(target);
    return { type: object.constructor.name, actor: isActor(object), json: await object.toJsonLd({ contextLoader: this.context().contextLoader }) };
  }

  async collection(target) {
    const ids = [];
    for await (const item of this.context().traverseCollection(await this.resolve(target))) ids.push(item.id?.href ?? item.href);
    return ids;
  }
}

/** Turns a handle into an address. Fedify asks by https only, which few servers on loopback have. */
async function webfinger(target, protocol) {
  const handle = /^@?([^@/]+)@([^@/]+)$/.exec(target);
  if (!handle) return new URL(target);
  const resource = encodeURIComponent(`acct:${handle[1]}@${handle[2]}`);
  const response = await fetch(`${protocol}//${handle[2]}/.well-known/webfinger?resource=${resource}`, { headers: { Accept: 'application/jrd+json' } });
  if (!response.ok) throw new Error(`webfinger of ${target}: status ${response.status}`);
  const self = (await response.json()).links?.find((link) => link.rel === 'self' && /activity\+json|ld\+json/.test(link.type));
  if (!self) throw new Error(`webfinger of ${target} names no actor`);
  return new URL(self.href);
}
