-- Relays pass public posts on between servers that do not know each other. Written by domain/instances.
-- kind: 'mastodon' (takes the posts themselves in its inbox), 'litepub' (an actor that is followed, and to which posts are announced).
-- state: 'idle', 'pending', 'accepted', 'rejected'. follow_uri is the id of the Follow that asked for it.
CREATE TABLE relays (
  id BIGINT PRIMARY KEY,
  kind TEXT NOT NULL,
  -- litepub: the relay's actor.
  actor_uri TEXT NOT NULL DEFAULT '',
  inbox_url TEXT NOT NULL,
  follow_uri TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'idle',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX relays_inbox ON relays (inbox_url);
