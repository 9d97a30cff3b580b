-- The circuit of a host that fails. Written by domain/instances.
-- retry_at: until then nothing is sent; 0 when the circuit is closed. Whoever moves it on may send one delivery as a probe.
ALTER TABLE instances ADD COLUMN retry_at BIGINT NOT NULL DEFAULT 0;
-- tries: how often in a row the circuit was opened or stayed open, for the back-off.
ALTER TABLE instances ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
-- failed_days: on how many days deliveries failed without one that arrived; failed_at: when the last one did.
ALTER TABLE instances ADD COLUMN failed_days BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN failed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN recovered_at BIGINT NOT NULL DEFAULT 0;
-- last_error: the kind of the last failure, as kit/fetch names it.
ALTER TABLE instances ADD COLUMN last_error TEXT NOT NULL DEFAULT '';
-- changed_at: when any of this changed, so that other processes read only what is new.
ALTER TABLE instances ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX instances_changed ON instances (changed_at) WHERE changed_at <> 0;

-- What waits for a host: to be released when it is back, to be counted, and to be kept in order.
CREATE INDEX jobs_lanes ON jobs (lane, id) WHERE lane <> '' AND state <> 2;
