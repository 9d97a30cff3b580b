-- The post that began a conversation here, and its author: they name it to other servers. 0 for one that began elsewhere, or before.
ALTER TABLE conversations ADD COLUMN parent_status_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN parent_account_id BIGINT NOT NULL DEFAULT 0;
