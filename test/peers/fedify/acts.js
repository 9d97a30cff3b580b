// What the test peer can be told to do: each act makes an activity, sends it signed, and answers with the ids of what it made.
import {
  Accept, Announce, Block, Create, Delete, Follow, isActor, Like, Mention, Note, PUBLIC_COLLECTION, Reject, Tombstone, Undo, Update,
} from '@fedify/fedify';
import { Temporal } from '@js-temporal/polyfill';

const identifier = 'peer';
const html = (text) => `<p>${text.replace(/&/g, '&amp;').replace(/</g, '&lt;')}</p>`;

export class Acts {
  #made = 0;

  newId(kind) {
    return new URL(`/users/${identifier}#${kind}/${++this.#made}`, this.base);
  }

  /**
   * Does one act. `target` is the address of a remote actor or object (or an actor's handle), for edit, delete and undo of something of ours.
   * follow, block, like, boost: target. undo: target is the activity's id. post: text, visibility (public, unlisted, private, direct), warning,
   * mentions (a list of actors). reply: as post, and target. edit: target, text. delete: target. accept, reject: target is the follower.
   */
  async act({ do: verb, ...details }) {
    const act = {
      follow: this.#follow, block: this.#block, like: this.#like, boost: this.#boost, undo: this.#undo, post: this.#post, reply: this.#reply,
      edit: this.#edit, delete: this.#delete, accept: this.#accept, reject: this.#reject,
    }[verb];
    if (!act) throw new Error(`cannot ${verb}`);
    return act.call(this, details);
  }

  /** Signs and posts an activity to each recipient once, by its shared inbox where it has one. */
  async send(activity, recipients) {
    this.activities.set(activity.id.href, activity);
    const others = recipients.filter((recipient) => recipient.id.href !== this.id);
    if (others.length === 0) return;
    await this.context().sendActivity({ identifier }, others, activity, { preferSharedInbox: true, immediate: true, fanout: 'skip' });
  }

  async #actor(target) {
    const actor = await this.resolve(target);
    if (!isActor(actor)) throw new Error(`${target} is no actor`);
    return actor;
  }

  /** Fetches a remote post and its author. */
  async #object(target) {
    const object = await this.resolve(target);
    const author = object.attributionId;
    if (!author) throw new Error(`${target} has no author`);
    return { object, author: await this.#actor(author.href) };
  }

  get #me() {
    return new URL(this.id);
  }

  get #followersUri() {
    return this.context().getFollowersUri(identifier);
  }

  async #follow({ target }) {
    const actor = await this.#actor(target);
    this.following.set(actor.id.href, 'requested');
    const follow = new Follow({ id: this.newId('follow'), actor: this.#me, object: actor.id });
    await this.send(follow, [actor]);
    return { id: follow.id.href, object: actor.id.href };
  }

  async #block({ target }) {
    const actor = await this.#actor(target);
    const block = new Block({ id: this.newId('block'), actor: this.#me, object: actor.id });
    this.followers.delete(actor.id.href);
    this.following.delete(actor.id.href);
    await this.send(block, [actor]);
    return { id: block.id.href };
  }

  async #like({ target }) {
    const { object, author } = await this.#object(target);
    const like = new Like({ id: this.newId('like'), actor: this.#me, object: object.id });
    await this.send(like, [author]);
    return { id: like.id.href };
  }

  async #boost({ target }) {
    const { object, author } = await this.#object(target);
    const boost = new Announce({
      id: this.newId('boost'), actor: this.#me, object: object.id, to: PUBLIC_COLLECTION, ccs: [this.#followersUri, author.id],
      published: Temporal.Now.instant(),
    });
    await this.send(boost, [author, ...this.followers.values()]);
    return { id: boost.id.href };
  }

  async #undo({ target }) {
    const activity = this.activities.get(target);
    if (!activity) throw new Error(`${target} is not ours`);
    const about = await this.resolve(activity.objectId.href);
    const hears = isActor(about) ? about : await this.#actor(about.attributionId.href);
    if (activity instanceof Follow) this.following.delete(hears.id.href);
    const undo = new Undo({ id: this.newId('undo'), actor: this.#me, object: activity, tos: activity.toIds, ccs: activity.ccIds });
    await this.send(undo, activity instanceof Announce ? [hears, ...this.followers.values()] : [hears]);
    return { id: undo.id.href };
  }

  async #answer(Kind, { target }) {
    const follow = this.seen.findLast((one) => one.type === 'Follow' && one.signer === target);
    if (!follow) throw new Error(`${target} did not ask to follow`);
    const answer = new Kind({
      id: this.newId(Kind.name.toLowerCase()), actor: this.#me,
      object: new Follow({ id: new URL(follow.id), actor: new URL(target), object: this.#me }),
    });
    await this.send(answer, [await this.#actor(target)]);
    if (Kind === Reject) this.followers.delete(target);
    return { id: answer.id.href };
  }

  #accept(details) {
    return this.#answer(Accept, details);
  }

  #reject(details) {
    return this.#answer(Reject, details);
  }

  async #post({ text, visibility = 'public', warning, mentions = [], replyTo }) {
    const key = String(++this.#made);
    const mentioned = await Promise.all(mentions.map((mention) => this.#actor(mention)));
    const people = mentioned.map((actor) => actor.id);
    const [tos, ccs] = {
      public: [[PUBLIC_COLLECTION], [this.#followersUri, ...people]],
      unlisted: [[this.#followersUri], [PUBLIC_COLLECTION, ...people]],
      private: [[this.#followersUri], people],
      direct: [people, []],
    }[visibility];
    const post = {
      key, id: this.context().getObjectUri(Note, { identifier, key }), content: html(text), warning, tos, ccs, replyTo, mentioned,
      published: Temporal.Now.instant(), hears: visibility === 'direct' ? mentioned : [...mentioned, ...this.followers.values()],
    };
    this.posts.set(key, post);
    const create = new Create({ id: this.newId('create'), actor: this.#me, object: this.note(post), tos, ccs, published: post.published });
    await this.send(create, post.hears);
    return { id: create.id.href, object: post.id.href };
  }

  async #reply({ target, ...details }) {
    const { object, author } = await this.#object(target);
    return this.#post({ ...details, replyTo: object.id, mentions: [author.id.href, ...(details.mentions ?? [])] });
  }

  /** A post of ours as other servers see it. */
  note(post) {
    return new Note({
      id: post.id, attribution: this.#me, url: post.id, content: post.content, summary: post.warning, sensitive: Boolean(post.warning),
      tos: post.tos, ccs: post.ccs, replyTarget: post.replyTo, published: post.published, updated: post.updated,
      tags: post.mentioned.map((actor) => new Mention({ href: actor.id, name: `@${actor.preferredUsername}@${actor.id.host}` })),
    });
  }

  #own(target) {
    const post = [...this.posts.values()].find(({ id }) => id.href === target);
    if (!post) throw new Error(`${target} is not our post`);
    return post;
  }

  async #edit({ target, text, warning }) {
    const post = this.#own(target);
    Object.assign(post, { content: html(text), warning: warning ?? post.warning, updated: Temporal.Now.instant() });
    const update = new Update({ id: this.newId('update'), actor: this.#me, object: this.note(post), tos: post.tos, ccs: post.ccs, updated: post.updated });
    await this.send(update, post.hears);
    return { id: update.id.href };
  }

  async #delete({ target }) {
    const post = this.#own(target);
    post.deleted = true;
    const gone = new Delete({ id: this.newId('delete'), actor: this.#me, object: new Tombstone({ id: post.id }), tos: post.tos, ccs: post.ccs });
    await this.send(gone, post.hears);
    return { id: gone.id.href };
  }
}
