-- Few of many rows: who is of here, who looks after the server, who waits for approval, the mutes that end.
CREATE INDEX accounts_local ON accounts (id) WHERE domain = '';
CREATE INDEX users_staff ON users (account_id) WHERE role <> 'user';
CREATE INDEX mutes_expiring ON mutes (expires_at) WHERE expires_at <> 0;
CREATE INDEX users_pending ON users (id) WHERE NOT approved;

-- What is in a collection, in its order.
CREATE INDEX collection_items_collection ON collection_items (collection_id, position, id);
