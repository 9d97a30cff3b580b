-- Written by domain/statuses: posts that wait for their time. draft: JSON, see statuses.Scheduled.
CREATE TABLE scheduled_statuses (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  scheduled_at BIGINT NOT NULL,
  draft TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX scheduled_statuses_account ON scheduled_statuses (account_id, id);

-- The post in waiting that has an attachment; 0 for none.
ALTER TABLE media_attachments ADD COLUMN scheduled_status_id BIGINT NOT NULL DEFAULT 0;
CREATE INDEX media_attachments_scheduled ON media_attachments (scheduled_status_id) WHERE scheduled_status_id <> 0;
