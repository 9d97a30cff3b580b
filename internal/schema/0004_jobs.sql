-- Jobs: state 3 is "held": due, but set aside because its lane has all the slots that it may have. A claim that looks for
-- work does not meet such rows, however many they are.
ALTER TABLE jobs ADD COLUMN unique_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_held ON jobs (queue, lane, run_at, id) WHERE state = 3;
CREATE INDEX jobs_keys ON jobs (unique_until) WHERE unique_until > 0 AND state <> 2;
CREATE INDEX jobs_failing ON jobs (queue) WHERE state = 0 AND attempt > 0;
CREATE INDEX jobs_died ON jobs (queue, run_at, id) WHERE state = 2;

-- What a process does, told with its heartbeat.
ALTER TABLE processes ADD COLUMN queues TEXT NOT NULL DEFAULT '';
ALTER TABLE processes ADD COLUMN slots BIGINT NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN running BIGINT NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN abandoned BIGINT NOT NULL DEFAULT 0;

-- The last run of each piece of recurring work: who emitted it, under which token of the lease, and how it ended.
ALTER TABLE scheduled_runs ADD COLUMN every BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN entered_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE scheduled_runs ADD COLUMN token BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN job_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN ended_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN took BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE scheduled_runs ADD COLUMN ok_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scheduled_runs ADD COLUMN skipped BIGINT NOT NULL DEFAULT 0;

-- What happened in a minute, counted by each process for itself; queue '' is the process as a whole. waits is how long jobs
-- waited for a slot: how many in each of the ranges of kit/jobs, with commas. connections is milliseconds in which they were in use.
CREATE TABLE job_minutes (
  minute BIGINT NOT NULL,
  queue TEXT NOT NULL,
  process BIGINT NOT NULL,
  emitted BIGINT NOT NULL,
  succeeded BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  later BIGINT NOT NULL,
  died BIGINT NOT NULL,
  abandoned BIGINT NOT NULL,
  busy BIGINT NOT NULL,
  statements BIGINT NOT NULL,
  connections BIGINT NOT NULL,
  waits TEXT NOT NULL,
  PRIMARY KEY (minute, queue, process)
);

-- Queues that nobody works on until they are resumed.
CREATE TABLE paused_queues (
  queue TEXT PRIMARY KEY,
  paused_at BIGINT NOT NULL
);

-- What an admin set for running workers: scope is '' for all, a host, or the id of a process; '' and 0 keep what a worker was started with.
CREATE TABLE worker_settings (
  scope TEXT PRIMARY KEY,
  queues TEXT NOT NULL,
  slots BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);

-- The folders of files that every process must see, and the mark by which each is known.
CREATE TABLE shared_folders (
  name TEXT PRIMARY KEY,
  mark TEXT NOT NULL,
  host TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
